use std::sync::Arc;

use super::*;
use crate::ManualClock;
use crate::conformance::{self, Harness};

#[derive(Default)]
struct InMemory(Mutex<Option<Arc<MemoryLog>>>);

#[async_trait]
impl Harness for InMemory {
    async fn create(&self) -> Arc<dyn EventLog> {
        let log = Arc::new(MemoryLog::new(conformance::PARTITIONS));
        *self.0.lock() = Some(Arc::clone(&log));
        log
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Option<Arc<dyn EventLog>> {
        Some(log)
    }

    async fn truncate_start(&self, _log: &Arc<dyn EventLog>, topic: Topic, partition: u16, start: u64) -> bool {
        let latest = self.0.lock().clone();
        latest.inspect(|log| log.truncate_start(topic, partition, start)).is_some()
    }
}

#[tokio::test]
async fn conforms() {
    conformance::run(&InMemory::default()).await;
}

async fn append(log: &MemoryLog, payload: &'static str) -> Result<Vec<Appended>, LogError> {
    log.append(Topic::MetricsRaw, vec![(0, Bytes::from_static(payload.as_bytes()))]).await
}

#[tokio::test]
async fn stamps_follow_the_clock_back_too() {
    let clock = ManualClock::new(1_000);
    let log = MemoryLog::with_clock(1, clock.as_fn());
    assert_eq!(append(&log, "a").await.expect("append")[0].append_time_ms, 1_000);
    clock.advance(-400);
    assert_eq!(append(&log, "b").await.expect("append")[0].append_time_ms, 600);
    clock.set(9_000);
    assert_eq!(log.now_ms(), 9_000);
}

#[tokio::test]
async fn a_truncated_start_is_out_of_range() {
    let log = MemoryLog::new(1);
    for payload in ["a", "b", "c"] {
        append(&log, payload).await.expect("append");
    }
    log.truncate_start(Topic::MetricsRaw, 0, 2);
    let fetched = log.fetch(Topic::MetricsRaw, 0, 1, 100, Duration::ZERO).await;
    let bounds = Bounds { start: 2, end: 3 };
    assert!(matches!(fetched, Err(LogError::OutOfRange { from: 1, bounds: found }) if found == bounds), "{fetched:?}");
    log.truncate_start(Topic::MetricsRaw, 0, 99);
    assert_eq!(log.bounds(Topic::MetricsRaw, 0).await.expect("bounds"), Bounds { start: 3, end: 3 });
    assert_eq!(append(&log, "d").await.expect("append")[0].offset, 3);
}

#[tokio::test]
async fn it_fails_when_told_to() {
    let log = Arc::new(MemoryLog::new(1));
    let reader = Arc::clone(&log);
    let waiting =
        tokio::spawn(async move { reader.fetch(Topic::MetricsRaw, 0, 0, 100, Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    log.fail_with(Some(LogError::Unavailable("no leader".into())));
    assert!(matches!(waiting.await.expect("reader"), Err(LogError::Unavailable(_))));
    assert!(matches!(append(&log, "a").await, Err(LogError::Unavailable(_))));
    log.fail_with(None);
    assert_eq!(append(&log, "a").await.expect("append")[0].offset, 0);
}

#[tokio::test]
async fn a_partition_without_leader_takes_nothing() {
    let log = MemoryLog::new(2);
    log.lose_leader(Topic::MetricsRaw, 0);
    assert!(matches!(log.takes_records(Topic::MetricsRaw, 0), Err(LogError::Unavailable(_))));
    assert!(matches!(append(&log, "a").await, Err(LogError::Unavailable(_))));
    log.takes_records(Topic::MetricsRaw, 1).expect("has one");
    log.takes_records(Topic::MetricsRollup, 0).expect("has one");
}

#[tokio::test]
async fn a_topic_made_anew_has_another_epoch_and_no_records() {
    let log = MemoryLog::new(1);
    append(&log, "a").await.expect("append");
    log.commit(Topic::MetricsRaw, "rollup", 0, 1).await.expect("commit");
    let epochs = Topic::ALL.map(|topic| log.epoch(topic));
    log.recreate(Topic::MetricsRaw);
    assert!(!epochs.contains(&log.epoch(Topic::MetricsRaw)));
    assert_eq!(log.epoch(Topic::MetricsRollup), epochs[1]);
    assert_eq!(log.bounds(Topic::MetricsRaw, 0).await.expect("bounds"), Bounds { start: 0, end: 0 });
    assert_eq!(log.committed(Topic::MetricsRaw, "rollup", 0).await.expect("committed"), None);
}

#[tokio::test]
async fn an_assignment_can_change() {
    let log = MemoryLog::new(2);
    let mut assigned = log.assignment(Topic::MetricsRaw, "rollup");
    assert_eq!(*assigned.borrow_and_update(), [0, 1]);
    log.assign(Topic::MetricsRaw, vec![1]);
    assigned.changed().await.expect("assignment");
    assert_eq!(*assigned.borrow(), [1]);
}
