//! What the file of tokens grants.

use serde::{Deserialize, Serialize};

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
    /// Series that become active within a minute.
    pub new_series_per_minute: Option<u32>,
    /// Labels of a series, the metric's name among them.
    pub labels_per_series: Option<usize>,
    pub label_name_bytes: Option<usize>,
    pub label_value_bytes: Option<usize>,
    /// Queries that are evaluated or wait.
    pub concurrent_queries: Option<u64>,
    /// Samples that an evaluation reads, and values that it computes, in all.
    pub samples_per_query: Option<u64>,
    /// Longest time of a query, and of a step of a stream.
    pub query_timeout_ms: Option<u64>,
    /// Open streams.
    pub streams: Option<u64>,
}

/// Limits of a token beside those of its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenLimits {
    pub requests_per_second: Option<u32>,
    pub samples_per_second: Option<u32>,
    pub concurrent_queries: Option<u64>,
    pub samples_per_query: Option<u64>,
    pub query_timeout_ms: Option<u64>,
    pub streams: Option<u64>,
}

/// Beyond these, series are not what the stored formats were made for.
const MOST_LABELS: usize = 1_000;
const MOST_NAME_BYTES: usize = 64 << 10;
const MOST_VALUE_BYTES: usize = 1 << 20;
/// Shorter, `__name__` itself would not fit.
const LEAST_NAME_BYTES: usize = 8;

impl TenantLimits {
    /// # Errors
    /// Naming a limit that makes no sense.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: Option<usize>, low: usize, high: usize| match value {
            Some(value) if !(low..=high).contains(&value) => Err(format!("{name} is {low} to {high}, not {value}")),
            _ => Ok(()),
        };
        within("labels_per_series", self.labels_per_series, 1, MOST_LABELS)?;
        within("label_name_bytes", self.label_name_bytes, LEAST_NAME_BYTES, MOST_NAME_BYTES)?;
        within("label_value_bytes", self.label_value_bytes, 1, MOST_VALUE_BYTES)?;
        // Zero is "none at all" elsewhere; a query takes some time always.
        match self.query_timeout_ms {
            Some(0) => Err("query_timeout_ms is 1 or more, not 0".into()),
            _ => Ok(()),
        }
    }
}

impl From<TokenLimits> for TenantLimits {
    fn from(limits: TokenLimits) -> Self {
        let TokenLimits {
            requests_per_second,
            samples_per_second,
            concurrent_queries,
            samples_per_query,
            query_timeout_ms,
            streams,
        } = limits;
        Self {
            requests_per_second,
            samples_per_second,
            concurrent_queries,
            samples_per_query,
            query_timeout_ms,
            streams,
            ..Self::default()
        }
    }
}
