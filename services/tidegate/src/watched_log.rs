//! The log with an eye on its appends: while they fail, the process is not
//! ready, whoever it was that appended.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_eventlog::{Appended, Bounds, EventLog, Fetched, LogError, Topic};
use tidegate_runtime::{Health, Part};
use tokio::sync::watch;

pub struct WatchedLog {
    inner: Arc<dyn EventLog>,
    part: Part,
}

impl WatchedLog {
    /// Ready from the start: the log has just been opened.
    pub fn new(inner: Arc<dyn EventLog>, health: &Health) -> Self {
        let part = health.part("log");
        part.ready();
        Self { inner, part }
    }
}

#[async_trait]
impl EventLog for WatchedLog {
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
        let appended = self.inner.append(topic, records).await;
        match &appended {
            // Ticks come every few seconds, so the log is seen to work again.
            Ok(_) => self.part.ready(),
            Err(error @ (LogError::Unavailable(_) | LogError::Corrupt(_) | LogError::Recreated { .. })) => {
                self.part.not_ready(error.to_string());
            }
            // These are about what was appended, or pass by themselves.
            Err(_) => {}
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
        self.inner.commit(topic, group, partition, offset).await
    }

    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_eventlog::memory::MemoryLog;

    use super::*;

    #[tokio::test]
    async fn readiness_follows_the_appends() {
        let health = Health::new();
        let inner = Arc::new(MemoryLog::new(1));
        let log = WatchedLog::new(inner.clone(), &health);
        assert!(health.not_ready().is_empty());
        let append = async || log.append(Topic::MetricsRaw, vec![(0, Bytes::from_static(b"x"))]).await;
        inner.fail_with(Some(LogError::Unavailable("No space left on device".into())));
        append().await.expect_err("the log is full");
        assert_eq!(health.not_ready(), [("log", "the log is not available: No space left on device".to_owned())]);
        inner.fail_with(Some(LogError::Overloaded));
        append().await.expect_err("the log is busy");
        assert_eq!(health.not_ready().len(), 1, "being busy does not show that it works");
        inner.fail_with(None);
        append().await.expect("appends");
        assert!(health.not_ready().is_empty());
    }
}
