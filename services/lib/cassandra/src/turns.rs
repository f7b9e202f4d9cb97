//! How many requests are under way at once: as many as are answered soon.
//!
//! What nodes do not work on at once waits in their queues, and whatever else asks them waits behind it. So the number follows how
//! long answers take, as TCP's congestion window follows losses (RFC 5681): one more for each round of answers that came soon, a
//! fifth fewer when one took too long, once a round.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Never fewer, however slow the answers: a minute's rows have to be written before the next minute's. Where the number begins, too.
const LEAST: usize = 16;
const CUT: f64 = 0.8;

pub(crate) struct Turns {
    semaphore: Semaphore,
    pace: Mutex<Pace>,
}

/// Leave to make a request. Dropped without an answer, it tells nothing of how long one takes.
pub(crate) struct Turn<'a> {
    permit: SemaphorePermit<'a>,
    turns: &'a Turns,
    left: Instant,
}

impl Turns {
    /// `most` at once.
    pub fn fixed(most: usize) -> Self {
        Self::starting(most, most, None)
    }

    /// As many as are answered within `target`, up to `most`.
    pub fn answered_within(target: Duration, most: usize) -> Self {
        Self::starting(LEAST.min(most), most, Some(target))
    }

    fn starting(first: usize, most: usize, target: Option<Duration>) -> Self {
        let pace = Pace { most, target, limit: first as f64, given: first, cut_at: None };
        Self { semaphore: Semaphore::new(first), pace: Mutex::new(pace) }
    }

    /// None once closed, which nobody does.
    pub async fn take(&self) -> Option<Turn<'_>> {
        let permit = self.semaphore.acquire().await.ok()?;
        Some(Turn { permit, turns: self, left: Instant::now() })
    }

    pub fn at_once(&self) -> usize {
        self.pace.lock().at_once()
    }
}

impl Turn<'_> {
    /// The request was answered, or failed, now. Gives how long that took.
    pub fn answered(self) -> Duration {
        let Self { permit, turns, left } = self;
        let now = Instant::now();
        let all_taken = turns.semaphore.available_permits() == 0;
        let mut pace = turns.pace.lock();
        pace.observe(left, now, all_taken);
        if pace.takes_back() {
            permit.forget();
        }
        turns.semaphore.add_permits(pace.gives());
        now - left
    }
}

struct Pace {
    most: usize,
    target: Option<Duration>,
    limit: f64,
    /// Turns that are free or taken.
    given: usize,
    /// Answers to what left before tell of the number that was cut then.
    cut_at: Option<Instant>,
}

impl Pace {
    fn at_once(&self) -> usize {
        self.limit as usize
    }

    /// `all_taken`: more requests might have been under way. While they need not be, an answer says nothing of how it were with more.
    fn observe(&mut self, left: Instant, now: Instant, all_taken: bool) {
        let Some(target) = self.target else { return };
        if now - left <= target {
            if all_taken {
                self.limit = (self.limit + 1.0 / self.limit).min(self.most as f64);
            }
        } else if self.cut_at.is_none_or(|cut_at| left >= cut_at) {
            self.limit = (self.limit * CUT).max(LEAST.min(self.most) as f64);
            self.cut_at = Some(now);
        }
    }

    fn takes_back(&mut self) -> bool {
        let over = self.given > self.at_once();
        self.given -= usize::from(over);
        over
    }

    fn gives(&mut self) -> usize {
        let more = self.at_once().saturating_sub(self.given);
        self.given += more;
        more
    }
}

#[cfg(test)]
mod tests;
