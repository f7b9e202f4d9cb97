//! The store as the targets see it; each group of tables has a file.

use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tidegate_hotstore::{HotStore, HourRow, StoreError, Writing};
use tidegate_model::{
    Clock, LedgerEntry, LedgerKey, MetricId, MetricMetadata, Progress, Row, RowKey, SeriesRow, SessionsSnapshot,
    SightingsChunk, SourceId, TenantId, Touch,
};

use crate::config::Config;
use crate::connect::connect;
use crate::database::{Clock as ClockFn, Database};
use crate::error::OpenError;
use crate::hours::ShippedHours;
use crate::metrics::Metrics;
use crate::migrate::check;
use crate::rows::Rows;
use crate::series::Series;
use crate::sightings::Sightings;
use crate::state::State;

pub struct CassandraStore {
    database: Database,
    rows: Rows,
    series: Series,
    state: State,
    sightings: Sightings,
    hours: ShippedHours,
}

impl CassandraStore {
    /// # Errors
    /// When the configuration makes no sense, no node answers, or the tables are not of this program's version.
    pub async fn open(config: &Config, metrics: Metrics) -> Result<Self, OpenError> {
        let wall_clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        Self::open_with_clock(config, metrics, Arc::new(wall_clock)).await
    }

    /// As [`CassandraStore::open`]; what is to expire does so by `clock`.
    ///
    /// # Errors
    /// As [`CassandraStore::open`].
    pub async fn open_with_clock(config: &Config, metrics: Metrics, clock: ClockFn) -> Result<Self, OpenError> {
        let session = connect(config).await?;
        check(&session, config).await?;
        let database = Database::new(session, config, metrics, clock);
        let retention = &config.retention;
        let rows = Rows::prepare(&database, retention.clone()).await?;
        let series = Series::prepare(&database, retention.clone()).await?;
        let state = State::prepare(&database).await?;
        let hours = ShippedHours::prepare(&database, retention).await?;
        let sightings = Sightings::prepare(&database, retention).await?;
        Ok(Self { database, rows, series, state, hours, sightings })
    }

    /// What is recorded, once some process has.
    async fn partitions(&self) -> Result<u16, StoreError> {
        let recorded = self.state.recorded_partitions(&self.database).await?;
        recorded.ok_or_else(|| StoreError::Corrupt("the number of partitions is not recorded yet".to_owned()))
    }
}

#[async_trait]
impl HotStore for CassandraStore {
    fn writing(&self) -> Writing {
        Writing::Apart
    }

    async fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let partitions = self.partitions().await?;
        self.rows.write(&self.database, partitions, rows).await
    }

    async fn read_rows(
        &self,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        if series.is_empty() || minutes.is_empty() {
            return Ok(Vec::new());
        }
        let partitions = self.partitions().await?;
        self.rows.read(&self.database, partitions, tenant, series, minutes).await
    }

    async fn scan_rows(
        &self,
        shard: u16,
        _partitions: u16,
        minutes: Range<u32>,
        after: Option<RowKey>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows.scan(&self.database, shard, minutes, after).await
    }

    async fn write_series(&self, rows: Vec<SeriesRow>) -> Result<(), StoreError> {
        self.series.write(&self.database, rows).await
    }

    async fn read_series(&self, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError> {
        self.series.read(&self.database, shard, day).await
    }

    async fn find_series(
        &self,
        partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        self.series.find(&self.database, partitions, series, days).await
    }

    async fn write_metadata(
        &self,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError> {
        self.series.write_metadata(&self.database, tenant, metadata).await
    }

    async fn read_metadata(&self, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, StoreError> {
        self.series.read_metadata(&self.database, tenant).await
    }

    async fn save_progress(&self, progress: Progress) -> Result<(), StoreError> {
        self.state.save_progress(&self.database, &progress).await
    }

    async fn load_progress(&self, source: SourceId) -> Result<Option<Progress>, StoreError> {
        self.state.load_progress(&self.database, source).await
    }

    async fn all_progress(&self) -> Result<Vec<Progress>, StoreError> {
        self.state.all_progress(&self.database).await
    }

    async fn write_sightings(&self, chunks: Vec<SightingsChunk>) -> Result<(), StoreError> {
        self.sightings.write(&self.database, &chunks).await
    }

    async fn read_sightings(
        &self,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError> {
        self.sightings.read(&self.database, source, before_offset, max_chunks).await
    }

    async fn write_sessions(&self, snapshot: SessionsSnapshot) -> Result<(), StoreError> {
        self.sightings.write_sessions(&self.database, &snapshot).await
    }

    async fn read_sessions(&self, source: SourceId, at_offset: u64) -> Result<Option<SessionsSnapshot>, StoreError> {
        self.sightings.read_sessions(&self.database, source, at_offset).await
    }

    async fn write_ledger(&self, source: SourceId, entries: Vec<(LedgerKey, LedgerEntry)>) -> Result<(), StoreError> {
        self.state.write_ledger(&self.database, source, &entries).await
    }

    async fn read_ledger(&self, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError> {
        self.state.read_ledger(&self.database, source).await
    }

    async fn touch_hours(&self, source: SourceId, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.hours.touch(&self.database, source, &touches).await
    }

    async fn ship_hour(&self, source: SourceId, hour: u32, shipped: Clock) -> Result<(), StoreError> {
        self.hours.ship(&self.database, source, hour, shipped).await
    }

    async fn read_hours(&self) -> Result<Vec<HourRow>, StoreError> {
        self.hours.read(&self.database).await
    }

    /// Rows and series expire by themselves. What is asked for is that nobody counts on them any more: the days are taken out
    /// of [`HotStore::series_days`].
    async fn expire(&self, rows_from_day: u32) -> Result<(), StoreError> {
        self.series.unlist_before(&self.database, rows_from_day).await
    }

    async fn series_days(&self) -> Result<Vec<u32>, StoreError> {
        self.series.days(&self.database).await
    }

    async fn partition_count(&self, partitions: u16) -> Result<u16, StoreError> {
        self.state.partition_count(&self.database, partitions).await
    }
}
