//! What pipelines tell of themselves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    pipeline: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    pipeline: String,
    reason: &'static str,
}

/// The metrics of all pipelines of a daemon.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    records: Family<Name, Counter>,
    refused_records: Family<Name, Counter>,
    discarded_metrics: Family<Reason, Counter>,
    samples: Family<Name, Counter>,
    refused_samples: Family<Reason, Counter>,
    results: Family<Name, Counter>,
    series: Family<Name, Gauge>,
    open: Family<Name, Gauge>,
}

/// Those of one.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    pub records: Counter,
    pub refused_records: Counter,
    /// By a transformation, since two kinds would have to merge.
    pub discarded_kinds: Counter,
    /// By a transformation, since a name ended in what are no tags.
    pub discarded_tags: Counter,
    pub samples: Counter,
    pub refused_units: Counter,
    pub refused_series: Counter,
    pub refused_open: Counter,
    pub results: Counter,
    pub series: Gauge,
    pub open: Gauge,
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
        registry.register(
            "discarded_metrics",
            "Metrics of records that a transformation could not hand on, by reason",
            metrics.discarded_metrics.clone(),
        );
        registry.register("samples", "Samples aggregated", metrics.samples.clone());
        registry.register(
            "refused_samples",
            "Samples that no bucket took: of another unit than its first, of too many series or for too many buckets",
            metrics.refused_samples.clone(),
        );
        registry.register("results", "Results handed to the sinks, one a metric and bucket", metrics.results.clone());
        registry.register("series", "Metrics by dimensions that are remembered", metrics.series.clone());
        registry.register("open_series", "Series by open bucket", metrics.open.clone());
        metrics
    }

    /// The metrics of the pipeline of that name; they go on when it is started again.
    pub fn of(&self, name: &str) -> PipelineMetrics {
        let reason = |reason| Reason { pipeline: name.into(), reason };
        let name = Name { pipeline: name.into() };
        PipelineMetrics {
            records: self.records.get_or_create_owned(&name),
            refused_records: self.refused_records.get_or_create_owned(&name),
            discarded_kinds: self.discarded_metrics.get_or_create_owned(&reason("kind")),
            discarded_tags: self.discarded_metrics.get_or_create_owned(&reason("tags")),
            samples: self.samples.get_or_create_owned(&name),
            refused_units: self.refused_samples.get_or_create_owned(&reason("unit")),
            refused_series: self.refused_samples.get_or_create_owned(&reason("series")),
            refused_open: self.refused_samples.get_or_create_owned(&reason("buckets")),
            results: self.results.get_or_create_owned(&name),
            series: self.series.get_or_create_owned(&name),
            open: self.open.get_or_create_owned(&name),
        }
    }
}
