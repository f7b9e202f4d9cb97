//! When a flush's rows are due in a store that writes each by itself: evenly
//! over a time. All at once they would wait for each other there, and whoever
//! asks the store for something else would wait for them. So would what each
//! partition has to store after its rows, if all of them ended together.

use std::time::Duration;

/// Rows that fall due within it go together, since they share requests.
const STEP: Duration = Duration::from_millis(250);
/// Share of the time within which partitions begin, one after another.
const BEGIN: f64 = 0.25;
/// Fractions of its multiples lie far apart from each other.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_894_9;

pub(crate) struct Pace {
    rows: usize,
    spread: Duration,
    /// Age of the first step.
    begin: Duration,
    written: usize,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Write so many rows.
    Write(usize),
    Wait(Duration),
}

impl Pace {
    /// For a flush of `rows`; without a `spread` all are due at once. `turn` is
    /// another one for each of the partitions that close at the same moment.
    pub fn new(rows: usize, spread: Duration, turn: u16) -> Self {
        let begin = spread.mul_f64(BEGIN * (f64::from(turn) * GOLDEN_RATIO).fract());
        Self { rows, spread, begin, written: 0 }
    }

    /// Of the rows that are left, `age` after the flush began.
    pub fn next(&self, age: Duration) -> Next {
        let left = self.rows.saturating_sub(self.written);
        if age >= self.spread {
            return Next::Write(left);
        }
        let Some(since) = age.checked_sub(self.begin) else { return Next::Wait(self.begin - age) };
        let step = since.as_millis() / STEP.as_millis();
        match self.due(step).saturating_sub(self.written).min(left) {
            0 => Next::Wait(self.at(step + 1).saturating_sub(age)),
            now => Next::Write(now),
        }
    }

    /// Age at which a step is reached.
    fn at(&self, step: u128) -> Duration {
        self.begin + STEP * u32::try_from(step).unwrap_or(u32::MAX)
    }

    /// Rows that are due by then, those written included.
    fn due(&self, step: u128) -> usize {
        let steps = (self.spread.mul_f64(1.0 - BEGIN).as_millis() / STEP.as_millis()).max(1);
        (self.rows as u128 * (step + 1)).div_ceil(steps).min(self.rows as u128) as usize
    }

    pub fn wrote(&mut self, rows: usize) {
        self.written += rows;
    }
}

#[cfg(test)]
mod tests;
