//! What is used, beside what may be.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::time::Instant;

use super::{Account, Rate};

/// What a tenant uses of this process, beside what it may.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    pub tenant: String,
    pub requests_per_second: Used<f64>,
    pub samples_per_second: Used<f64>,
    pub active_series: Used<u64>,
    /// Used: those of the last minute.
    pub new_series_per_minute: Used<u64>,
    pub labels_per_series: Limit,
    pub label_name_bytes: Limit,
    pub label_value_bytes: Limit,
    pub concurrent_queries: Used<u64>,
    pub samples_per_query: Limit,
    pub query_timeout_ms: Limit,
    pub streams: Used<u64>,
    /// Requests that a limit refused since the process started.
    pub refused_requests: u64,
    /// Those of its tokens that have limits of their own.
    pub tokens: Vec<TokenUsage>,
}

/// Likewise a token.
#[derive(Clone, Debug, Serialize)]
pub struct TokenUsage {
    pub name: String,
    pub requests_per_second: Used<f64>,
    pub samples_per_second: Used<f64>,
    pub concurrent_queries: Used<u64>,
    pub samples_per_query: Limit,
    pub query_timeout_ms: Limit,
    pub streams: Used<u64>,
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

fn rate(rate: &Rate, limit: Option<u32>) -> Used<f64> {
    Used { used: rate.per_second(Instant::now()), limit: limit.map(u64::from) }
}

fn count(used: &AtomicU64, limit: Option<u64>) -> Used<u64> {
    Used { used: used.load(Ordering::Relaxed), limit }
}

fn size(limit: Option<usize>) -> Limit {
    Limit { limit: limit.map(|limit| limit as u64) }
}

impl Account {
    pub fn usage(&self, tokens: Vec<TokenUsage>) -> Usage {
        let limits = self.limits();
        Usage {
            tenant: self.id.to_string(),
            requests_per_second: rate(&self.requests, limits.requests_per_second),
            samples_per_second: rate(&self.samples, limits.samples_per_second),
            active_series: count(&self.active_series, limits.active_series),
            new_series_per_minute: Used {
                used: self.new_in_last_minute(),
                limit: limits.new_series_per_minute.map(u64::from),
            },
            labels_per_series: size(limits.labels_per_series),
            label_name_bytes: size(limits.label_name_bytes),
            label_value_bytes: size(limits.label_value_bytes),
            concurrent_queries: count(&self.queries, limits.concurrent_queries),
            samples_per_query: Limit { limit: limits.samples_per_query },
            query_timeout_ms: Limit { limit: limits.query_timeout_ms },
            streams: count(&self.streams, limits.streams),
            refused_requests: self.refused.load(Ordering::Relaxed),
            tokens,
        }
    }

    /// Of the account of a token.
    pub fn token_usage(&self, name: &str) -> TokenUsage {
        let limits = self.limits();
        TokenUsage {
            name: name.to_owned(),
            requests_per_second: rate(&self.requests, limits.requests_per_second),
            samples_per_second: rate(&self.samples, limits.samples_per_second),
            concurrent_queries: count(&self.queries, limits.concurrent_queries),
            samples_per_query: Limit { limit: limits.samples_per_query },
            query_timeout_ms: Limit { limit: limits.query_timeout_ms },
            streams: count(&self.streams, limits.streams),
            refused_requests: self.refused.load(Ordering::Relaxed),
        }
    }
}
