//! `PeriodFilteringSink`: lets results through by the length of their period.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tokio::time::Instant;

use super::metrics::{Dropped, SinkMetrics};
use super::{Sink, pass_on};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub include_ms: BTreeSet<u64>,
    pub exclude_ms: BTreeSet<u64>,
    pub exclude_less_than_ms: Option<u64>,
    pub exclude_greater_than_ms: Option<u64>,
}

impl Rules {
    /// The first rule that speaks of the period decides, in this order.
    pub fn lets_through(&self, period_ms: u64) -> bool {
        if self.include_ms.contains(&period_ms) {
            return true;
        }
        !(self.exclude_ms.contains(&period_ms)
            || self.exclude_less_than_ms.is_some_and(|bound| period_ms < bound)
            || self.exclude_greater_than_ms.is_some_and(|bound| period_ms > bound))
    }
}

pub struct PeriodFilter {
    pub rules: Rules,
    pub inner: Box<dyn Sink>,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for PeriodFilter {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        let dropped = pass_on(&mut *self.inner, results, |result| self.rules.lets_through(result.period_ms));
        self.metrics.dropped(Dropped::Filtered, dropped);
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.inner.close(deadline).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn include_goes_before_exclude_and_both_before_the_bounds() {
        let rules = Rules {
            include_ms: [1, 5].into(),
            exclude_ms: [5, 30].into(),
            exclude_less_than_ms: Some(10),
            exclude_greater_than_ms: Some(60),
        };
        let through = |period_ms| rules.lets_through(period_ms);
        assert_eq!([1, 5, 9, 10, 30, 60, 61].map(through), [true, true, false, true, false, true, false]);
        assert!(Rules::default().lets_through(7));
    }
}
