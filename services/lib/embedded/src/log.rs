//! The event log.
//!
//! Each topic is a database of its own, with a writer of its own, so that live
//! windows, which come in bursts, never stand before a push in a queue. In it
//! is one keyspace per partition; key: offset (u64) and append time (i64),
//! big-endian; value: the payload. The offset is first in the key, so a
//! partition is read in one scan; the time is in it so that retention finds an
//! offset by time without reading payloads. A keyspace `meta` holds the epoch
//! and the number of partitions, per partition the first offset that retention
//! left, per group the committed offset.
//!
//! Appends to metrics-raw, ticks too, are fsynced before they are answered. A
//! record that was read but is gone after a power failure would leave readers
//! ahead of the log, and its offset would be given to another record. Those to
//! metrics-rollup are not: their readers live and die with this machine, and
//! the windows are published again. Committed offsets are not fsynced either:
//! an older one only makes a reader read again. None of it is lost when only
//! the process dies.

mod config;
mod files;
mod partition;
mod retention;
mod writer;

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
use writer::Writer;

use crate::engine::{Engine, EngineError};
use crate::folder::{self, FolderError};

const HOLDS: &str = "tidegate event log";
const FORMAT_VERSION: u32 = 2;
/// Records up to this size are taken by a full log too: without ticks the time
/// of the fold would stand, nothing would close, and nothing be committed.
const TICK_BYTES: usize = 8;

/// Calls what it is given, once, and returns when that has.
pub type RunApart = fn(&mut (dyn FnMut() + Send));

/// See the crate's and the module's description.
pub struct EmbeddedLog {
    raw: TopicLog,
    rollup: TopicLog,
    assigned: watch::Sender<Vec<u16>>,
}

struct TopicLog {
    shared: Arc<Shared>,
    epoch: u64,
    writer: Writer,
    retention: Retention,
}

/// What a topic's writer, retention and readers share.
struct Shared {
    topic: Topic,
    config: LogConfig,
    clock: ClockFn,
    engine: Engine<Files>,
    partitions: Vec<Partition>,
    /// The topic holds all that it may, and none of it can go.
    full: AtomicBool,
}

impl EmbeddedLog {
    /// Opens the log in `folder` or makes it. Blocks.
    pub fn open(folder: &Path, config: LogConfig) -> Result<Self, LogError> {
        Self::open_with_clock(folder, config, wall_clock())
    }

    /// As [`EmbeddedLog::open`]; `clock` stamps records and drives retention.
    pub fn open_with_clock(folder: &Path, config: LogConfig, clock: ClockFn) -> Result<Self, LogError> {
        Self::open_with(folder, config, clock, |open| open())
    }

    /// As [`EmbeddedLog::open_with_clock`]; `apart` runs what starts the
    /// databases' own threads, which make tables of what is written: on a
    /// thread of lower priority, say, which they inherit.
    pub fn open_with(folder: &Path, config: LogConfig, clock: ClockFn, apart: RunApart) -> Result<Self, LogError> {
        folder::prepare(folder, HOLDS, FORMAT_VERSION)?;
        let open = |topic| TopicLog::open(folder, topic, config.clone(), clock.clone(), apart);
        let assigned = watch::Sender::new((0..config.partitions).collect());
        Ok(Self { raw: open(Topic::MetricsRaw)?, rollup: open(Topic::MetricsRollup)?, assigned })
    }

    fn topic(&self, topic: Topic) -> &TopicLog {
        match topic {
            Topic::MetricsRaw => &self.raw,
            Topic::MetricsRollup => &self.rollup,
        }
    }

    fn shared(&self, topic: Topic) -> &Arc<Shared> {
        &self.topic(topic).shared
    }

    /// Drops the records of a partition before `start`, for good.
    pub async fn truncate_start(&self, topic: Topic, partition: u16, start: u64) -> Result<(), LogError> {
        let shared = Arc::clone(self.shared(topic));
        shared.partition(partition)?;
        blocking(move || Ok(shared.truncate_start(partition, start)?)).await
    }

    /// Applies retention now instead of at its next turn.
    pub async fn apply_retention(&self) -> Result<(), LogError> {
        let topics = Topic::ALL.map(|topic| Arc::clone(self.shared(topic)));
        blocking(move || Ok(topics.iter().try_for_each(|shared| retention::apply(shared))?)).await
    }

    /// Writes what was accepted and closes the files; what is asked for later
    /// is refused. Dropping the log does the same. Blocks.
    pub fn close(&self) {
        for topic in Topic::ALL.map(|topic| self.topic(topic)) {
            topic.retention.stop();
            topic.writer.stop();
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl TopicLog {
    fn open(folder: &Path, topic: Topic, config: LogConfig, clock: ClockFn, apart: RunApart) -> Result<Self, LogError> {
        let (path, settings) = (folder.to_owned(), config.clone());
        let open = move |opening| {
            let mut opened = Err(EngineError::Unavailable("the log was not opened".to_owned()));
            apart(&mut || opened = Files::open(&path, topic, &settings, opening));
            opened
        };
        let engine = Engine::open("log", Box::new(open))?;
        let meta = engine.read(|files| files.read_meta(config.partitions))?;
        if let Some(found) = meta.other_partitions {
            return Err(LogError::PartitionCount { topic: topic.name(), found, wanted: config.partitions });
        }
        let tail_bytes = config.tail_cache_bytes / (Topic::ALL.len() * usize::from(config.partitions).max(1));
        let partitions = meta.bounds.into_iter().map(|bounds| Partition::new(bounds, tail_bytes)).collect();
        let shared = Arc::new(Shared { topic, config, clock, engine, partitions, full: AtomicBool::new(false) });
        let writer = Writer::start(Arc::clone(&shared))?;
        let retention = Retention::start(Arc::clone(&shared))?;
        Ok(Self { shared, epoch: meta.epoch, writer, retention })
    }
}

impl Shared {
    fn partition(&self, partition: u16) -> Result<&Partition, LogError> {
        let found = self.partitions.get(usize::from(partition));
        found.ok_or(LogError::UnknownPartition { topic: self.topic.name(), partition })
    }

    /// First in memory, so that no reader is given what is about to go; then
    /// the files.
    fn truncate_start(&self, partition: u16, start: u64) -> Result<(), EngineError> {
        let Ok(state) = self.partition(partition) else { return Ok(()) };
        let start = state.advance_start(start);
        self.engine.write(|files| files.truncate_start(partition, start))
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    fn epoch(&self, topic: Topic) -> u64 {
        self.topic(topic).epoch
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.shared(topic).config.partitions
    }

    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError> {
        let TopicLog { shared, writer, .. } = self.topic(topic);
        let limit_bytes = shared.config.max_record_bytes;
        for (partition, payload) in &records {
            shared.partition(*partition)?;
            if payload.len() > limit_bytes {
                return Err(LogError::TooLarge { size_bytes: payload.len(), limit_bytes });
            }
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let is_tick = |payload: &Bytes| payload.len() <= TICK_BYTES;
        if shared.full.load(Ordering::Relaxed) && !records.iter().all(|(_, payload)| is_tick(payload)) {
            return Err(LogError::Overloaded);
        }
        let (answer, answered) = oneshot::channel();
        writer.send(records, answer)?;
        tokio::select! {
            biased;
            answered = answered => answered.unwrap_or_else(|_| Err(closed())),
            stalled = shared.engine.stalled() => Err(stalled.into()),
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
        let shared = self.shared(topic);
        let state = shared.partition(partition)?;
        let until = Instant::now() + max_wait;
        let mut ends = state.ends();
        loop {
            ends.mark_unchanged();
            match state.read(from, max_bytes)? {
                Reading::Tail(fetched) => return Ok(fetched),
                Reading::Files(bounds) => {
                    let shared = Arc::clone(shared);
                    let read = move || {
                        let range = from..bounds.end;
                        Ok(shared.engine.read(|files| files.read(partition, range, max_bytes))?)
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
        Ok(self.shared(topic).partition(partition)?.bounds())
    }

    /// All partitions: the folder is this process' own.
    fn assignment(&self, _topic: Topic, _group: &str) -> watch::Receiver<Vec<u16>> {
        self.assigned.subscribe()
    }

    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        let (shared, group) = (Arc::clone(self.shared(topic)), group.to_owned());
        blocking(move || Ok(shared.engine.read(|files| files.committed(&group, partition))?)).await
    }

    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        self.shared(topic).partition(partition)?;
        let (shared, group) = (Arc::clone(self.shared(topic)), group.to_owned());
        blocking(move || Ok(shared.engine.write(|files| files.commit(&group, partition, offset))?)).await
    }

    fn now_ms(&self) -> i64 {
        (self.raw.shared.clock)()
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
