//! Batches on their way to a gateway: kept on disk, the oldest sent first and
//! again until the gateway has it.

mod sender;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tidegate_runtime::Part;
use tokio::sync::Notify;

use crate::buffer::{Bounds, Buffer};
use crate::clock::unix_ms;
use crate::{BufferConfig, Error};

pub use sender::Sender;

/// What an outbox counts. Whoever makes one decides under which names.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Pushes by how they ended.
    pub stored: Counter,
    pub refused: Counter,
    pub limited: Counter,
    pub failed: Counter,
    /// Samples that the gateway refused.
    pub rejected_samples: Counter,
    /// Batches given up, by why.
    pub dropped_full: Counter,
    pub dropped_old: Counter,
    pub dropped_refused: Counter,
    pub buffered_batches: Gauge,
    pub buffered_bytes: Gauge,
    pub breaker_open: Gauge,
}

/// The end of it where batches go in; clones are the same outbox.
#[derive(Clone)]
pub struct Outbox {
    buffer: Arc<Mutex<Buffer>>,
    added: Arc<Notify>,
    /// Whether the disk took the batch before, so that its failures are told once.
    disk: Arc<Mutex<Disk>>,
    metrics: Metrics,
    /// Told when the gateway cannot be reached, if there is anyone to tell.
    health: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Works,
    Fails,
}

impl Outbox {
    /// Opens the folder, making it when it is missing; batches that an earlier
    /// process left there go first.
    ///
    /// # Errors
    /// [`Error::Buffer`] when the folder cannot be made or read.
    pub async fn open(
        folder: PathBuf,
        config: &BufferConfig,
        metrics: Metrics,
        health: Option<Part>,
    ) -> Result<Self, Error> {
        let bounds = Bounds { max_bytes: config.max_bytes, max_age_ms: config.max_age_seconds.saturating_mul(1_000) };
        let opened = tokio::task::spawn_blocking(move || {
            let buffer = Buffer::open(&folder, bounds);
            buffer.map_err(|source| Error::Buffer { path: folder, source })
        });
        let buffer = opened.await.map_err(|error| Error::Buffer { path: PathBuf::new(), source: error.into() })??;
        let buffer = Arc::new(Mutex::new(buffer));
        Ok(Self { buffer, added: Arc::default(), disk: Arc::new(Mutex::new(Disk::Works)), metrics, health })
    }

    /// Adds a batch. It is on disk when this returns, unless the disk takes
    /// none: then it waits in memory.
    pub async fn add(&self, batch: Bytes) {
        let now_ms = unix_ms().unsigned_abs();
        let Some(added) = self.buffer(move |buffer| buffer.add(batch, now_ms)).await else { return };
        self.dropped("full", &self.metrics.dropped_full, added.dropped);
        let now = if added.disk_error.is_some() { Disk::Fails } else { Disk::Works };
        let before = std::mem::replace(&mut *self.disk.lock().unwrap_or_else(PoisonError::into_inner), now);
        if let (Some(error), Disk::Works) = (added.disk_error, before) {
            tracing::warn!(%error, "batches wait in memory, as the disk takes none");
        }
        self.added.notify_one();
    }

    /// Runs `work` on the buffer where waiting for the disk holds nobody up.
    async fn buffer<R: Send + 'static>(&self, work: impl FnOnce(&mut Buffer) -> R + Send + 'static) -> Option<R> {
        let buffer = self.buffer.clone();
        let metrics = self.metrics.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut buffer);
            metrics.buffered_batches.set(buffer.batches() as i64);
            metrics.buffered_bytes.set(buffer.size_bytes() as i64);
            result
        });
        done.await.inspect_err(|error| tracing::error!(%error, "the buffer failed")).ok()
    }

    fn dropped(&self, reason: &'static str, counter: &Counter, batches: u64) {
        if batches > 0 {
            tracing::warn!(reason, batches, "batches are given up");
            counter.inc_by(batches);
        }
    }
}
