//! Hours before the hot horizon that the store holds and the archive does not,
//! or not as they are: they are read from the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_hotstore::{HotStore, HourRow, StoreError};
use tidegate_model::time::HOURS_PER_DAY;
use tokio::time::Instant;

/// How long an answer of the store counts. An hour that was shipped stays in
/// the store for longer than this.
const FRESH: Duration = Duration::from_secs(30);

/// What the store said last of the hours it holds.
#[derive(Default)]
pub(crate) struct HeldHours {
    last: Mutex<Option<(Instant, Arc<BTreeSet<u32>>)>>,
}

impl HeldHours {
    /// Hours that the archive lacks, recent ones among them.
    pub async fn get(&self, store: &dyn HotStore) -> Result<Arc<BTreeSet<u32>>, StoreError> {
        if let Some((read, hours)) = &*self.last.lock()
            && read.elapsed() < FRESH
        {
            return Ok(hours.clone());
        }
        let read = Instant::now();
        let (rows, days) = (store.read_hours().await?, store.series_days().await?);
        let hours = Arc::new(held(&rows, &days));
        *self.last.lock() = Some((read, hours.clone()));
        Ok(hours)
    }
}

/// One shard that is not shipped as it is suffices: the store holds all shards
/// of a day or none, and an hour is read from one place.
fn held(rows: &[HourRow], days: &[u32]) -> BTreeSet<u32> {
    // Rows and series of a day leave the store together, oldest first.
    let Some(first_day) = days.first() else { return BTreeSet::new() };
    let lacks = |row: &&HourRow| row.state.shipped.is_none_or(|shipped| shipped < row.state.touched);
    rows.iter().filter(lacks).map(|row| row.hour).filter(|hour| hour / HOURS_PER_DAY >= *first_day).collect()
}

#[cfg(test)]
mod tests {
    use tidegate_model::{Clock, HourState, SourceId};

    use super::*;

    #[test]
    fn hours_that_one_shard_did_not_ship_are_held_while_the_store_has_their_day() {
        let row = |shard, hour, shipped: Option<i64>| {
            let clock = |effective_ms| Clock { era: 0, effective_ms };
            let state = HourState { touched: clock(10), late: None, shipped: shipped.map(clock) };
            HourRow { shard, hour, source: SourceId { epoch: 1, partition: shard }, state }
        };
        let rows = [
            row(0, 23, None),
            row(0, 24, Some(10)),
            row(1, 24, None),
            row(0, 25, Some(9)),
            row(0, 26, Some(10)),
            row(1, 26, Some(11)),
        ];
        assert_eq!(held(&rows, &[1, 2]), BTreeSet::from([24, 25]));
        assert_eq!(held(&rows, &[]), BTreeSet::new());
    }
}
