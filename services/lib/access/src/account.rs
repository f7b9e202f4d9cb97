//! What a tenant, or one of its tokens, may use of one process, and what it
//! uses.

mod limits;
mod rate;
mod usage;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tidegate_model::TenantId;
use tokio::time::Instant;

use crate::metrics::Metrics;
pub use limits::{TenantLimits, TokenLimits};
pub use rate::Minute;
use rate::{Rate, TooFast};
pub use usage::{TokenUsage, Usage};

/// A limit that a request would exceed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{whose} limit {limit} of {value} is reached")]
pub struct OverLimit {
    pub whose: Whose,
    /// Its name in the file of tokens.
    pub limit: &'static str,
    pub value: u64,
    /// When it may pass; `None`: as it is, never.
    pub retry_after: Option<Duration>,
}

/// Who has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Tenant,
    Token,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tenant => "the tenant's",
            Self::Token => "the token's",
        })
    }
}

/// A tenant that tokens name, or a token with limits. It stays the same when
/// they are read again.
#[derive(Debug)]
pub struct Account {
    pub id: TenantId,
    /// The token's name, where it is that of a token.
    token: Option<String>,
    limits: RwLock<TenantLimits>,
    requests: Rate,
    samples: Rate,
    active_series: AtomicU64,
    /// In a minute, and when that was told.
    new_series: Mutex<Option<(u64, Instant)>>,
    queries: AtomicU64,
    streams: AtomicU64,
    refused: AtomicU64,
    metrics: Metrics,
}

/// What a tenant holds until it is dropped.
#[derive(Debug)]
pub struct Held {
    account: Arc<Account>,
    what: What,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Query,
    Stream,
}

impl Account {
    pub(crate) fn new(id: TenantId, token: Option<String>, limits: TenantLimits, metrics: Metrics) -> Self {
        Self {
            id,
            token,
            limits: RwLock::new(limits),
            requests: Rate::default(),
            samples: Rate::default(),
            active_series: AtomicU64::new(0),
            new_series: Mutex::default(),
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
    /// When it has had its requests.
    pub(crate) fn request(&self) -> Result<(), OverLimit> {
        let limit = self.limits.read().requests_per_second;
        self.take(&self.requests, limit, 1, "requests_per_second")
    }

    /// # Errors
    /// When it has had its samples, or these are more than it ever has.
    pub(crate) fn samples(&self, count: u64) -> Result<(), OverLimit> {
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

    /// A query or stream from its begin to its end.
    ///
    /// # Errors
    /// When it has as many as it may.
    pub(crate) fn hold(self: &Arc<Self>, what: What) -> Result<Held, OverLimit> {
        const RETRY: Duration = Duration::from_secs(2);
        let (limit, name) = match what {
            What::Query => (self.limits.read().concurrent_queries, "concurrent_queries"),
            What::Stream => (self.limits.read().streams, "streams"),
        };
        let more = |held: u64| limit.is_none_or(|limit| held < limit).then_some(held + 1);
        match self.held(what).fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Held { account: self.clone(), what }),
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
        self.metrics.limited(self.id.as_str(), self.token.as_deref(), limit);
        let whose = if self.token.is_some() { Whose::Token } else { Whose::Tenant };
        OverLimit { whose, limit, value, retry_after }
    }

    /// Told by who counts them: those that are active, and of them those that
    /// became so within a minute.
    pub fn set_series(&self, active: u64, new_in_last_minute: u64) {
        self.active_series.store(active, Ordering::Relaxed);
        *self.new_series.lock() = Some((new_in_last_minute, Instant::now()));
    }

    fn new_in_last_minute(&self) -> u64 {
        let told = *self.new_series.lock();
        told.filter(|(_, then)| then.elapsed() < rate::MINUTE).map_or(0, |(count, _)| count)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.held(self.what).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
