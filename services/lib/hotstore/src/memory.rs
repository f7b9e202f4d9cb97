//! A store in memory, for tests and simulation; it can be made to fail.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, Range};

use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR};
use tidegate_model::{
    Clock, HourState, LedgerEntry, LedgerKey, MetricId, MetricMetadata, Progress, Row, RowKey, SeriesRow,
    SessionsSnapshot, SightingsChunk, SourceId, TenantId, Touch,
};

use crate::{HotStore, HourRow, StoreError, Writing};

/// Rows that one [`HotStore::scan_rows`] gives at most.
pub const SCAN_ROWS: usize = 1_000;

/// Loses everything when it is dropped.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    writing: Writing,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<RowOrder, Row>,
    series: BTreeMap<(u32, MetricId, TenantId), SeriesRow>,
    metadata: BTreeMap<(TenantId, String), MetricMetadata>,
    progress: BTreeMap<SourceId, Progress>,
    sightings: BTreeMap<(SourceId, u32, u32), SightingsChunk>,
    sessions: BTreeMap<(SourceId, u64), SessionsSnapshot>,
    ledger: BTreeMap<(SourceId, LedgerKey), LedgerEntry>,
    hours: HashMap<(u32, SourceId), HourState>,
    partitions: Option<u16>,
    failing: Failing,
}

/// The order of [`HotStore::scan_rows`].
type RowOrder = (u32, MetricId, SourceId, u32, u32, TenantId);

fn order_of(key: &RowKey) -> RowOrder {
    (key.minute, key.metric_id, key.source, key.era, key.fragment, key.tenant.clone())
}

/// Which calls fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failing {
    #[default]
    Nothing,
    /// The next so many writes.
    Writes(u32),
    Everything,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants rows as a store does that writes each by itself.
    #[must_use]
    pub fn writing_apart(self) -> Self {
        Self { writing: Writing::Apart, ..self }
    }

    /// Makes calls fail as [`StoreError::Unavailable`] from now on, before
    /// they change anything.
    pub fn set_failing(&self, failing: Failing) {
        self.state.lock().failing = failing;
    }

    /// All rows, in the order of minutes, then (metric_id, source, era,
    /// fragment).
    pub fn rows(&self) -> Vec<Row> {
        self.state.lock().rows.values().cloned().collect()
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        let state = self.state.lock();
        match state.failing {
            Failing::Everything => Err(unavailable()),
            _ => Ok(read(&state)),
        }
    }

    fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.state.lock();
        match state.failing {
            Failing::Everything => return Err(unavailable()),
            Failing::Writes(left @ 1..) => {
                state.failing = if left == 1 { Failing::Nothing } else { Failing::Writes(left - 1) };
                return Err(unavailable());
            }
            Failing::Writes(0) | Failing::Nothing => {}
        }
        Ok(write(&mut state))
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("told to fail".to_owned())
}

#[async_trait]
impl HotStore for MemoryStore {
    fn writing(&self) -> Writing {
        self.writing
    }

    async fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        self.write(|state| {
            for row in rows {
                let stored = state.rows.entry(order_of(&row.key)).or_insert_with(|| row.clone());
                if stored.samples < row.samples {
                    *stored = row;
                }
            }
        })
    }

    async fn read_rows(
        &self,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(|state| {
            let mut wanted = series.to_vec();
            wanted.sort_unstable();
            let mut rows: Vec<Row> = state
                .rows
                .values()
                .skip_while(|row| row.key.minute < minutes.start)
                .take_while(|row| row.key.minute < minutes.end)
                .filter(|row| row.key.tenant == *tenant && wanted.binary_search(&row.key.metric_id).is_ok())
                .cloned()
                .collect();
            // Within a series the rows are in order already.
            rows.sort_by_key(|row| row.key.metric_id);
            rows
        })
    }

    async fn scan_rows(
        &self,
        shard: u16,
        partitions: u16,
        minutes: Range<u32>,
        after: Option<RowKey>,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(|state| {
            let from = match after {
                Some(key) => Bound::Excluded(order_of(&key)),
                None => Bound::Unbounded,
            };
            state
                .rows
                .range((from, Bound::Unbounded))
                .map(|(_, row)| row)
                .skip_while(|row| row.key.minute < minutes.start)
                .take_while(|row| row.key.minute < minutes.end)
                .filter(|row| row.key.metric_id.partition(partitions) == shard)
                .take(SCAN_ROWS)
                .cloned()
                .collect()
        })
    }

    async fn write_series(&self, rows: Vec<SeriesRow>) -> Result<(), StoreError> {
        self.write(|state| {
            for row in rows {
                state.series.entry((row.day, row.metric_id, row.tenant.clone())).or_insert(row);
            }
        })
    }

    async fn read_series(&self, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError> {
        self.read(|state| state.series.values().filter(|row| row.day == day && row.shard == shard).cloned().collect())
    }

    async fn find_series(
        &self,
        _partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        self.read(|state| {
            let mut found: BTreeMap<(MetricId, &TenantId), &SeriesRow> = BTreeMap::new();
            for row in state.series.values().filter(|row| days.contains(&row.day) && series.contains(&row.metric_id)) {
                found.entry((row.metric_id, &row.tenant)).or_insert(row);
            }
            found.into_values().cloned().collect()
        })
    }

    async fn write_metadata(
        &self,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError> {
        self.write(|state| {
            let keyed = metadata.into_iter().map(|(name, metadata)| ((tenant.clone(), name), metadata));
            state.metadata.extend(keyed);
        })
    }

    async fn read_metadata(&self, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, StoreError> {
        self.read(|state| {
            let own = state.metadata.iter().filter(|((owner, _), _)| owner == tenant);
            own.map(|((_, name), metadata)| (name.clone(), metadata.clone())).collect()
        })
    }

    async fn save_progress(&self, progress: Progress) -> Result<(), StoreError> {
        self.write(|state| match state.progress.get(&progress.source) {
            Some(stored) if stored.position > progress.position => {}
            _ => {
                state.progress.insert(progress.source, progress);
            }
        })
    }

    async fn load_progress(&self, source: SourceId) -> Result<Option<Progress>, StoreError> {
        self.read(|state| state.progress.get(&source).cloned())
    }

    async fn all_progress(&self) -> Result<Vec<Progress>, StoreError> {
        self.read(|state| state.progress.values().cloned().collect())
    }

    async fn write_sightings(&self, chunks: Vec<SightingsChunk>) -> Result<(), StoreError> {
        self.write(|state| {
            for chunk in chunks {
                let stored =
                    state.sightings.entry((chunk.source, chunk.era, chunk.minute)).or_insert_with(|| chunk.clone());
                if stored.entries.len() < chunk.entries.len() {
                    *stored = chunk;
                }
            }
        })
    }

    async fn read_sightings(
        &self,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError> {
        self.read(|state| {
            let own = state.sightings.range((source, 0, 0)..=(source, u32::MAX, u32::MAX)).rev();
            let before = own
                .map(|(_, chunk)| chunk)
                .filter(|chunk| chunk.entries.first().is_some_and(|first| first.offset < before_offset));
            before.take(max_chunks).cloned().collect()
        })
    }

    async fn write_sessions(&self, snapshot: SessionsSnapshot) -> Result<(), StoreError> {
        self.write(|state| {
            state.sessions.insert((snapshot.source, snapshot.offset), snapshot);
        })
    }

    async fn read_sessions(&self, source: SourceId, at_offset: u64) -> Result<Option<SessionsSnapshot>, StoreError> {
        self.read(|state| {
            state.sessions.range((source, 0)..=(source, at_offset)).next_back().map(|(_, snapshot)| snapshot.clone())
        })
    }

    async fn write_ledger(&self, source: SourceId, entries: Vec<(LedgerKey, LedgerEntry)>) -> Result<(), StoreError> {
        self.write(|state| state.ledger.extend(entries.into_iter().map(|(key, entry)| ((source, key), entry))))
    }

    async fn read_ledger(&self, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError> {
        self.read(|state| {
            let own = state.ledger.iter().filter(|((of, _), _)| *of == source);
            own.map(|((_, key), entry)| (*key, *entry)).collect()
        })
    }

    async fn touch_hours(&self, source: SourceId, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.write(|state| {
            for touch in touches {
                let stored = state.hours.entry((touch.hour, source)).or_default();
                stored.touched = stored.touched.max(touch.closed);
                stored.late = stored.late.max(touch.late);
            }
        })
    }

    async fn ship_hour(&self, source: SourceId, hour: u32, shipped: Clock) -> Result<(), StoreError> {
        self.write(|state| {
            let stored = state.hours.entry((hour, source)).or_default();
            stored.shipped = stored.shipped.max(Some(shipped));
        })
    }

    async fn read_hours(&self) -> Result<Vec<HourRow>, StoreError> {
        self.read(|state| {
            let row = |(&(hour, source), &state): (&(u32, SourceId), &HourState)| HourRow {
                shard: source.partition,
                hour,
                source,
                state,
            };
            let mut hours: Vec<HourRow> = state.hours.iter().map(row).collect();
            hours.sort_by_key(|row| (row.hour, row.source));
            hours
        })
    }

    async fn expire(&self, rows_from_day: u32) -> Result<(), StoreError> {
        self.write(|state| {
            let minute = rows_from_day.saturating_mul(HOURS_PER_DAY * MINUTES_PER_HOUR);
            state.rows.retain(|order, _| order.0 >= minute);
            state.series.retain(|(day, _, _), _| *day >= rows_from_day);
        })
    }

    async fn series_days(&self) -> Result<Vec<u32>, StoreError> {
        self.read(|state| {
            let mut days: Vec<u32> = state.series.keys().map(|(day, _, _)| *day).collect();
            days.dedup();
            days
        })
    }

    async fn partition_count(&self, partitions: u16) -> Result<u16, StoreError> {
        self.write(|state| *state.partitions.get_or_insert(partitions))
    }
}

#[cfg(test)]
mod tests;
