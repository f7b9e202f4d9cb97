//! The hot store.
//!
//! Rows of a day are in a keyspace of their own, so that retention drops them
//! whole; so are the day's series. A small keyspace holds the rest. What the
//! keys and values are made of is said in `rows.rs`, `series.rs` and
//! `state.rs`.

mod config;
mod files;
mod rows;
mod series;
mod state;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_hotstore::{HotStore, HourRow, StoreError};
use tidegate_model::{
    Clock, LedgerEntry, LedgerKey, MetricId, MetricMetadata, Progress, Row, RowKey, SeriesRow, SessionsSnapshot,
    SightingsChunk, SourceId, TenantId, Touch,
};
use tokio::sync::oneshot;

pub use config::StoreConfig;
use files::Files;
use writer::{Request, Writer};

use crate::engine::{Engine, EngineError};
use crate::folder::{self, FolderError};

const HOLDS: &str = "tidegate hot store";
const FORMAT_VERSION: u32 = 1;

/// See the crate's and the module's description.
pub struct EmbeddedStore {
    engine: Arc<Engine<Files>>,
    writer: Writer,
}

impl EmbeddedStore {
    /// Opens the store in `folder` or makes it. Blocks.
    pub fn open(folder: &Path, config: StoreConfig) -> Result<Self, StoreError> {
        folder::prepare(folder, HOLDS, FORMAT_VERSION)?;
        let (path, opened) = (folder.to_owned(), config.clone());
        let engine = Arc::new(Engine::open("store", Box::new(move |opening| Files::open(&path, &opened, opening)))?);
        let writer = Writer::start(Arc::clone(&engine), &config)?;
        Ok(Self { engine, writer })
    }

    /// Writes what was accepted and closes the files; writes that are asked
    /// for later are refused. Dropping the store does the same. Blocks.
    pub fn close(&self) {
        self.writer.stop();
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Files) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let engine = Arc::clone(&self.engine);
        blocking(move || engine.read(read)).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Files) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let engine = Arc::clone(&self.engine);
        tokio::select! {
            biased;
            written = blocking(move || engine.write(write)) => written,
            stalled = self.engine.stalled() => Err(stalled.into()),
        }
    }

    async fn through_writer(&self, request: impl FnOnce(writer::Answer) -> Request) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let written = async {
            self.writer.send(request(answer)).await?;
            answered.await.unwrap_or_else(|_| Err(closed()))
        };
        tokio::select! {
            biased;
            written = written => Ok(written?),
            stalled = self.engine.stalled() => Err(stalled.into()),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.unwrap_or_else(|_| Err(closed()))?)
}

fn closed() -> EngineError {
    EngineError::Refused("the store is closed".to_owned())
}

#[async_trait]
impl HotStore for EmbeddedStore {
    async fn write_rows(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.through_writer(|answer| Request::Rows(rows, answer)).await
    }

    async fn read_rows(
        &self,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        let (tenant, series) = (tenant.clone(), series.to_vec());
        self.read(move |files| rows::read(files, &tenant, series, minutes)).await
    }

    async fn scan_rows(
        &self,
        shard: u16,
        partitions: u16,
        minutes: Range<u32>,
        after: Option<RowKey>,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(move |files| rows::scan(files, shard, partitions, minutes, after)).await
    }

    async fn write_series(&self, rows: Vec<SeriesRow>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.through_writer(|answer| Request::Series(rows, answer)).await
    }

    async fn read_series(&self, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError> {
        self.read(move |files| series::read(files, shard, day)).await
    }

    async fn find_series(
        &self,
        partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let wanted = series.to_vec();
        self.read(move |files| series::find(files, partitions, wanted, days)).await
    }

    async fn write_metadata(
        &self,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.write(move |files| series::write_metadata(files, &tenant, metadata)).await
    }

    async fn read_metadata(&self, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |files| series::read_metadata(files, &tenant)).await
    }

    async fn save_progress(&self, progress: Progress) -> Result<(), StoreError> {
        self.write(move |files| state::save_progress(files, &progress)).await
    }

    async fn load_progress(&self, source: SourceId) -> Result<Option<Progress>, StoreError> {
        self.read(move |files| state::load_progress(files, source)).await
    }

    async fn all_progress(&self) -> Result<Vec<Progress>, StoreError> {
        self.read(state::all_progress).await
    }

    async fn write_sightings(&self, chunks: Vec<SightingsChunk>) -> Result<(), StoreError> {
        self.write(move |files| state::write_sightings(files, &chunks)).await
    }

    async fn read_sightings(
        &self,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError> {
        self.read(move |files| state::read_sightings(files, source, before_offset, max_chunks)).await
    }

    async fn write_sessions(&self, snapshot: SessionsSnapshot) -> Result<(), StoreError> {
        self.write(move |files| state::write_sessions(files, &snapshot)).await
    }

    async fn read_sessions(&self, source: SourceId, at_offset: u64) -> Result<Option<SessionsSnapshot>, StoreError> {
        self.read(move |files| state::read_sessions(files, source, at_offset)).await
    }

    async fn write_ledger(&self, source: SourceId, entries: Vec<(LedgerKey, LedgerEntry)>) -> Result<(), StoreError> {
        self.write(move |files| state::write_ledger(files, source, &entries)).await
    }

    async fn read_ledger(&self, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError> {
        self.read(move |files| state::read_ledger(files, source)).await
    }

    async fn touch_hours(&self, source: SourceId, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.write(move |files| state::touch_hours(files, source, &touches)).await
    }

    async fn ship_hour(&self, source: SourceId, hour: u32, shipped: Clock) -> Result<(), StoreError> {
        self.write(move |files| state::ship_hour(files, source, hour, shipped)).await
    }

    async fn read_hours(&self) -> Result<Vec<HourRow>, StoreError> {
        self.read(state::read_hours).await
    }

    async fn expire(&self, rows_from_day: u32) -> Result<(), StoreError> {
        self.through_writer(|answer| Request::Expire(rows_from_day, answer)).await
    }

    async fn series_days(&self) -> Result<Vec<u32>, StoreError> {
        self.read(|files| Ok(files.series_days())).await
    }

    async fn partition_count(&self, partitions: u16) -> Result<u16, StoreError> {
        self.write(move |files| files.record_partitions(partitions)).await
    }
}

impl From<EngineError> for StoreError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unavailable(cause) | EngineError::Refused(cause) => StoreError::Unavailable(cause),
            EngineError::Corrupt(cause) => StoreError::Corrupt(cause),
            EngineError::Locked(folder) => StoreError::Locked(folder),
        }
    }
}

impl From<FolderError> for StoreError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Version { found, supported } => StoreError::Version { found, supported },
            FolderError::Other { .. } => StoreError::Corrupt(error.to_string()),
            FolderError::Io { .. } => StoreError::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
