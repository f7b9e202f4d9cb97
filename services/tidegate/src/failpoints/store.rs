//! The store with places to die before and after its writes.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_hotstore::{HotStore, HourRow, StoreError, Writing};
use tidegate_model::{
    Clock, LedgerEntry, LedgerKey, MetricId, MetricMetadata, Progress, Row, RowKey, SeriesRow, SessionsSnapshot,
    SightingsChunk, SourceId, TenantId, Touch,
};
use tidegate_runtime::failpoint::Failpoint;

use super::place::{self, Around};

pub struct FailingStore {
    inner: Arc<dyn HotStore>,
    failpoint: Arc<Failpoint>,
}

impl FailingStore {
    pub fn new(inner: Arc<dyn HotStore>, failpoint: Arc<Failpoint>) -> Self {
        Self { inner, failpoint }
    }

    /// The place behind a write is reached by a write that succeeded.
    async fn around(
        &self,
        place: &Around,
        write: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        self.failpoint.reached(place.before);
        let written = write.await;
        if written.is_ok() {
            self.failpoint.reached(place.after);
        }
        written
    }
}

#[async_trait]
impl HotStore for FailingStore {
    fn writing(&self) -> Writing {
        self.inner.writing()
    }

    async fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        self.around(&place::ROWS, self.inner.write_rows(rows)).await
    }

    async fn read_rows(
        &self,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.read_rows(tenant, series, minutes).await
    }

    async fn scan_rows(
        &self,
        shard: u16,
        partitions: u16,
        minutes: Range<u32>,
        after: Option<RowKey>,
    ) -> Result<Vec<Row>, StoreError> {
        self.inner.scan_rows(shard, partitions, minutes, after).await
    }

    async fn write_series(&self, rows: Vec<SeriesRow>) -> Result<(), StoreError> {
        self.around(&place::SERIES, self.inner.write_series(rows)).await
    }

    async fn read_series(&self, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError> {
        self.inner.read_series(shard, day).await
    }

    async fn find_series(
        &self,
        partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        self.inner.find_series(partitions, series, days).await
    }

    async fn write_metadata(
        &self,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError> {
        self.inner.write_metadata(tenant, metadata).await
    }

    async fn read_metadata(&self, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, StoreError> {
        self.inner.read_metadata(tenant).await
    }

    async fn save_progress(&self, progress: Progress) -> Result<(), StoreError> {
        self.around(&place::PROGRESS, self.inner.save_progress(progress)).await
    }

    async fn load_progress(&self, source: SourceId) -> Result<Option<Progress>, StoreError> {
        self.inner.load_progress(source).await
    }

    async fn all_progress(&self) -> Result<Vec<Progress>, StoreError> {
        self.inner.all_progress().await
    }

    async fn write_sightings(&self, chunks: Vec<SightingsChunk>) -> Result<(), StoreError> {
        self.around(&place::SIGHTINGS, self.inner.write_sightings(chunks)).await
    }

    async fn read_sightings(
        &self,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError> {
        self.inner.read_sightings(source, before_offset, max_chunks).await
    }

    async fn write_sessions(&self, snapshot: SessionsSnapshot) -> Result<(), StoreError> {
        self.inner.write_sessions(snapshot).await
    }

    async fn read_sessions(&self, source: SourceId, at_offset: u64) -> Result<Option<SessionsSnapshot>, StoreError> {
        self.inner.read_sessions(source, at_offset).await
    }

    async fn write_ledger(&self, source: SourceId, entries: Vec<(LedgerKey, LedgerEntry)>) -> Result<(), StoreError> {
        self.inner.write_ledger(source, entries).await
    }

    async fn read_ledger(&self, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError> {
        self.inner.read_ledger(source).await
    }

    async fn touch_hours(&self, source: SourceId, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.around(&place::TOUCH, self.inner.touch_hours(source, touches)).await
    }

    async fn ship_hour(&self, source: SourceId, hour: u32, shipped: Clock) -> Result<(), StoreError> {
        self.around(&place::SHIP, self.inner.ship_hour(source, hour, shipped)).await
    }

    async fn read_hours(&self) -> Result<Vec<HourRow>, StoreError> {
        self.inner.read_hours().await
    }

    async fn expire(&self, rows_from_day: u32) -> Result<(), StoreError> {
        self.inner.expire(rows_from_day).await
    }

    async fn series_days(&self) -> Result<Vec<u32>, StoreError> {
        self.inner.series_days().await
    }

    async fn partition_count(&self, partitions: u16) -> Result<u16, StoreError> {
        self.inner.partition_count(partitions).await
    }
}
