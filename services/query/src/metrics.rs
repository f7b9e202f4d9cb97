//! What the target tells about itself.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::stream::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    pub endpoint: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StreamEvent {
    kind: &'static str,
}

pub(crate) struct Metrics {
    pub requests: Family<Request, Counter>,
    pub duration_seconds: Histogram,
    pub slow: Counter,
    pub running: Gauge,
    pub loaded_windows: Counter,
    pub loaded_bytes: Gauge,
    pub stream_loaded_bytes: Gauge,
    pub unsent_bytes: Gauge,
    pub stream_history_bytes: Gauge,
    pub index_series: Gauge,
    pub index_refused: Counter,
    pub index_unresolved: Gauge,
    pub tail_windows: Gauge,
    pub tail_dropped: Counter,
    pub tail_bad_records: Counter,
    pub watermark_lag_seconds: Gauge<f64, AtomicU64>,
    pub stream_running: Gauge,
    pub streams: Gauge,
    pub stream_expressions: Gauge,
    pub stream_events: Family<StreamEvent, Counter>,
    pub stream_evaluations: Counter,
    pub stream_corrected_steps: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 18)),
            slow: Counter::default(),
            running: Gauge::default(),
            loaded_windows: Counter::default(),
            loaded_bytes: Gauge::default(),
            stream_loaded_bytes: Gauge::default(),
            unsent_bytes: Gauge::default(),
            stream_history_bytes: Gauge::default(),
            index_series: Gauge::default(),
            index_refused: Counter::default(),
            index_unresolved: Gauge::default(),
            tail_windows: Gauge::default(),
            tail_dropped: Counter::default(),
            tail_bad_records: Counter::default(),
            watermark_lag_seconds: Gauge::default(),
            stream_running: Gauge::default(),
            streams: Gauge::default(),
            stream_expressions: Gauge::default(),
            stream_events: Family::default(),
            stream_evaluations: Counter::default(),
            stream_corrected_steps: Counter::default(),
        };
        let m = &metrics;
        let mut add = |name: &str, help: &str, metric: &dyn Registerable| metric.register(registry, name, help);
        add("requests", "Requests answered, by endpoint and outcome", &m.requests);
        add(
            "duration_seconds",
            "Time to evaluate a query or a step of a stream, waiting included",
            &m.duration_seconds,
        );
        add("slow", "Queries that took query.slow_query_ms or longer", &m.slow);
        add("running", "Queries that are being evaluated", &m.running);
        add("loaded_windows", "Windows that queries loaded", &m.loaded_windows);
        add("loaded_bytes", "Windows of running queries, at 250 bytes each", &m.loaded_bytes);
        add("stream_loaded_bytes", "Windows of steps of streams, at 250 bytes each", &m.stream_loaded_bytes);
        add("unsent_bytes", "Answers and events that clients have not taken yet", &m.unsent_bytes);
        add("stream_history_bytes", "Steps of streams kept for clients that come back", &m.stream_history_bytes);
        add("index_series", "Series in the index", &m.index_series);
        add("index_refused", "Series left out because the index is full", &m.index_refused);
        add("index_unresolved", "Live series whose labels are not known yet", &m.index_unresolved);
        add("tail_windows", "Windows that the live tail holds", &m.tail_windows);
        add("tail_dropped", "Windows dropped for age or number before the store had them", &m.tail_dropped);
        add("tail_bad_records", "Records of the live topic that could not be read", &m.tail_bad_records);
        add("watermark_lag_seconds", "Age of the slowest partition's watermark", &m.watermark_lag_seconds);
        add("stream_running", "Steps of streams that are being evaluated", &m.stream_running);
        add("streams", "Open streams", &m.streams);
        add("stream_expressions", "Different subscriptions among the open streams", &m.stream_expressions);
        add("stream_events", "Events sent to streams, by kind", &m.stream_events);
        add("stream_evaluations", "Steps evaluated for streams, those that failed included", &m.stream_evaluations);
        add("stream_corrected_steps", "Steps that late data changed after they were sent", &m.stream_corrected_steps);
        metrics
    }

    pub fn request(&self, endpoint: &'static str, outcome: &'static str) {
        self.requests.get_or_create(&Request { endpoint, outcome }).inc();
    }

    pub fn stream_event(&self, kind: Kind) {
        self.stream_events.get_or_create(&StreamEvent { kind: kind.name().unwrap_or("step") }).inc();
    }
}

/// Lets the list above be one line a metric whatever its type.
trait Registerable {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: prometheus_client::registry::Metric + Clone> Registerable for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(format!("tidegate_query_{name}"), help, self.clone());
    }
}
