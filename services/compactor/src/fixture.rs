//! For the tests: the real fold in front of a store in memory, so that rows,
//! marks and ledger are what they are in a running system.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_codec::stored::encode_chunk;
use tidegate_fold::{Admission, Fold};
use tidegate_hotstore::HotStore;
use tidegate_hotstore::memory::MemoryStore;
use tidegate_model::time::{HOUR_MS, day_of};
use tidegate_model::{BatchId, Clock, Labels, MetricId, Row, RowKey, SeriesKind, SeriesRow, SourceId, TenantId};

pub const EPOCH: u64 = 0xabc;
/// 2026-11-20 07h.
pub const HOUR: u32 = 498_655;
pub const HOUR_START_MS: i64 = HOUR as i64 * HOUR_MS;
pub const SOURCE: SourceId = SourceId { epoch: EPOCH, partition: 0 };

pub struct Pipe {
    pub store: Arc<MemoryStore>,
    fold: Fold,
    offset: u64,
    sequence: u64,
    touched: BTreeMap<u32, Clock>,
}

/// (tenant, metric name, milliseconds from the hour's start, value)
pub type Sample = (&'static str, &'static str, i64, f64);

impl Pipe {
    pub fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { store, fold: Fold::new(SOURCE), offset: 0, sequence: 0, touched: BTreeMap::new() }
    }

    /// Samples in one batch that arrives so many milliseconds after the
    /// hour's start.
    pub async fn push(&mut self, at_ms: i64, samples: &[Sample]) {
        self.sequence += 1;
        self.push_batch(self.sequence, at_ms, samples).await;
    }

    pub async fn push_batch(&mut self, sequence: u64, at_ms: i64, samples: &[Sample]) {
        self.fold.begin_record(self.offset, HOUR_START_MS + at_ms);
        self.offset += 1;
        for (index, (tenant, name, offset_ms, value)) in samples.iter().enumerate() {
            let tenant = TenantId::new(tenant).unwrap();
            let batch = BatchId::Session { session: index as u128, sequence };
            let admitted = self.fold.begin_part(batch, &tenant);
            let labels = labels(name);
            let id = MetricId::of(&tenant, &labels);
            self.fold.float(id, HOUR_START_MS + offset_ms, *value);
            if admitted == Admission::New {
                let day = day_of(HOUR_START_MS + offset_ms);
                let row = SeriesRow { tenant, shard: 0, day, metric_id: id, labels, kind: SeriesKind::Float };
                self.store.write_series(vec![row]).await.unwrap();
            }
        }
    }

    /// Lets the log's time pass, with a tick.
    pub fn tick(&mut self, at_ms: i64) {
        self.fold.begin_record(self.offset, HOUR_START_MS + at_ms);
        self.offset += 1;
    }

    pub fn gap(&mut self) {
        self.fold.gap(1);
        self.offset = self.fold.next_offset();
    }

    /// Writes what has closed, but no progress.
    pub async fn flush(&mut self) {
        while let Some(mut closed) = self.fold.take_closed() {
            let touch = closed.touch();
            let mut rows = Vec::new();
            closed.rows(usize::MAX, |row| {
                let mut chunk = Vec::new();
                encode_chunk(row.windows, row.totals, &mut chunk);
                let key = RowKey {
                    tenant: row.tenant.clone(),
                    metric_id: row.metric_id,
                    minute: row.minute,
                    source: SOURCE,
                    era: row.era,
                    fragment: row.fragment,
                };
                rows.push(Row { key, samples: row.samples, chunk: chunk.into() });
            });
            self.store.write_rows(rows).await.unwrap();
            self.touched.insert(touch.hour, touch.closed);
            self.store.touch_hours(SOURCE, vec![touch]).await.unwrap();
        }
    }

    /// Writes what has closed, then the progress.
    pub async fn save(&mut self) {
        self.flush().await;
        self.store.write_ledger(SOURCE, self.fold.take_final_ledger()).await.unwrap();
        self.store.save_progress(self.fold.progress()).await.unwrap();
    }

    /// The clock of the latest close of an hour.
    pub fn touched(&self, hour: u32) -> Clock {
        self.touched[&hour]
    }
}

pub fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "test")]).unwrap()
}
