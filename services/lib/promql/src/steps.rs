//! The times at which an expression is evaluated.

use crate::{At, Range, Subquery};

/// `count` times from `start_ms` on, `step_ms` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    pub start_ms: i64,
    pub step_ms: i64,
    pub count: usize,
}

/// Times of selectors far outside of what is stored stay computable.
const FAR_MS: i64 = 1 << 60;

impl Steps {
    /// `None` for a range that runs backwards or has no step.
    pub fn of(range: &Range) -> Option<Self> {
        if range.start_ms == range.end_ms {
            return Some(Self { start_ms: range.start_ms, step_ms: 0, count: 1 });
        }
        if range.step_ms <= 0 || range.end_ms < range.start_ms {
            return None;
        }
        let length_ms = range.end_ms.checked_sub(range.start_ms)?;
        let count = usize::try_from(length_ms / range.step_ms).ok()?.checked_add(1)?;
        Some(Self { start_ms: range.start_ms, step_ms: range.step_ms, count })
    }

    pub fn time_ms(&self, index: usize) -> i64 {
        self.start_ms.saturating_add(self.step_ms.saturating_mul(index as i64))
    }

    pub fn end_ms(&self) -> i64 {
        self.time_ms(self.count.saturating_sub(1))
    }

    /// The time that a selector looks at from each step: constant with `@`.
    pub fn shifted(&self, at: Option<At>, offset_ms: i64, range: &Range) -> Steps {
        let base = match at {
            None => *self,
            Some(at) => Steps { start_ms: at_ms(at, range), step_ms: 0, count: self.count },
        };
        let start_ms = base.start_ms.saturating_sub(offset_ms).clamp(-FAR_MS, FAR_MS);
        Steps { start_ms, ..base }
    }

    /// The grid of a subquery seen from these steps: multiples of its own step
    /// after (first time − range) up to the last time.
    pub fn subquery(&self, subquery: &Subquery, range: &Range) -> Steps {
        let seen = self.shifted(subquery.at, subquery.offset_ms, range);
        let after_ms = seen.start_ms.saturating_sub(subquery.range_ms);
        let start_ms = (after_ms.div_euclid(subquery.step_ms) + 1).saturating_mul(subquery.step_ms);
        let end_ms = seen.end_ms();
        let count = if end_ms < start_ms { 0 } else { ((end_ms - start_ms) / subquery.step_ms + 1) as usize };
        Steps { start_ms, step_ms: subquery.step_ms, count }
    }
}

fn at_ms(at: At, range: &Range) -> i64 {
    match at {
        At::Start => range.start_ms,
        At::End => range.end_ms,
        At::Time { time_ms } => time_ms,
    }
}
