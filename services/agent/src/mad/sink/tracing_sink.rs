//! `TracingSink`: counts results of metrics whose names match.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use tidegate_mad::{JavaRegex, Kind, Periodic};
use tokio::time::Instant;

use super::Sink;
use super::metrics::SinkMetrics;
use crate::mad::own::OwnMetrics;

pub struct Pattern {
    pub name: String,
    pub regex: JavaRegex,
    pub hits: Counter,
}

pub struct Tracing {
    pub sink: String,
    pub patterns: Vec<Pattern>,
    pub own: OwnMetrics,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for Tracing {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        // Java looks at a set of dimensions in a period at a time.
        for together in results.chunk_by(|a, b| bucket(a) == bucket(b)) {
            for pattern in &self.patterns {
                let hits = together.iter().filter(|result| pattern.regex.matches(&result.metric)).count();
                if hits > 0 {
                    pattern.hits.inc_by(hits as u64);
                    let dimensions = [("sink", &*self.sink), ("pattern", &*pattern.name)];
                    self.own.tell(&dimensions, [("tracingSink/hit", Kind::Counter, hits as f64)]);
                }
            }
        }
    }

    async fn close(self: Box<Self>, _: Instant) {}
}

fn bucket(result: &Periodic) -> (u64, i64, &tidegate_mad::Dimensions) {
    (result.period_ms, result.start_ms, &result.dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mad::sink::testing::{all, metrics, usual};

    #[test]
    fn whole_names_that_match_are_counted_by_pattern() {
        let (own, mut told) = OwnMetrics::for_tests();
        let pattern = |name: &str, regex: &str| Pattern {
            name: name.into(),
            regex: JavaRegex::new(regex).expect("a pattern"),
            hits: Counter::default(),
        };
        let patterns = vec![pattern("all", "a.*"), pattern("none", "b")];
        let mut sink = Tracing { sink: "traced".into(), patterns, own, metrics: metrics() };
        sink.take(&all([usual("a1"), usual("xa1"), usual("a2"), usual("bb")]));
        assert_eq!(sink.patterns.iter().map(|pattern| pattern.hits.get()).collect::<Vec<_>>(), [2, 0]);
        let record = told.try_recv().expect("a record");
        assert_eq!(record.dimensions.get("pattern"), Some("all"));
        assert_eq!(record.metrics[0].1.samples[0].value, 2.0);
        assert!(told.try_recv().is_err());
    }
}
