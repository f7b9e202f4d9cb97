//! What sources tell of themselves.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Complaints;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    source: String,
}

/// The metrics of all sources of a daemon.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    received: Family<Name, Counter>,
    refused: Family<Name, Counter>,
    sampled_out: Family<Name, Counter>,
    kernel_drops: Family<Name, Counter>,
    failures: Family<Name, Counter>,
    connections: Family<Name, Gauge>,
}

/// Those of one.
#[derive(Clone, Debug)]
pub struct SourceMetrics {
    name: Arc<str>,
    pub received: Counter,
    refused: Counter,
    pub sampled_out: Counter,
    pub kernel_drops: Counter,
    pub failures: Counter,
    pub connections: Gauge,
    complaints: Arc<Complaints>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_agent_source");
        registry.register("received", "Requests, datagrams, lines or messages that came in", metrics.received.clone());
        registry.register("refused", "Those that were not what they should be", metrics.refused.clone());
        registry.register(
            "sampled_out",
            "Datagrams that were passed over since the sample rate of a line was against it",
            metrics.sampled_out.clone(),
        );
        registry.register(
            "kernel_drops",
            "Datagrams that found the socket's buffer full, as the kernel counts them",
            metrics.kernel_drops.clone(),
        );
        registry.register("failures", "Times that reading failed for another reason", metrics.failures.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        metrics
    }

    /// The metrics of the source of that name; they go on when it is started again.
    pub fn of(&self, source: &str) -> SourceMetrics {
        let name = Name { source: source.into() };
        SourceMetrics {
            name: source.into(),
            received: self.received.get_or_create_owned(&name),
            refused: self.refused.get_or_create_owned(&name),
            sampled_out: self.sampled_out.get_or_create_owned(&name),
            kernel_drops: self.kernel_drops.get_or_create_owned(&name),
            failures: self.failures.get_or_create_owned(&name),
            connections: self.connections.get_or_create_owned(&name),
            complaints: Arc::default(),
        }
    }
}

impl SourceMetrics {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts input that is refused, and says why now and then.
    pub fn refuse(&self, error: &dyn std::error::Error) {
        self.refused.inc();
        self.complaints.tell(&self.name, error);
    }

    #[cfg(test)]
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }
}
