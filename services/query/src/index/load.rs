//! Fills the index from the store, at start and again for series that the
//! live tail did not show (samples that came too late for it).

use std::time::Duration;

use tidegate_hotstore::{HotStore, StoreError};
use tokio::time::Instant;

use super::SeriesIndex;

const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Share of its time that the refresh may spend on reading: 1 in this many.
const PACE: u32 = 20;
/// What reading a series costs at most. Whatever else a refresh took, it waited for a store that was slow or away, and series of
/// that time are to be found soon.
const SERIES_COST: Duration = Duration::from_micros(100);

/// Reads all days that the store holds from `first_day` on.
pub(crate) async fn load_all(
    store: &dyn HotStore,
    index: &SeriesIndex,
    partitions: u16,
    first_day: u32,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut reported = began;
    let days: Vec<u32> = store.series_days().await?.into_iter().filter(|day| *day >= first_day).collect();
    let parts = days.len() * usize::from(partitions);
    let mut done = 0;
    for day in days {
        for shard in 0..partitions {
            index.insert(store.read_series(shard, day).await?);
            done += 1;
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                tracing::info!(done, parts, series = index.len(), "loading the series index");
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    tracing::info!(series = index.len(), seconds, "the series index is loaded");
    Ok(())
}

/// Which days the next refreshes read: the latest each time and one of the
/// older ones in turn.
#[derive(Default)]
pub(crate) struct Rotation {
    turn: usize,
}

impl Rotation {
    fn next(&mut self, days: &[u32]) -> Vec<u32> {
        let Some((latest, older)) = days.split_last() else { return Vec::new() };
        let mut chosen = vec![*latest];
        if !older.is_empty() {
            self.turn = (self.turn + 1) % older.len();
            chosen.push(older[older.len() - 1 - self.turn]);
        }
        chosen
    }
}

/// Reads some days again. Gives the pause to keep before the next refresh so
/// that large stores are not read all the time.
pub(crate) async fn refresh(
    store: &dyn HotStore,
    index: &SeriesIndex,
    partitions: u16,
    first_day: u32,
    rotation: &mut Rotation,
) -> Result<Duration, StoreError> {
    let began = Instant::now();
    index.forget_before(first_day);
    let days: Vec<u32> = store.series_days().await?.into_iter().filter(|day| *day >= first_day).collect();
    let mut read = 0;
    for day in rotation.next(&days) {
        for shard in 0..partitions {
            let series = store.read_series(shard, day).await?;
            read += series.len();
            index.insert(series);
        }
    }
    Ok(pause(began.elapsed(), read))
}

/// After a refresh that took so long and read so many series.
fn pause(took: Duration, series: usize) -> Duration {
    took.min(SERIES_COST.saturating_mul(u32::try_from(series).unwrap_or(u32::MAX))) * PACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_stores_are_read_now_and_then_and_slow_ones_as_often_as_others() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        assert_eq!(pause(minute, 10_000_000), 20 * minute);
        assert_eq!(pause(second, 10_000_000), 20 * second);
        assert_eq!(pause(minute, 100), Duration::from_millis(200));
        assert_eq!(pause(minute, 0), Duration::ZERO);
    }

    #[test]
    fn every_day_gets_its_turn() {
        let mut rotation = Rotation::default();
        let days = [3, 4, 5, 6];
        let mut seen: Vec<u32> = (0..3).flat_map(|_| rotation.next(&days)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [3, 4, 5, 6, 6, 6]);
        assert_eq!(rotation.next(&[7]), [7]);
        assert_eq!(rotation.next(&[]), Vec::<u32>::new());
    }
}
