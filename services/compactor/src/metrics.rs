//! The compactor's own metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub struct Metrics {
    pub objects: Counter,
    pub samples: Counter,
    pub bytes: Counter,
    pub ship_seconds: Histogram,
    pub failures: Counter,
    pub refused: Counter,
    pub due_hours: Gauge,
    pub waiting_hours: Gauge,
    pub oldest_unshipped_seconds: Gauge<f64, AtomicU64>,
    pub tier_objects: Counter,
    pub tier_bytes: Counter,
    pub tier_failures: Counter,
    pub waiting_tier_objects: Gauge,
    pub uncovered_objects: Gauge,
    pub expired_objects: Counter,
    pub held_days: Gauge,
    pub last_round_seconds: Gauge<f64, AtomicU64>,
    pub last_shipped_seconds: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            objects: Counter::default(),
            samples: Counter::default(),
            bytes: Counter::default(),
            ship_seconds: Histogram::new(exponential_buckets(0.05, 2.0, 12)),
            failures: Counter::default(),
            refused: Counter::default(),
            due_hours: Gauge::default(),
            waiting_hours: Gauge::default(),
            oldest_unshipped_seconds: Gauge::default(),
            tier_objects: Counter::default(),
            tier_bytes: Counter::default(),
            tier_failures: Counter::default(),
            waiting_tier_objects: Gauge::default(),
            uncovered_objects: Gauge::default(),
            expired_objects: Counter::default(),
            held_days: Gauge::default(),
            last_round_seconds: Gauge::default(),
            last_shipped_seconds: Gauge::default(),
        };
        let registry = registry.sub_registry_with_prefix("tidegate_compactor");
        registry.register("shipped_objects", "Objects put to the archive", metrics.objects.clone());
        registry.register("shipped_samples", "Samples in the objects put", metrics.samples.clone());
        registry.register_with_unit("shipped", "Size of the objects put", Unit::Bytes, metrics.bytes.clone());
        registry.register_with_unit(
            "ship_duration",
            "Time that an hour of a shard took from reading the store to the last put",
            Unit::Seconds,
            metrics.ship_seconds.clone(),
        );
        registry.register("ship_failures", "Hours of a shard that could not be shipped", metrics.failures.clone());
        registry.register(
            "refused_rebuilds",
            "Rebuilds refused because the archive holds more samples than the store",
            metrics.refused.clone(),
        );
        registry.register("due_hours", "Hours of a shard to be shipped now", metrics.due_hours.clone());
        registry.register(
            "waiting_hours",
            "Hours of a shard that are not over or still change",
            metrics.waiting_hours.clone(),
        );
        registry.register_with_unit(
            "oldest_unshipped_age",
            "Time since the end of the oldest hour that was never shipped; 0 without one",
            Unit::Seconds,
            metrics.oldest_unshipped_seconds.clone(),
        );
        registry.register("tier_objects", "Days and months of longer windows put", metrics.tier_objects.clone());
        registry.register_with_unit(
            "tier",
            "Size of the days and months of longer windows put",
            Unit::Bytes,
            metrics.tier_bytes.clone(),
        );
        registry.register(
            "tier_failures",
            "Days and months of longer windows that could not be built",
            metrics.tier_failures.clone(),
        );
        registry.register(
            "waiting_tier_objects",
            "Days and months that are not over, or whose parts still change",
            metrics.waiting_tier_objects.clone(),
        );
        registry.register(
            "uncovered_objects",
            "Days and months without which finer objects past their retention are kept",
            metrics.uncovered_objects.clone(),
        );
        registry.register("expired_objects", "Objects deleted after their retention", metrics.expired_objects.clone());
        registry.register(
            "held_days",
            "Days kept in the store beyond their retention because they are not in the archive",
            metrics.held_days.clone(),
        );
        registry.register_with_unit(
            "last_round_timestamp",
            "When the last look for something to ship or build ended without a failure",
            Unit::Seconds,
            metrics.last_round_seconds.clone(),
        );
        registry.register_with_unit(
            "last_shipped_timestamp",
            "When the last hour of a shard was shipped",
            Unit::Seconds,
            metrics.last_shipped_seconds.clone(),
        );
        metrics
    }
}
