//! What was acknowledged and what was found, per series and window, and how the two differ.

use std::collections::BTreeMap;

pub const WINDOW_MS: i64 = 5_000;
pub const MINUTE_MS: i64 = 60_000;

/// Samples of one series in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub samples: u64,
    /// Values are whole numbers, so that a sum tells which of them are in it, and is exact.
    pub sum: i64,
}

/// By series (the label `id`) and start of the window in ms since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(String, i64), Cell>);

/// How a recount differs from what was acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub lost: u64,
    /// Missing, but of records that the log itself has lost.
    pub gone: u64,
    pub twice: u64,
    /// Windows with the right number of samples and a wrong sum.
    pub wrong_sums: u64,
    /// The first windows that differ, to be looked into.
    pub examples: Vec<String>,
}

const EXAMPLES: usize = 10;

impl Tally {
    pub fn add(&mut self, series: &str, time_ms: i64, cell: Cell) {
        let start_ms = time_ms.div_euclid(WINDOW_MS) * WINDOW_MS;
        self.add_window(series, start_ms, cell);
    }

    pub fn add_window(&mut self, series: &str, start_ms: i64, cell: Cell) {
        let held = self.0.entry((series.to_owned(), start_ms)).or_default();
        held.samples += cell.samples;
        held.sum += cell.sum;
    }

    pub fn merge(&mut self, other: Tally) {
        for ((series, start_ms), cell) in other.0 {
            self.add_window(&series, start_ms, cell);
        }
    }

    /// The same in windows of a minute.
    pub fn by_minute(&self) -> Tally {
        let mut minutes = Tally::default();
        for ((series, start_ms), cell) in &self.0 {
            minutes.add_window(series, start_ms.div_euclid(MINUTE_MS) * MINUTE_MS, *cell);
        }
        minutes
    }

    /// The windows of which this is true.
    pub fn filtered(&self, keep: impl Fn(&str, i64) -> bool) -> Tally {
        let kept = self.0.iter().filter(|((series, start_ms), _)| keep(series, *start_ms));
        Tally(kept.map(|(key, cell)| (key.clone(), *cell)).collect())
    }

    pub fn samples(&self) -> u64 {
        self.0.values().map(|cell| cell.samples).sum()
    }

    pub fn windows(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Starts of the first and the last window.
    pub fn span_ms(&self) -> Option<(i64, i64)> {
        let starts = || self.0.keys().map(|(_, start_ms)| *start_ms);
        Some((starts().min()?, starts().max()?))
    }

    /// What `found` has too little or too much of, compared with this. What is in `doomed` may be missing.
    pub fn compare(&self, found: &Tally, doomed: &Tally) -> Difference {
        let mut difference = Difference::default();
        let unexpected = found.0.keys().filter(|key| !self.0.contains_key(*key));
        for key in self.0.keys().chain(unexpected) {
            let [expected, got, doomed] =
                [self, found, doomed].map(|tally| tally.0.get(key).copied().unwrap_or_default());
            let missing = expected.samples.saturating_sub(got.samples);
            let gone = missing.min(doomed.samples);
            let one = Difference {
                lost: missing - gone,
                gone,
                twice: got.samples.saturating_sub(expected.samples),
                wrong_sums: u64::from(!may_sum_up(expected, got, doomed)),
                examples: Vec::new(),
            };
            difference.gone += one.gone;
            if one.is_none() {
                continue;
            }
            difference.lost += one.lost;
            difference.twice += one.twice;
            difference.wrong_sums += one.wrong_sums;
            if difference.examples.len() < EXAMPLES {
                let (series, start_ms) = key;
                difference.examples.push(format!("{series} at {start_ms}: {expected:?} acknowledged, {got:?} found"));
            }
        }
        difference
    }
}

/// Where the number of samples is right, the sum has to be.
fn may_sum_up(expected: Cell, got: Cell, doomed: Cell) -> bool {
    if got.samples == expected.samples {
        got.sum == expected.sum
    } else if got.samples + doomed.samples == expected.samples {
        got.sum + doomed.sum == expected.sum
    } else {
        true
    }
}

impl Difference {
    /// Another recount's difference of the same samples.
    pub fn add(&mut self, place: &str, other: Difference) {
        self.lost = self.lost.max(other.lost);
        self.gone = self.gone.max(other.gone);
        self.twice = self.twice.max(other.twice);
        self.wrong_sums += other.wrong_sums;
        self.examples.extend(other.examples.into_iter().map(|example| format!("{place}: {example}")));
    }

    pub fn is_none(&self) -> bool {
        (self.lost, self.twice, self.wrong_sums) == (0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(cells: &[(&str, i64, u64, i64)]) -> Tally {
        let mut tally = Tally::default();
        cells.iter().for_each(|(id, ms, samples, sum)| tally.add(id, *ms, Cell { samples: *samples, sum: *sum }));
        tally
    }

    #[test]
    fn samples_gather_in_windows_and_minutes() {
        let tally = tally(&[("a", 1, 1, 5), ("a", 4_999, 1, 7), ("a", 5_000, 1, 1), ("b", 61_000, 1, 2)]);
        assert_eq!((tally.samples(), tally.span_ms()), (4, Some((0, 60_000))));
        assert_eq!(
            tally.by_minute(),
            super::tests::tally(&[("a", 0, 2, 12), ("b", 60_000, 1, 2)]).merged(("a", 0, 1, 1))
        );
    }

    impl Tally {
        fn merged(mut self, (id, ms, samples, sum): (&str, i64, u64, i64)) -> Self {
            self.merge(tally(&[(id, ms, samples, sum)]));
            self
        }
    }

    #[test]
    fn each_difference_is_told() {
        let acknowledged = tally(&[("a", 0, 2, 12), ("a", 5_000, 1, 1), ("b", 0, 3, 6), ("c", 0, 1, 4)]);
        let nothing = Tally::default();
        assert!(acknowledged.compare(&acknowledged, &nothing).is_none());
        let found = tally(&[("a", 0, 1, 5), ("a", 5_000, 1, 2), ("b", 0, 4, 8), ("d", 0, 1, 1)]);
        let difference = acknowledged.compare(&found, &nothing);
        assert_eq!((difference.lost, difference.twice, difference.wrong_sums), (2, 2, 1), "{difference:?}");
        assert_eq!(difference.examples.len(), 5);
    }
    #[test]
    fn what_the_log_lost_may_be_missing_and_nothing_else() {
        let acknowledged = tally(&[("a", 0, 3, 7), ("b", 0, 1, 4)]);
        let doomed = tally(&[("a", 0, 2, 6)]);
        let found = |samples, sum| tally(&[("a", 0, samples, sum), ("b", 0, 1, 4)]);
        // All of it, some of it, none of it.
        for (samples, sum, gone) in [(1, 1, 2), (2, 3, 1), (3, 7, 0)] {
            let difference = acknowledged.compare(&found(samples, sum), &doomed);
            assert!(difference.is_none() && difference.gone == gone, "{difference:?}");
        }
        // Too much of it, others than those, one twice.
        for (samples, sum) in [(0, 0), (1, 2), (4, 8)] {
            assert!(!acknowledged.compare(&found(samples, sum), &doomed).is_none(), "{samples}");
        }
    }
}
