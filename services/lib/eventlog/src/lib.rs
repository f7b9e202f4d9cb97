//! The log that every sample goes through: partitioned, durable, stamped by
//! the log itself. A trait, an in-memory log for tests and simulation, and the
//! conformance suite that every adapter passes.
//!
//! Beside it, in [`topics`], the same three for topics that are not Tidegate's:
//! those of others that the agent reads from and writes to.

pub mod clock;
pub mod conformance;
pub mod memory;
pub mod topics;

pub use clock::{ClockFn, ManualClock, wall_clock};
pub use memory::MemoryLog;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Samples as acknowledged; also ticks. Kept for replay, 24 h.
    MetricsRaw,
    /// Live windows and watermarks; what streams and fresh queries follow.
    MetricsRollup,
}

impl Topic {
    pub const ALL: [Topic; 2] = [Topic::MetricsRaw, Topic::MetricsRollup];

    pub fn name(self) -> &'static str {
        match self {
            Topic::MetricsRaw => "metrics-raw",
            Topic::MetricsRollup => "metrics-rollup",
        }
    }
}

/// Where an appended record stands, and when the log took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub offset: u64,
    /// By the log's clock (LogAppendTime).
    pub append_time_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: u64,
    pub append_time_ms: i64,
    pub payload: Bytes,
}

/// Offsets that a partition holds: `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub start: u64,
    pub end: u64,
}

#[derive(Clone, Debug)]
pub struct Fetched {
    /// In order of offset; empty when the wait ran out.
    pub records: Vec<Record>,
    pub bounds: Bounds,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot take or give records now; trying again may succeed.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// The queue in front of the log is full.
    #[error("the log is overloaded")]
    Overloaded,
    #[error("record of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge { size_bytes: usize, limit_bytes: usize },
    /// Records before `bounds.start` are gone, or `from` lies beyond the end.
    #[error("offset {from} is outside {}..{}", bounds.start, bounds.end)]
    OutOfRange { from: u64, bounds: Bounds },
    #[error("topic {topic} has {found} partitions, {wanted} are recorded")]
    PartitionCount { topic: &'static str, found: u16, wanted: u16 },
    /// The topic was deleted and made anew under the same name while it was in
    /// use: the process must start again.
    #[error("topic {topic} was created anew while it was in use")]
    Recreated { topic: &'static str },
    #[error("topic {topic} has no partition {partition}")]
    UnknownPartition { topic: &'static str, partition: u16 },
    /// Another process has the data folder open.
    #[error("the data folder {0} is in use by another process")]
    Locked(String),
    #[error("the data folder has format version {found}, this program reads {supported}")]
    Version { found: u32, supported: u32 },
    #[error("the log is corrupt: {0}")]
    Corrupt(String),
}

#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Changes when the topic is created anew.
    fn epoch(&self, topic: Topic) -> u64;

    fn partitions(&self, topic: Topic) -> u16;

    /// Whether a partition would take a record now, as far as is known without
    /// asking. Who must append to several or to none asks for each before.
    fn takes_records(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        let _ = (topic, partition);
        Ok(())
    }

    /// Appends one record to each named partition (a partition may come more
    /// than once; order is kept). Returns when all are durable; answers are in
    /// the order of `records`. On an error some may have been stored.
    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError>;

    /// Records from offset `from` on, in order, at least one if any is there,
    /// about `max_bytes` in all; waits up to `max_wait` when there is none.
    async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: std::time::Duration,
    ) -> Result<Fetched, LogError>;

    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError>;

    /// Partitions that this process shall consume as a member of `group`; a
    /// new value whenever they change.
    fn assignment(&self, topic: Topic, group: &str) -> watch::Receiver<Vec<u16>>;

    /// Offset that `group` committed last.
    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError>;

    /// Remembers that `group` needs nothing before `offset`. Of metrics-raw a
    /// log keeps what a group that ever committed may still need.
    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError>;

    /// Now, by the clock that stamps records; for ticks and clock checks.
    fn now_ms(&self) -> i64;
}
