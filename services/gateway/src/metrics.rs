//! What the gateway says of itself.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::admission::Cause;
use crate::batch::Outcome;

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    RemoteWrite1,
    RemoteWrite2,
    Json,
    OtlpProtobuf,
    OtlpJson,
    OtlpGrpc,
    Push,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite1 => "remote_write_1",
            Self::RemoteWrite2 => "remote_write_2",
            Self::Json => "json",
            Self::OtlpProtobuf => "otlp_protobuf",
            Self::OtlpJson => "otlp_json",
            Self::OtlpGrpc => "otlp_grpc",
            Self::Push => "push",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    protocol: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProtocolLabels {
    protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RejectedLabels {
    protocol: &'static str,
    reason: &'static str,
}

#[derive(Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    accepted: Family<ProtocolLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    body_bytes: Family<ProtocolLabels, Counter>,
    pub request_seconds: Histogram,
    pub append_seconds: Histogram,
    pub records: Counter,
    pub record_parts: Counter,
    pub record_bytes: Counter,
    pub received_bytes: Gauge,
    pub in_flight_bytes: Gauge,
    pub active_series: Gauge<i64, AtomicI64>,
    pub clock_offset_seconds: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let metrics = Self {
            requests: Family::default(),
            accepted: Family::default(),
            rejected: Family::default(),
            body_bytes: Family::default(),
            request_seconds: seconds(),
            append_seconds: seconds(),
            records: Counter::default(),
            record_parts: Counter::default(),
            record_bytes: Counter::default(),
            received_bytes: Gauge::default(),
            in_flight_bytes: Gauge::default(),
            active_series: Gauge::default(),
            clock_offset_seconds: Gauge::default(),
        };
        let name = "tidegate_gateway";
        let registry = registry.sub_registry_with_prefix(name);
        registry.register("requests", "Requests, by protocol and outcome", metrics.requests.clone());
        registry.register("samples", "Samples acknowledged", metrics.accepted.clone());
        registry.register(
            "rejected_samples",
            "Samples refused one by one, by protocol and reason",
            metrics.rejected.clone(),
        );
        registry.register("body_bytes", "Bytes of request bodies, decompressed", metrics.body_bytes.clone());
        registry.register_with_unit(
            "request_duration",
            "From the whole body to the answer",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register_with_unit(
            "append_duration",
            "The log's time to acknowledge records",
            Unit::Seconds,
            metrics.append_seconds.clone(),
        );
        registry.register("records", "Records appended to the log", metrics.records.clone());
        registry.register("record_parts", "Batches' parts in those records", metrics.record_parts.clone());
        registry.register("record_bytes", "Bytes of those records", metrics.record_bytes.clone());
        registry.register(
            "received_bytes",
            "Bytes of request bodies that are being received or decoded",
            metrics.received_bytes.clone(),
        );
        registry.register("in_flight_bytes", "Bytes on their way to the log", metrics.in_flight_bytes.clone());
        registry.register(
            "active_series",
            "Series with samples in this hour or the last",
            metrics.active_series.clone(),
        );
        registry.register(
            "log_clock_offset_seconds",
            "The log's clock ahead of the gateway's, as of the last record",
            metrics.clock_offset_seconds.clone(),
        );
        metrics
    }

    pub fn request(&self, protocol: Protocol, outcome: &'static str) {
        self.requests.get_or_create(&RequestLabels { protocol: protocol.name(), outcome }).inc();
    }

    pub fn samples(&self, protocol: Protocol, body_bytes: usize, outcome: &Outcome) {
        let labels = ProtocolLabels { protocol: protocol.name() };
        self.accepted.get_or_create(&labels).inc_by(outcome.accepted());
        for (cause, samples) in Cause::ALL.into_iter().zip(outcome.rejected_by_cause) {
            if samples > 0 {
                let labels = RejectedLabels { protocol: protocol.name(), reason: cause.name() };
                self.rejected.get_or_create(&labels).inc_by(samples);
            }
        }
        self.body_bytes.get_or_create(&labels).inc_by(body_bytes as u64);
    }
}
