//! The log with places to die before and after its appends and commits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_eventlog::{Appended, Bounds, EventLog, Fetched, LogError, Topic};
use tidegate_runtime::failpoint::Failpoint;
use tokio::sync::watch;

use super::place::{APPEND, COMMIT};

pub struct FailingLog {
    inner: Arc<dyn EventLog>,
    failpoint: Arc<Failpoint>,
}

impl FailingLog {
    pub fn new(inner: Arc<dyn EventLog>, failpoint: Arc<Failpoint>) -> Self {
        Self { inner, failpoint }
    }
}

#[async_trait]
impl EventLog for FailingLog {
    fn epoch(&self, topic: Topic) -> u64 {
        self.inner.epoch(topic)
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.inner.partitions(topic)
    }

    fn takes_records(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        self.inner.takes_records(topic, partition)
    }

    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError> {
        // Live windows come again from what is in the other topic.
        let concerned = topic == Topic::MetricsRaw;
        if concerned {
            self.failpoint.reached(APPEND.before);
        }
        let appended = self.inner.append(topic, records).await;
        if concerned && appended.is_ok() {
            self.failpoint.reached(APPEND.after);
        }
        appended
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<Fetched, LogError> {
        self.inner.fetch(topic, partition, from, max_bytes, max_wait).await
    }

    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        self.inner.bounds(topic, partition).await
    }

    fn assignment(&self, topic: Topic, group: &str) -> watch::Receiver<Vec<u16>> {
        self.inner.assignment(topic, group)
    }

    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        self.inner.committed(topic, group, partition).await
    }

    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        self.failpoint.reached(COMMIT.before);
        let committed = self.inner.commit(topic, group, partition, offset).await;
        if committed.is_ok() {
            self.failpoint.reached(COMMIT.after);
        }
        committed
    }

    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }
}
