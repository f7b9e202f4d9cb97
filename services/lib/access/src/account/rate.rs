//! So many in a second or a minute, and how many there were.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// Seconds that the reported rate is the mean of.
const SEEN_SECONDS: usize = 10;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// Parts of a minute that are counted apart.
const PARTS: usize = 12;

/// A limit of so many a second.
#[derive(Debug, Default)]
pub struct Rate(Mutex<State<SEEN_SECONDS>>);

/// A limit of so many a minute.
#[derive(Debug, Default)]
pub struct Minute(Mutex<State<PARTS>>);

#[derive(Debug)]
struct State<const N: usize> {
    allowance: Allowance,
    recent: Recent<N>,
}

impl<const N: usize> Default for State<N> {
    fn default() -> Self {
        Self { allowance: Allowance(None), recent: Recent { began: None, slot: 0, counts: [0; N] } }
    }
}

/// What is left, and when that was so.
#[derive(Debug)]
struct Allowance(Option<(f64, Instant)>);

/// How many there were in each of the last times of equal length.
#[derive(Debug)]
struct Recent<const N: usize> {
    began: Option<Instant>,
    /// The one since `began` that the newest count is of.
    slot: u64,
    counts: [u64; N],
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
        if let Some(per_second) = per_second {
            state.allowance.take(count, per_second, SECOND, now)?;
        }
        state.recent.add(count, SECOND, now);
        Ok(())
    }

    /// The mean of the last seconds.
    pub fn per_second(&self, now: Instant) -> f64 {
        self.0.lock().recent.sum(SECOND, now) as f64 / SEEN_SECONDS as f64
    }
}

impl Minute {
    /// Takes one, if there is one left.
    #[must_use]
    pub fn take(&self, per_minute: Option<u32>, now: Instant) -> bool {
        let mut state = self.0.lock();
        let taken = per_minute.is_none_or(|per_minute| state.allowance.take(1, per_minute, MINUTE, now).is_ok());
        if taken {
            state.recent.add(1, MINUTE / PARTS as u32, now);
        }
        taken
    }

    pub fn in_last_minute(&self, now: Instant) -> u64 {
        self.0.lock().recent.sum(MINUTE / PARTS as u32, now)
    }
}

impl Allowance {
    /// Of `most` in `time`; that is also the most that is saved up.
    fn take(&mut self, count: u64, most: u32, time: Duration, now: Instant) -> Result<(), TooFast> {
        let (wanted, most) = (count as f64, f64::from(most));
        if wanted > most {
            return Err(TooFast::Never);
        }
        let per_second = most / time.as_secs_f64();
        let saved =
            self.0.map_or(most, |(left, then)| left + now.saturating_duration_since(then).as_secs_f64() * per_second);
        let left = saved.min(most) - wanted;
        if left < 0.0 {
            return Err(TooFast::Until(Duration::from_secs_f64(-left / per_second)));
        }
        self.0 = Some((left, now));
        Ok(())
    }
}

impl<const N: usize> Recent<N> {
    fn add(&mut self, count: u64, length: Duration, now: Instant) {
        self.turn_to(length, now);
        self.counts[self.slot as usize % N] += count;
    }

    fn sum(&mut self, length: Duration, now: Instant) -> u64 {
        self.turn_to(length, now);
        self.counts.iter().sum()
    }

    fn turn_to(&mut self, length: Duration, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let slot = (now.saturating_duration_since(began).as_secs_f64() / length.as_secs_f64()) as u64;
        for passed in (self.slot + 1..=slot).take(N) {
            self.counts[passed as usize % N] = 0;
        }
        // After a long pause every slot was passed, whichever came first.
        self.slot = self.slot.max(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_minute_has_so_many() {
        let (minute, now) = (Minute::default(), Instant::now());
        assert_eq!((0..100).filter(|_| minute.take(Some(60), now)).count(), 60);
        assert_eq!(minute.in_last_minute(now), 60);
        // One comes back each second.
        let later = now + 10 * SECOND;
        assert_eq!((0..100).filter(|_| minute.take(Some(60), later)).count(), 10);
        assert_eq!(minute.in_last_minute(later), 70);
        assert_eq!(minute.in_last_minute(now + 62 * SECOND), 10);
        assert!((0..1_000).all(|_| minute.take(None, later)));
        assert!(!minute.take(Some(0), later));
    }
}
