//! What pipelines tell of themselves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    pipeline: String,
}

/// The metrics of all pipelines of a daemon.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    records: Family<Name, Counter>,
    refused_records: Family<Name, Counter>,
}

/// Those of one.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    pub records: Counter,
    pub refused_records: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_agent_pipeline");
        registry.register("records", "Records taken from sources", metrics.records.clone());
        registry.register(
            "refused_records",
            "Records given up since the pipeline had no room or was stopped, and their source cannot wait",
            metrics.refused_records.clone(),
        );
        metrics
    }

    /// The metrics of the pipeline of that name; they go on when it is started again.
    pub fn of(&self, name: &str) -> PipelineMetrics {
        let name = Name { pipeline: name.into() };
        PipelineMetrics {
            records: self.records.get_or_create_owned(&name),
            refused_records: self.refused_records.get_or_create_owned(&name),
        }
    }
}
