//! What the log says about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counted whether registered or not.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub(crate) delivery_failures: Counter,
    pub(crate) producers_replaced: Counter,
    pub(crate) rebalances: Counter,
    pub(crate) assigned_partitions: Gauge,
    pub(crate) unready_partitions: Gauge,
    pub(crate) repositioned_readers: Counter,
    pub(crate) failed_looks: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_kafka");
        registry.register(
            "delivery_failures",
            "Records that the brokers did not acknowledge, or that found the queue full",
            metrics.delivery_failures.clone(),
        );
        registry.register(
            "producers_replaced",
            "Producers that the client library gave up and that were made anew",
            metrics.producers_replaced.clone(),
        );
        registry.register(
            "rebalances",
            "Changes of the partitions that groups assign to this process",
            metrics.rebalances.clone(),
        );
        registry.register(
            "assigned_partitions",
            "Partitions that groups assign to this process, all groups together",
            metrics.assigned_partitions.clone(),
        );
        registry.register(
            "unready_partitions",
            "Partitions that take no records: no leader, or too few copies in sync",
            metrics.unready_partitions.clone(),
        );
        registry.register(
            "repositioned_readers",
            "Times that reading began at another offset than where the read before ended",
            metrics.repositioned_readers.clone(),
        );
        registry.register("failed_looks", "Looks at the topics that no broker answered", metrics.failed_looks.clone());
        metrics
    }
}
