//! What the store says about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Counted whether registered or not.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) retries: Counter,
    pub(crate) given_up: Counter,
    pub(crate) noted_series: Counter,
    pub(crate) unreadable_chunks: Counter,
    pub(crate) write_seconds: Histogram,
    pub(crate) read_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        Self {
            retries: Counter::default(),
            given_up: Counter::default(),
            noted_series: Counter::default(),
            unreadable_chunks: Counter::default(),
            write_seconds: seconds(),
            read_seconds: seconds(),
        }
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_cassandra");
        registry.register("retries", "Requests that failed and were tried again", metrics.retries.clone());
        registry.register(
            "given_up",
            "Requests that failed for as long as retry_for_ms, or in a way that no retry mends",
            metrics.given_up.clone(),
        );
        registry.register("noted_series", "Series noted as having rows in an hour", metrics.noted_series.clone());
        registry.register(
            "unreadable_chunks",
            "Rows stored without their totals of a minute, as their chunk cannot be read",
            metrics.unreadable_chunks.clone(),
        );
        registry.register_with_unit(
            "write_duration",
            "Cassandra's time to answer a write of one or more rows, from its leaving; of each attempt, failed ones included",
            Unit::Seconds,
            metrics.write_seconds.clone(),
        );
        registry.register_with_unit(
            "read_duration",
            "Cassandra's time to answer a read, or a page of it; of each attempt, failed ones included",
            Unit::Seconds,
            metrics.read_seconds.clone(),
        );
        metrics
    }
}
