//! What sinks tell of themselves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::outbox;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    pipeline: String,
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    pipeline: String,
    sink: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Traced {
    pipeline: String,
    sink: String,
    pattern: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct How {
    pipeline: String,
    sink: String,
    outcome: &'static str,
}

/// The metrics of all sinks of a daemon.
#[derive(Clone, Debug)]
pub struct Metrics {
    results: Family<Name, Counter>,
    sent_results: Family<Name, Counter>,
    dropped_results: Family<Why, Counter>,
    failed_sends: Family<Name, Counter>,
    queued_results: Family<Name, Gauge>,
    sends_in_flight: Family<Name, Gauge>,
    breaker_open: Family<Name, Gauge>,
    send: Family<Name, Histogram, fn() -> Histogram>,
    tracing_hits: Family<Traced, Counter>,
    pushes: Family<How, Counter>,
    rejected_samples: Family<Name, Counter>,
    dropped_batches: Family<Why, Counter>,
    buffered_batches: Family<Name, Gauge>,
    buffered_bytes: Family<Name, Gauge>,
}

/// Why a result did not go where it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// The queue was full and it was the oldest.
    Evicted,
    /// The other side does not want it.
    Refused,
    /// It has no cluster or no service, which the format demands.
    NoClusterOrService,
    /// A filter of the configuration took it out.
    Filtered,
    /// It could not be sent before the sink was closed.
    Stopped,
    /// It cannot be put into the sink's format.
    Unfit,
}

impl Dropped {
    fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Refused => "refused",
            Self::NoClusterOrService => "no_cluster_or_service",
            Self::Filtered => "filtered",
            Self::Stopped => "stopped",
            Self::Unfit => "unfit",
        }
    }
}

/// Those of one sink.
#[derive(Clone, Debug)]
pub struct SinkMetrics {
    all: Metrics,
    name: Name,
    pub results: Counter,
    pub sent_results: Counter,
    pub failed_sends: Counter,
    pub queued_results: Gauge,
    pub sends_in_flight: Gauge,
    pub breaker_open: Gauge,
    pub send: Histogram,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 18))
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            results: Family::default(),
            sent_results: Family::default(),
            dropped_results: Family::default(),
            failed_sends: Family::default(),
            queued_results: Family::default(),
            sends_in_flight: Family::default(),
            breaker_open: Family::default(),
            send: Family::new_with_constructor(seconds),
            tracing_hits: Family::default(),
            pushes: Family::default(),
            rejected_samples: Family::default(),
            dropped_batches: Family::default(),
            buffered_batches: Family::default(),
            buffered_bytes: Family::default(),
        }
    }
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let m = Self::default();
        let r = registry.sub_registry_with_prefix("tidegate_agent_sink");
        r.register("results", "Results handed to a sink: a metric of a period", m.results.clone());
        r.register("sent_results", "Results that the other side has taken", m.sent_results.clone());
        r.register("dropped_results", "Results that do not reach the other side", m.dropped_results.clone());
        r.register("failed_sends", "Sends that failed and are tried again", m.failed_sends.clone());
        r.register("queued_results", "Results that wait to be sent", m.queued_results.clone());
        r.register("sends_in_flight", "Sends that wait for an answer", m.sends_in_flight.clone());
        r.register("breaker_open", "1 while sends are held back after failures", m.breaker_open.clone());
        r.register_with_unit("send", "Time until a send was answered", Unit::Seconds, m.send.clone());
        r.register("tracing_hits", "Results of metrics whose names match a pattern", m.tracing_hits.clone());
        r.register("pushes", "Pushes to a gateway by how they ended", m.pushes.clone());
        r.register("rejected_samples", "Samples that a gateway refused", m.rejected_samples.clone());
        r.register("dropped_batches", "Batches for a gateway given up", m.dropped_batches.clone());
        r.register("buffered_batches", "Batches on disk that wait for a gateway", m.buffered_batches.clone());
        r.register_with_unit(
            "buffered",
            "Size of the batches that wait for a gateway",
            Unit::Bytes,
            m.buffered_bytes.clone(),
        );
        m
    }

    /// The metrics of a sink; they go on when its pipeline is started again.
    pub fn of(&self, pipeline: &str, sink: &str) -> SinkMetrics {
        let name = Name { pipeline: pipeline.into(), sink: sink.into() };
        SinkMetrics {
            all: self.clone(),
            results: self.results.get_or_create_owned(&name),
            sent_results: self.sent_results.get_or_create_owned(&name),
            failed_sends: self.failed_sends.get_or_create_owned(&name),
            queued_results: self.queued_results.get_or_create_owned(&name),
            sends_in_flight: self.sends_in_flight.get_or_create_owned(&name),
            breaker_open: self.breaker_open.get_or_create_owned(&name),
            send: self.send.get_or_create_owned(&name),
            name,
        }
    }
}

impl SinkMetrics {
    pub fn dropped(&self, why: Dropped, results: u64) {
        if results > 0 {
            let Name { pipeline, sink } = self.name.clone();
            self.all.dropped_results.get_or_create(&Why { pipeline, sink, reason: why.name() }).inc_by(results);
        }
    }

    /// Of a `TracingSink`.
    pub fn tracing_hits(&self, pattern: &str) -> Counter {
        let Name { pipeline, sink } = self.name.clone();
        self.all.tracing_hits.get_or_create_owned(&Traced { pipeline, sink, pattern: pattern.into() })
    }

    /// Of the buffer in front of a gateway.
    pub fn outbox(&self) -> outbox::Metrics {
        let Name { pipeline, sink } = &self.name;
        let pushes = |outcome| {
            let how = How { pipeline: pipeline.clone(), sink: sink.clone(), outcome };
            self.all.pushes.get_or_create_owned(&how)
        };
        let dropped = |reason| {
            let why = Why { pipeline: pipeline.clone(), sink: sink.clone(), reason };
            self.all.dropped_batches.get_or_create_owned(&why)
        };
        outbox::Metrics {
            stored: pushes("stored"),
            refused: pushes("refused"),
            limited: pushes("limited"),
            failed: pushes("failed"),
            rejected_samples: self.all.rejected_samples.get_or_create_owned(&self.name),
            dropped_full: dropped("full"),
            dropped_old: dropped("old"),
            dropped_refused: dropped("refused"),
            buffered_batches: self.all.buffered_batches.get_or_create_owned(&self.name),
            buffered_bytes: self.all.buffered_bytes.get_or_create_owned(&self.name),
            breaker_open: self.breaker_open.clone(),
        }
    }

    /// For tests: how many results were dropped for a reason.
    #[cfg(test)]
    pub fn dropped_so_far(&self, why: Dropped) -> u64 {
        let Name { pipeline, sink } = self.name.clone();
        self.all.dropped_results.get_or_create(&Why { pipeline, sink, reason: why.name() }).get()
    }
}
