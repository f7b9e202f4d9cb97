//! The event log.
//!
//! One keyspace per topic and partition; key: offset (u64) and append time
//! (i64), big-endian; value: the payload. The offset is first in the key, so a
//! partition is read in one scan; the time is in it so that retention finds an
//! offset by time without reading payloads. A keyspace `meta` holds per topic
//! the epoch and the number of partitions, per partition the first offset that
//! retention left, per group the committed offset.
//!
//! Appends of both topics, ticks too, are fsynced before they are answered. A
//! record that was read but is gone after a power failure would leave readers
//! ahead of the log, and its offset would be given to another record. Committed
//! offsets are not fsynced: an older one only makes a reader read again. Neither
//! is lost when only the process dies.

mod config;
mod files;
mod partition;
mod retention;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_eventlog::{Appended, Bounds, ClockFn, EventLog, Fetched, LogError, Topic, wall_clock};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

pub use config::LogConfig;
use files::Files;
use partition::{Partition, Reading};
use retention::Retention;
use writer::{Request, Writer};

use crate::engine::{Engine, EngineError};
use crate::folder::{self, FolderError};

const HOLDS: &str = "tidegate event log";
const FORMAT_VERSION: u32 = 1;
/// Records up to this size are taken by a full log too: without ticks the time
/// of the fold would stand, nothing would close, and nothing be committed.
const TICK_BYTES: usize = 8;

/// See the crate's and the module's description.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    epochs: HashMap<Topic, u64>,
    assigned: watch::Sender<Vec<u16>>,
    writer: Writer,
    retention: Retention,
}

/// What the writer, the retention and the readers share.
struct Shared {
    config: LogConfig,
    clock: ClockFn,
    engine: Engine<Files>,
    topics: HashMap<Topic, Vec<Partition>>,
    /// metrics-raw holds all that it may, and none of it can go.
    full: AtomicBool,
}

impl EmbeddedLog {
    /// Opens the log in `folder` or makes it. Blocks.
    pub fn open(folder: &Path, config: LogConfig) -> Result<Self, LogError> {
        Self::open_with_clock(folder, config, wall_clock())
    }

    /// As [`EmbeddedLog::open`]; `clock` stamps records and drives retention.
    pub fn open_with_clock(folder: &Path, config: LogConfig, clock: ClockFn) -> Result<Self, LogError> {
        folder::prepare(folder, HOLDS, FORMAT_VERSION)?;
        let (path, opened) = (folder.to_owned(), config.clone());
        let engine = Engine::open("log", Box::new(move |opening| Files::open(&path, &opened, opening)))?;
        let meta = engine.read(|files| files.read_meta(config.partitions))?;
        if let Some((topic, found)) = meta.other_partitions {
            return Err(LogError::PartitionCount { topic: topic.name(), found, wanted: config.partitions });
        }
        let tail_bytes = config.tail_cache_bytes / (Topic::ALL.len() * usize::from(config.partitions).max(1));
        let topics = meta.bounds.into_iter().map(|(topic, bounds)| {
            (topic, bounds.into_iter().map(|bounds| Partition::new(bounds, tail_bytes)).collect())
        });
        let assigned = watch::Sender::new((0..config.partitions).collect());
        let shared = Arc::new(Shared { topics: topics.collect(), config, clock, engine, full: AtomicBool::new(false) });
        let writer = Writer::start(Arc::clone(&shared))?;
        let retention = Retention::start(Arc::clone(&shared))?;
        Ok(Self { shared, epochs: meta.epochs, assigned, writer, retention })
    }

    /// Drops the records of a partition before `start`, for good.
    pub async fn truncate_start(&self, topic: Topic, partition: u16, start: u64) -> Result<(), LogError> {
        self.shared.partition(topic, partition)?;
        let shared = Arc::clone(&self.shared);
        blocking(move || Ok(shared.truncate_start(topic, partition, start)?)).await
    }

    /// Applies retention now instead of at its next turn.
    pub async fn apply_retention(&self) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || Ok(retention::apply(&shared)?)).await
    }

    /// Writes what was accepted and closes the files; what is asked for later
    /// is refused. Dropping the log does the same. Blocks.
    pub fn close(&self) {
        self.retention.stop();
        self.writer.stop();
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn partitions(&self, topic: Topic) -> &[Partition] {
        self.topics.get(&topic).map_or(&[], Vec::as_slice)
    }

    fn partition(&self, topic: Topic, partition: u16) -> Result<&Partition, LogError> {
        let found = self.partitions(topic).get(usize::from(partition));
        found.ok_or(LogError::UnknownPartition { topic: topic.name(), partition })
    }

    /// First in memory, so that no reader is given what is about to go; then
    /// the files.
    fn truncate_start(&self, topic: Topic, partition: u16, start: u64) -> Result<(), EngineError> {
        let Ok(state) = self.partition(topic, partition) else { return Ok(()) };
        let start = state.advance_start(start);
        self.engine.write(|files| files.truncate_start(topic, partition, start))
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    fn epoch(&self, topic: Topic) -> u64 {
        self.epochs.get(&topic).copied().unwrap_or(0)
    }

    fn partitions(&self, _topic: Topic) -> u16 {
        self.shared.config.partitions
    }

    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError> {
        let limit_bytes = self.shared.config.max_record_bytes;
        for (partition, payload) in &records {
            self.shared.partition(topic, *partition)?;
            if payload.len() > limit_bytes {
                return Err(LogError::TooLarge { size_bytes: payload.len(), limit_bytes });
            }
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let is_tick = |payload: &Bytes| payload.len() <= TICK_BYTES;
        if topic == Topic::MetricsRaw
            && self.shared.full.load(Ordering::Relaxed)
            && !records.iter().all(|(_, payload)| is_tick(payload))
        {
            return Err(LogError::Overloaded);
        }
        let (answer, answered) = oneshot::channel();
        self.writer.send(Request { topic, records, answer })?;
        tokio::select! {
            biased;
            answered = answered => answered.unwrap_or_else(|_| Err(closed())),
            stalled = self.shared.engine.stalled() => Err(stalled.into()),
        }
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<Fetched, LogError> {
        let state = self.shared.partition(topic, partition)?;
        let until = Instant::now() + max_wait;
        let mut ends = state.ends();
        loop {
            ends.mark_unchanged();
            match state.read(from, max_bytes)? {
                Reading::Tail(fetched) => return Ok(fetched),
                Reading::Files(bounds) => {
                    let shared = Arc::clone(&self.shared);
                    let read = move || {
                        let range = from..bounds.end;
                        Ok(shared.engine.read(|files| files.read(topic, partition, range, max_bytes))?)
                    };
                    let records = blocking(read).await?;
                    if records.first().is_some_and(|first| first.offset == from) {
                        return Ok(Fetched { records, bounds });
                    }
                    // Retention may have overtaken the read: then the next
                    // turn tells so.
                    if state.bounds().start <= from {
                        let missing = format!("{} {partition}: offset {from} is missing", topic.name());
                        return Err(LogError::Corrupt(missing));
                    }
                }
                Reading::Nothing(bounds) if Instant::now() >= until => {
                    return Ok(Fetched { records: Vec::new(), bounds });
                }
                Reading::Nothing(_) => {
                    // Whether woken or timed out, the loop looks again.
                    let _ = tokio::time::timeout_at(until, ends.changed()).await;
                }
            }
        }
    }

    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        Ok(self.shared.partition(topic, partition)?.bounds())
    }

    /// All partitions: the folder is this process' own.
    fn assignment(&self, _topic: Topic, _group: &str) -> watch::Receiver<Vec<u16>> {
        self.assigned.subscribe()
    }

    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        let (shared, group) = (Arc::clone(&self.shared), group.to_owned());
        blocking(move || Ok(shared.engine.read(|files| files.committed(topic, &group, partition))?)).await
    }

    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        self.shared.partition(topic, partition)?;
        let (shared, group) = (Arc::clone(&self.shared), group.to_owned());
        blocking(move || Ok(shared.engine.write(|files| files.commit(topic, &group, partition, offset))?)).await
    }

    fn now_ms(&self) -> i64 {
        (self.shared.clock)()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(closed()))
}

fn closed() -> LogError {
    LogError::Unavailable("the log is closed".to_owned())
}

impl From<EngineError> for LogError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unavailable(cause) | EngineError::Refused(cause) => LogError::Unavailable(cause),
            EngineError::Corrupt(cause) => LogError::Corrupt(cause),
            EngineError::Locked(folder) => LogError::Locked(folder),
        }
    }
}

impl From<FolderError> for LogError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Version { found, supported } => LogError::Version { found, supported },
            FolderError::Other { .. } => LogError::Corrupt(error.to_string()),
            FolderError::Io { .. } => LogError::Unavailable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
