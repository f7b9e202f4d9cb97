//! What the target says about itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Partition {
    pub partition: u16,
}

pub(crate) struct Metrics {
    pub records: Counter,
    pub samples: Counter,
    pub duplicates: Counter,
    pub poison: Counter,
    pub lost_records: Counter,
    pub lag_records: Family<Partition, Gauge>,
    pub watermark_seconds: Family<Partition, Gauge>,
    pub open_fragments: Family<Partition, Gauge>,
    pub open_samples: Family<Partition, Gauge>,
    pub known_batches: Family<Partition, Gauge>,
    pub series_rows: Counter,
    pub rows: Counter,
    pub flush_seconds: Histogram,
    pub live_windows: Counter,
    pub live_delay_seconds: Histogram,
    pub live_dropped: Counter,
    pub ticks: Counter,
    pub retries: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            records: Counter::default(),
            samples: Counter::default(),
            duplicates: Counter::default(),
            poison: Counter::default(),
            lost_records: Counter::default(),
            lag_records: Family::default(),
            watermark_seconds: Family::default(),
            open_fragments: Family::default(),
            open_samples: Family::default(),
            known_batches: Family::default(),
            series_rows: Counter::default(),
            rows: Counter::default(),
            flush_seconds: Histogram::new(exponential_buckets(0.01, 2.0, 13)),
            live_windows: Counter::default(),
            live_delay_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
            live_dropped: Counter::default(),
            ticks: Counter::default(),
            retries: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("tidegate_rollup");
        registry.register("records", "Records read from the log, ticks included", metrics.records.clone());
        registry.register("samples", "Samples placed into fragments", metrics.samples.clone());
        registry.register("duplicates", "Samples of batches that were counted before", metrics.duplicates.clone());
        registry.register("poison", "Records that could not be read in full", metrics.poison.clone());
        registry.register(
            "lost_records",
            "Records that the log dropped before they were read",
            metrics.lost_records.clone(),
        );
        registry.register("lag_records", "Records in the log that were not read yet", metrics.lag_records.clone());
        registry.register(
            "watermark_seconds",
            "Effective time of the partition, as Unix time",
            metrics.watermark_seconds.clone(),
        );
        registry.register("open_fragments", "Fragments that still take samples", metrics.open_fragments.clone());
        registry.register("open_samples", "Samples in memory that are not stored yet", metrics.open_samples.clone());
        registry.register("known_batches", "Batch ids and sessions remembered", metrics.known_batches.clone());
        registry.register("series_rows", "Rows written that say which series a day has", metrics.series_rows.clone());
        registry.register("rows", "Rows of windows written to the store", metrics.rows.clone());
        registry.register(
            "flush_seconds",
            "Time from the close of fragments until they and the progress are stored",
            metrics.flush_seconds.clone(),
        );
        registry.register("live_windows", "Windows published to metrics-rollup", metrics.live_windows.clone());
        registry.register_with_unit(
            "live_delay",
            "From the append of the record that made windows due until the log has them in metrics-rollup, by the log's clock",
            Unit::Seconds,
            metrics.live_delay_seconds.clone(),
        );
        registry.register(
            "live_dropped",
            "Windows too large for a record of metrics-rollup; they are in the store only",
            metrics.live_dropped.clone(),
        );
        registry.register("ticks", "Empty records appended to idle partitions", metrics.ticks.clone());
        registry.register("retries", "Calls of the log or the store that were tried again", metrics.retries.clone());
        metrics
    }

    /// Drops what is said of a partition that is no longer ours.
    pub fn forget(&self, partition: u16) {
        let label = Partition { partition };
        self.lag_records.remove(&label);
        self.watermark_seconds.remove(&label);
        self.open_fragments.remove(&label);
        self.open_samples.remove(&label);
        self.known_batches.remove(&label);
    }
}
