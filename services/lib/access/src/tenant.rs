//! What a tenant may use of one process, and what it uses.

mod rate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tidegate_model::TenantId;
use tokio::time::Instant;

use crate::metrics::Metrics;
use rate::{Rate, TooFast};

/// Limits of a tenant in each process, beside those of the configuration,
/// which hold for all. What is not given has no limit of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantLimits {
    /// Pushes and queries, all clients together.
    pub requests_per_second: Option<u32>,
    pub samples_per_second: Option<u32>,
    /// Series with samples in the last one to two hours.
    pub active_series: Option<u64>,
    /// Queries that are evaluated or wait.
    pub concurrent_queries: Option<u64>,
    /// Samples that an evaluation reads, and values that it computes, in all.
    pub samples_per_query: Option<u64>,
    /// Open streams.
    pub streams: Option<u64>,
}

/// A limit that a request would exceed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's limit {limit} of {value} is reached")]
pub struct OverLimit {
    /// Its name in the file of tokens.
    pub limit: &'static str,
    pub value: u64,
    /// When it may pass; `None`: as it is, never.
    pub retry_after: Option<Duration>,
}

/// A tenant that tokens name. It stays the same when they are read again.
#[derive(Debug)]
pub struct Tenant {
    pub id: TenantId,
    limits: RwLock<TenantLimits>,
    requests: Rate,
    samples: Rate,
    active_series: AtomicU64,
    queries: AtomicU64,
    streams: AtomicU64,
    refused: AtomicU64,
    metrics: Metrics,
}

/// What a tenant holds until it is dropped.
#[derive(Debug)]
pub struct Held {
    tenant: Arc<Tenant>,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Query,
    Stream,
}

/// What a tenant uses of this process, beside what it may.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    pub tenant: String,
    pub requests_per_second: Used<f64>,
    pub samples_per_second: Used<f64>,
    pub active_series: Used<u64>,
    pub concurrent_queries: Used<u64>,
    pub samples_per_query: Limit,
    pub streams: Used<u64>,
    /// Requests that a limit refused since the process started.
    pub refused_requests: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Used<N> {
    pub used: N,
    /// `null`: none of its own.
    pub limit: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    pub limit: Option<u64>,
}

impl Tenant {
    pub(crate) fn new(id: TenantId, limits: TenantLimits, metrics: Metrics) -> Self {
        Self {
            id,
            limits: RwLock::new(limits),
            requests: Rate::default(),
            samples: Rate::default(),
            active_series: AtomicU64::new(0),
            queries: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            metrics,
        }
    }

    pub(crate) fn set_limits(&self, limits: TenantLimits) {
        *self.limits.write() = limits;
    }

    pub fn limits(&self) -> TenantLimits {
        self.limits.read().clone()
    }

    /// # Errors
    /// When the tenant has had its requests.
    pub fn request(&self) -> Result<(), OverLimit> {
        let limit = self.limits.read().requests_per_second;
        self.take(&self.requests, limit, 1, "requests_per_second")
    }

    /// # Errors
    /// When the tenant has had its samples, or these are more than it ever has.
    pub fn samples(&self, count: u64) -> Result<(), OverLimit> {
        let limit = self.limits.read().samples_per_second;
        self.take(&self.samples, limit, count, "samples_per_second")
    }

    fn take(&self, rate: &Rate, limit: Option<u32>, count: u64, name: &'static str) -> Result<(), OverLimit> {
        let taken = rate.take(count, limit, Instant::now());
        taken.map_err(|too_fast| {
            let retry_after = match too_fast {
                TooFast::Until(wait) => Some(wait),
                TooFast::Never => None,
            };
            self.over(name, u64::from(limit.unwrap_or(0)), retry_after)
        })
    }

    /// A query from its begin to its end.
    ///
    /// # Errors
    /// When the tenant has as many as it may.
    pub fn query(self: &Arc<Self>) -> Result<Held, OverLimit> {
        let limit = self.limits.read().concurrent_queries;
        self.hold(What::Query, limit, "concurrent_queries")
    }

    /// A stream from its begin to its end.
    ///
    /// # Errors
    /// When the tenant has as many as it may.
    pub fn stream(self: &Arc<Self>) -> Result<Held, OverLimit> {
        let limit = self.limits.read().streams;
        self.hold(What::Stream, limit, "streams")
    }

    fn hold(self: &Arc<Self>, what: What, limit: Option<u64>, name: &'static str) -> Result<Held, OverLimit> {
        const RETRY: Duration = Duration::from_secs(2);
        let more = |held: u64| limit.is_none_or(|limit| held < limit).then_some(held + 1);
        match self.held(what).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Held { tenant: self.clone(), what }),
            Err(_) => Err(self.over(name, limit.unwrap_or(0), Some(RETRY))),
        }
    }

    fn held(&self, what: What) -> &AtomicU64 {
        match what {
            What::Query => &self.queries,
            What::Stream => &self.streams,
        }
    }

    /// Counts a refusal by the limit of this name.
    pub fn over(&self, limit: &'static str, value: u64, retry_after: Option<Duration>) -> OverLimit {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.metrics.limited(self.id.as_str(), limit);
        OverLimit { limit, value, retry_after }
    }

    /// Told by who counts them.
    pub fn set_active_series(&self, count: u64) {
        self.active_series.store(count, Ordering::Relaxed);
    }

    pub fn usage(&self) -> Usage {
        let limits = self.limits();
        let now = Instant::now();
        let rate = |rate: &Rate, limit: Option<u32>| Used { used: rate.per_second(now), limit: limit.map(u64::from) };
        let count = |used: &AtomicU64, limit| Used { used: used.load(Ordering::Relaxed), limit };
        Usage {
            tenant: self.id.to_string(),
            requests_per_second: rate(&self.requests, limits.requests_per_second),
            samples_per_second: rate(&self.samples, limits.samples_per_second),
            active_series: count(&self.active_series, limits.active_series),
            concurrent_queries: count(&self.queries, limits.concurrent_queries),
            samples_per_query: Limit { limit: limits.samples_per_query },
            streams: count(&self.streams, limits.streams),
            refused_requests: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.tenant.held(self.what).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
