//! What the store says about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// Counted whether registered or not.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(crate) retries: Counter,
    pub(crate) given_up: Counter,
    pub(crate) noted_series: Counter,
    pub(crate) unreadable_chunks: Counter,
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
        registry.register(
            "noted_series",
            "Series noted as having rows in an hour, one request each",
            metrics.noted_series.clone(),
        );
        registry.register(
            "unreadable_chunks",
            "Rows stored without their totals of a minute, as their chunk cannot be read",
            metrics.unreadable_chunks.clone(),
        );
        metrics
    }
}
