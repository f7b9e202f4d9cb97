//! The store of the last days: rows of windows, the series that they belong
//! to, and what the fold and the compactor remember. A trait, an in-memory
//! store for tests and simulation, and the conformance suite that every
//! adapter passes.
//!
//! Every write is idempotent, and of two versions of one thing a stated one
//! wins, so any number of owners of a partition may write at once.

pub mod conformance;
pub mod memory;

pub use memory::MemoryStore;

use std::ops::Range;

use async_trait::async_trait;
use tidegate_model::{
    Clock, HourState, LedgerEntry, LedgerKey, MetricId, MetricMetadata, Progress, Row, SeriesRow, SessionsSnapshot,
    SightingsChunk, SourceId, TenantId, Touch,
};

#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Trying again may succeed; nothing is known of what was written.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
    /// Another process has the data folder open.
    #[error("the data folder {0} is in use by another process")]
    Locked(String),
    #[error("the data folder has format version {found}, this binary reads {supported}")]
    Version { found: u32, supported: u32 },
}

/// An hour of a shard through one source, and how far it is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourRow {
    pub shard: u16,
    /// Hours since the epoch.
    pub hour: u32,
    pub source: SourceId,
    pub state: HourState,
}

/// What becomes of the rows that one call writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// They are one write: the more rows, the less a row costs.
    #[default]
    Together,
    /// Each row is a request of its own, and many at once are slow ones, for
    /// whoever else asks the store too.
    Apart,
}

#[async_trait]
pub trait HotStore: Send + Sync + 'static {
    /// How rows had better come.
    fn writing(&self) -> Writing {
        Writing::Together
    }

    /// Durable when it returns. Of two rows with one key the one with more
    /// samples stays. [`partition_count`](Self::partition_count) has been
    /// called before: rows are kept by shard.
    async fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError>;

    /// Rows of the series in `minutes`, sorted by (metric_id, minute, source,
    /// era, fragment), one version each.
    async fn read_rows(
        &self,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError>;

    /// All rows of a shard in `minutes`, of every tenant, hour by hour and
    /// within an hour in an order of the store's own, in batches of bounded
    /// size. `after` is the key of the last row had, `None` to begin. An empty
    /// answer is the end. `partitions` is the number of shards in all.
    async fn scan_rows(
        &self,
        shard: u16,
        partitions: u16,
        minutes: Range<u32>,
        after: Option<tidegate_model::RowKey>,
    ) -> Result<Vec<Row>, StoreError>;

    /// Durable when it returns. The first row of (tenant, day, metric_id) or
    /// any later one may stay; they say the same.
    async fn write_series(&self, rows: Vec<SeriesRow>) -> Result<(), StoreError>;

    /// The series of a shard on a day, of every tenant.
    async fn read_series(&self, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError>;

    /// Looks series up by id: those of the given days that are known, in any
    /// order, each once.
    async fn find_series(
        &self,
        partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError>;

    /// Sets what is known of a metric's name; the latest write stays.
    async fn write_metadata(
        &self,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError>;

    async fn read_metadata(&self, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, StoreError>;

    /// Durable when it returns. A row whose position is lower than the stored
    /// one's is dropped in silence.
    async fn save_progress(&self, progress: Progress) -> Result<(), StoreError>;

    async fn load_progress(&self, source: SourceId) -> Result<Option<Progress>, StoreError>;

    /// Every source there is progress of.
    async fn all_progress(&self) -> Result<Vec<Progress>, StoreError>;

    /// Of two versions of (source, era, minute) the one with more entries
    /// stays.
    async fn write_sightings(&self, chunks: Vec<SightingsChunk>) -> Result<(), StoreError>;

    /// Chunks of a source from the latest back, `max_chunks` at most, whose
    /// first entry's offset is below `before_offset`; latest first.
    async fn read_sightings(
        &self,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError>;

    async fn write_sessions(&self, snapshot: SessionsSnapshot) -> Result<(), StoreError>;

    /// The latest snapshot whose `offset` is at most `at_offset`.
    async fn read_sessions(&self, source: SourceId, at_offset: u64) -> Result<Option<SessionsSnapshot>, StoreError>;

    /// Final entries of hours that left the progress row.
    async fn write_ledger(&self, source: SourceId, entries: Vec<(LedgerKey, LedgerEntry)>) -> Result<(), StoreError>;

    async fn read_ledger(&self, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError>;

    /// Notes which rows of hours through `source` were written; of each clock
    /// the later one stays.
    async fn touch_hours(&self, source: SourceId, touches: Vec<Touch>) -> Result<(), StoreError>;

    /// Notes that the archive covers (shard, hour) through `source` up to
    /// `shipped`.
    async fn ship_hour(&self, source: SourceId, hour: u32, shipped: Clock) -> Result<(), StoreError>;

    async fn read_hours(&self) -> Result<Vec<HourRow>, StoreError>;

    /// Drops what is older than the days given: rows of minutes of days before
    /// `rows_from_day`, and series of the same days. Never touches newer data.
    /// A store whose rows expire by themselves need not do anything.
    async fn expire(&self, rows_from_day: u32) -> Result<(), StoreError>;

    /// Days since the epoch that hold series, ascending.
    async fn series_days(&self) -> Result<Vec<u32>, StoreError>;

    /// What the fixed partition count is, recording `partitions` when none is
    /// recorded yet.
    async fn partition_count(&self, partitions: u16) -> Result<u16, StoreError>;
}
