//! So many in a second, and how many there were.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Seconds that the reported rate is the mean of.
const SEEN_SECONDS: usize = 10;

#[derive(Debug, Default)]
pub struct Rate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is left of the allowance, and when that was so. A second's worth
    /// is the most that is saved up.
    left: Option<(f64, Instant)>,
    began: Option<Instant>,
    /// The second since `began` that the newest count is of.
    second: u64,
    counts: [u64; SEEN_SECONDS],
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFast {
    Until(Duration),
    /// More at once than there are in a second.
    Never,
}

impl Rate {
    /// # Errors
    /// When these are more than `per_second` allows now; they do not count then.
    pub fn take(&self, count: u64, per_second: Option<u32>, now: Instant) -> Result<(), TooFast> {
        let mut state = self.0.lock();
        if let Some(per_second) = per_second.map(f64::from) {
            let wanted = count as f64;
            if wanted > per_second {
                return Err(TooFast::Never);
            }
            let saved = state.left.map_or(per_second, |(left, then)| {
                left + now.saturating_duration_since(then).as_secs_f64() * per_second
            });
            let left = saved.min(per_second) - wanted;
            if left < 0.0 {
                return Err(TooFast::Until(Duration::from_secs_f64(-left / per_second)));
            }
            state.left = Some((left, now));
        }
        state.turn_to(now);
        let slot = state.second as usize % SEEN_SECONDS;
        state.counts[slot] += count;
        Ok(())
    }

    /// The mean of the last seconds.
    pub fn per_second(&self, now: Instant) -> f64 {
        let mut state = self.0.lock();
        state.turn_to(now);
        state.counts.iter().sum::<u64>() as f64 / SEEN_SECONDS as f64
    }
}

impl State {
    fn turn_to(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let second = now.saturating_duration_since(began).as_secs();
        for passed in (self.second + 1..=second).take(SEEN_SECONDS) {
            self.counts[passed as usize % SEEN_SECONDS] = 0;
        }
        // After a long pause every slot was passed, whichever came first.
        self.second = self.second.max(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_allowance_comes_back_with_time() {
        let (rate, now) = (Rate::default(), Instant::now());
        rate.take(100, Some(100), now).expect("are there");
        let Err(TooFast::Until(wait)) = rate.take(50, Some(100), now) else { panic!("are not there") };
        assert!((490..=510).contains(&wait.as_millis()), "{wait:?}");
        let then = now + wait + Duration::from_millis(1);
        rate.take(50, Some(100), then).expect("are there again");
        // No more than a second's worth is saved up.
        rate.take(100, Some(100), then + 60 * SECOND).expect("are there");
        rate.take(1, Some(100), then + 60 * SECOND).expect_err("is not");
    }

    #[test]
    fn the_rate_is_the_mean_of_ten_seconds() {
        let (rate, now) = (Rate::default(), Instant::now());
        for second in 0..20 {
            rate.take(30, None, now + second * SECOND).expect("no limit");
        }
        assert_eq!(rate.per_second(now + 19 * SECOND), 30.0);
        assert_eq!(rate.per_second(now + 24 * SECOND), 15.0);
        assert_eq!(rate.per_second(now + 1_000_000 * SECOND), 0.0);
    }
}
