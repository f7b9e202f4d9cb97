//! What the agent measures as the Java daemon does, as records: sinks that
//! measure tell them here, and the daemon sends them where its configuration
//! says.

use prometheus_client::metrics::counter::Counter;
use tidegate_mad::{Kind, Metric, Quantity, Record};
use tokio::sync::mpsc;

use crate::clock::unix_ms;

/// Records that wait to be sent.
const MAX_WAITING: usize = 10_000;

/// Where records are told; clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct OwnMetrics {
    /// Cluster, service and host.
    identity: Vec<(String, String)>,
    sender: Option<mpsc::Sender<Record>>,
    dropped: Counter,
}

impl OwnMetrics {
    /// The dimensions that every record has.
    pub const IDENTITY: [&'static str; 3] = ["cluster", "service", "host"];

    /// Records with these dimensions, and the end where they come out. What
    /// does not fit is counted as `dropped`.
    pub fn new(identity: [String; 3], dropped: Counter) -> (Self, mpsc::Receiver<Record>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let identity = Self::IDENTITY.map(str::to_owned).into_iter().zip(identity).collect();
        (Self { identity, sender: Some(sender), dropped }, receiver)
    }

    /// One record of one sample a metric. Its own dimensions stand before those
    /// that all records have.
    pub fn tell<'a>(&self, dimensions: &[(&str, &str)], metrics: impl IntoIterator<Item = (&'a str, Kind, f64)>) {
        let Some(sender) = &self.sender else { return };
        let identity = self.identity.iter().map(|(name, value)| (&**name, &**value));
        let metric = |(name, kind, value): (&str, Kind, f64)| {
            (name.into(), Metric { kind, samples: vec![Quantity::plain(value)], histograms: Vec::new() })
        };
        let record = Record {
            time_ms: unix_ms(),
            request_time_ms: None,
            dimensions: identity.chain(dimensions.iter().copied()).collect(),
            metrics: metrics.into_iter().map(metric).collect(),
        };
        if sender.try_send(record).is_err() {
            self.dropped.inc();
        }
    }

    #[cfg(test)]
    pub fn for_tests() -> (Self, mpsc::Receiver<Record>) {
        Self::new(["c", "s", "h"].map(str::to_owned), Counter::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_what_all_have_and_its_own() {
        let (own, mut told) = OwnMetrics::for_tests();
        own.tell(&[("service", "mine")], [("a", Kind::Gauge, 2.0)]);
        let record = told.try_recv().expect("a record");
        let expected = [("cluster", "c"), ("host", "h"), ("service", "mine")];
        assert_eq!(record.dimensions.iter().collect::<Vec<_>>(), expected);
        assert_eq!(record.metrics[0].1.samples, [Quantity::plain(2.0)]);
        OwnMetrics::default().tell(&[], []);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (own, told) = OwnMetrics::for_tests();
        for _ in 0..=MAX_WAITING {
            own.tell(&[], []);
        }
        assert_eq!((told.len(), own.dropped.get()), (MAX_WAITING, 1));
    }
}
