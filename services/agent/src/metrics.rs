//! The agent's metrics about itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::outbox;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Collector {
    pub collector: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    pub reason: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    pub collected_samples: Counter,
    pub collect_errors: Family<Collector, Counter>,
    pub pushes: Family<Outcome, Counter>,
    pub rejected_samples: Counter,
    pub dropped_batches: Family<Reason, Counter>,
    pub buffered_batches: Gauge,
    pub buffered_bytes: Gauge,
    pub breaker_open: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_agent");
        registry.register("collected_samples", "Samples read from this host", metrics.collected_samples.clone());
        registry.register("collect_errors", "Readings that failed", metrics.collect_errors.clone());
        registry.register("pushes", "Pushes by how they ended", metrics.pushes.clone());
        registry.register("rejected_samples", "Samples that the gateway refused", metrics.rejected_samples.clone());
        registry.register("dropped_batches", "Batches given up", metrics.dropped_batches.clone());
        registry.register("buffered_batches", "Batches that wait for the gateway", metrics.buffered_batches.clone());
        registry.register("buffered_bytes", "Bytes of batches that wait", metrics.buffered_bytes.clone());
        registry.register("breaker_open", "1 while pushes are held back", metrics.breaker_open.clone());
        metrics
    }
    /// The outbox's part of them.
    pub fn outbox(&self) -> outbox::Metrics {
        let pushes = |outcome| self.pushes.get_or_create_owned(&Outcome { outcome });
        let dropped = |reason| self.dropped_batches.get_or_create_owned(&Reason { reason });
        outbox::Metrics {
            stored: pushes("stored"),
            refused: pushes("refused"),
            limited: pushes("limited"),
            failed: pushes("failed"),
            rejected_samples: self.rejected_samples.clone(),
            dropped_full: dropped("full"),
            dropped_old: dropped("old"),
            dropped_refused: dropped("refused"),
            buffered_batches: self.buffered_batches.clone(),
            buffered_bytes: self.buffered_bytes.clone(),
            breaker_open: self.breaker_open.clone(),
        }
    }
}
