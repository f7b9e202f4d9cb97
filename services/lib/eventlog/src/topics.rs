//! Topics of others: read as a member of a group, written to by name.
//!
//! What is in them, how many partitions they have and who makes them is
//! nothing that is known here.

pub mod conformance;
pub mod memory;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use memory::MemoryTopics;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: Arc<str>,
    pub partition: u32,
    pub offset: u64,
    /// As the topic keeps it: by the writer's clock or the broker's, in
    /// milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    pub key: Option<Bytes>,
    /// `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Records of one key go to one partition and stay in order; those without
    /// are spread.
    pub key: Option<Bytes>,
    pub value: Bytes,
}

/// Where a group begins in a partition that it has committed nothing of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    Earliest,
    #[default]
    Latest,
    /// Nowhere: reading fails.
    Nowhere,
}

#[derive(Clone, PartialEq, Eq)]
pub struct ReaderOptions {
    /// `host:port` of some servers.
    pub servers: Vec<String>,
    /// Members of one group share the partitions.
    pub group: String,
    pub topics: Vec<String>,
    pub start: Start,
    /// Given out by one poll at most; at least 1.
    pub max_records: usize,
    /// More, by the adapter's own names; passwords may be among them.
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct WriterOptions {
    /// `host:port` of some servers.
    pub servers: Vec<String>,
    /// More, by the adapter's own names; passwords may be among them.
    pub properties: BTreeMap<String, String>,
}

/// Of the properties only the names.
impl fmt::Debug for ReaderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, group, topics, start, max_records, properties } = self;
        f.debug_struct("ReaderOptions")
            .field("servers", servers)
            .field("group", group)
            .field("topics", topics)
            .field("start", start)
            .field("max_records", max_records)
            .field("properties", &properties.keys())
            .finish()
    }
}

/// As of [`ReaderOptions`].
impl fmt::Debug for WriterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, properties } = self;
        f.debug_struct("WriterOptions").field("servers", servers).field("properties", &properties.keys()).finish()
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum TopicError {
    /// Trying again may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The queue in front of the servers is full; trying again later succeeds.
    #[error("too many records wait for the servers")]
    Overloaded,
    #[error("a record of {size_bytes} bytes is larger than topic {topic} takes")]
    TooLarge { topic: String, size_bytes: usize },
    /// Trying again is no use before somebody has changed something.
    #[error("{0}")]
    Refused(String),
}

/// Opens readers and writers; the adapter.
#[async_trait]
pub trait Topics: Send + Sync + 'static {
    /// A member of a group. It joins in the background: servers that are away
    /// show in the polls.
    ///
    /// # Errors
    /// [`TopicError::Refused`] where an option makes no sense.
    async fn reader(&self, options: ReaderOptions) -> Result<Box<dyn TopicReader>, TopicError>;

    /// # Errors
    /// [`TopicError::Refused`] where an option makes no sense.
    async fn writer(&self, options: WriterOptions) -> Result<Arc<dyn TopicWriter>, TopicError>;
}

/// A member of a group. Dropped without [`TopicReader::close`] it is missed by
/// the others only after its session.
#[async_trait]
pub trait TopicReader: Send + 'static {
    /// The records that come next; of one partition in order. Empty when none
    /// came within `max_wait`. Who drops the call loses nothing.
    ///
    /// # Errors
    /// All but [`TopicError::Refused`] may pass: poll again.
    async fn poll(&mut self, max_wait: Duration) -> Result<Vec<Message>, TopicError>;

    /// Remembers for the group that all that was given out is done with. Of a
    /// partition that was given to another member meanwhile nothing is
    /// remembered: that one reads it again.
    ///
    /// # Errors
    /// When the servers do not answer.
    async fn commit(&mut self) -> Result<(), TopicError>;

    /// Leaves the group, so that others take over at once.
    async fn close(self: Box<Self>);
}

#[async_trait]
pub trait TopicWriter: Send + Sync + 'static {
    /// Returns when the servers have all of them for good. On an error some may
    /// have been written; who tries again may write those twice.
    ///
    /// # Errors
    /// The first one of any record.
    async fn write(&self, topic: &str, records: Vec<Outgoing>) -> Result<(), TopicError>;
}

#[cfg(test)]
mod tests;
