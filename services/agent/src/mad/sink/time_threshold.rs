//! `TimeThresholdSink`: holds back results that come too late.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tokio::time::Instant;

use super::metrics::{Dropped, SinkMetrics};
use super::seldom::Seldom;
use super::{Sink, pass_on};
use crate::clock::unix_ms;

/// What becomes of a result that is too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    Dropped,
    /// Told to the log and let through.
    Told,
}

pub struct TimeThreshold {
    pub threshold_ms: u64,
    /// Services whose results are never too late.
    pub excluded_services: BTreeSet<String>,
    pub late: Late,
    pub inner: Box<dyn Sink>,
    pub metrics: SinkMetrics,
    pub warnings: Seldom,
}

impl TimeThreshold {
    fn is_late(&self, result: &Periodic, now_ms: i64) -> bool {
        let end_ms = result.start_ms.saturating_add_unsigned(result.period_ms);
        let excluded = result.dimensions.get("service").is_some_and(|service| self.excluded_services.contains(service));
        end_ms.saturating_add_unsigned(self.threshold_ms) <= now_ms && !excluded
    }

    fn take_at(&mut self, results: &Arc<[Periodic]>, now_ms: i64) {
        self.metrics.results.inc_by(results.len() as u64);
        let late: Vec<bool> = results.iter().map(|result| self.is_late(result, now_ms)).collect();
        if let Some(first) = late.iter().position(|late| *late)
            && self.warnings.may_tell()
        {
            let metric = &results[first].metric;
            let count = late.iter().filter(|late| **late).count();
            tracing::warn!(count, %metric, start_ms = results[first].start_ms, late = ?self.late, "stale results");
        }
        if self.late == Late::Told {
            return self.inner.take(results);
        }
        let mut late = late.into_iter();
        let dropped = pass_on(&mut *self.inner, results, |_| !late.next().unwrap_or(false));
        self.metrics.dropped(Dropped::Filtered, dropped);
    }
}

#[async_trait]
impl Sink for TimeThreshold {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.take_at(results, unix_ms());
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.inner.close(deadline).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mad::sink::testing::{Kept, all, metrics, periodic};

    fn threshold(late: Late, kept: &Kept) -> TimeThreshold {
        TimeThreshold {
            threshold_ms: 10_000,
            excluded_services: BTreeSet::from(["slow".to_owned()]),
            late,
            inner: Box::new(kept.clone()),
            metrics: metrics(),
            warnings: Seldom::default(),
        }
    }

    #[test]
    fn a_result_is_late_a_threshold_after_its_period_ended() {
        let kept = Kept::default();
        let mut sink = threshold(Late::Dropped, &kept);
        let at = |start_ms, service: &str| {
            let mut result = periodic("m", &[("service", service)]);
            result.start_ms = start_ms;
            result.period_ms = 1_000;
            result
        };
        sink.take_at(&all([at(0, "a"), at(1, "a"), at(0, "slow")]), 11_000);
        assert_eq!(kept.results().iter().map(|result| result.start_ms).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(sink.metrics.dropped_so_far(Dropped::Filtered), 1);
    }

    #[test]
    fn or_only_told_of() {
        let kept = Kept::default();
        threshold(Late::Told, &kept).take_at(&all([periodic("m", &[])]), i64::MAX);
        assert_eq!(kept.results().len(), 1);
    }
}
