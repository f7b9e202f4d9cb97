//! When a flush's rows are due in a store that writes each by itself: evenly
//! over a time. All at once they would wait for each other there, and whoever
//! asks the store for something else would wait for them.

use std::time::Duration;

/// Fewer, larger writes than one each millisecond do as well.
const STEP: Duration = Duration::from_millis(10);

pub(crate) struct Pace {
    rows: usize,
    spread: Duration,
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
    /// For a flush of `rows`; without a `spread` all are due at once.
    pub fn new(rows: usize, spread: Duration) -> Self {
        Self { rows, spread, written: 0 }
    }

    /// Of the rows that are left, `age` after the flush began.
    pub fn next(&self, age: Duration) -> Next {
        let left = self.rows.saturating_sub(self.written);
        if age >= self.spread {
            return Next::Write(left);
        }
        let passed = age.as_secs_f64() / self.spread.as_secs_f64();
        let due = (self.rows as f64 * passed) as usize + 1;
        match due.saturating_sub(self.written).min(left) {
            0 => Next::Wait(self.due_at(self.written).saturating_sub(age).max(STEP)),
            now => Next::Write(now),
        }
    }

    /// Age at which the row after so many is due.
    fn due_at(&self, rows: usize) -> Duration {
        self.spread.mul_f64(rows as f64 / self.rows.max(1) as f64)
    }

    pub fn wrote(&mut self, rows: usize) {
        self.written += rows;
    }
}

#[cfg(test)]
mod tests;
