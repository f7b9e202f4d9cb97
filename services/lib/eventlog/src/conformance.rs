//! What every [`EventLog`] must do, as checks that panic where one does not.
//! An adapter's tests give a [`Harness`] and call [`run`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Bounds, EventLog, LogError, Record, Topic};

/// Makes logs for the checks.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A log with no records and [`PARTITIONS`] partitions a topic.
    async fn create(&self) -> Arc<dyn EventLog>;

    /// Gives the log up without a goodbye and opens it again; `None` when it
    /// does not outlive its process.
    async fn reopen(&self, log: Arc<dyn EventLog>) -> Option<Arc<dyn EventLog>>;

    /// Drops the records before `start`, as retention does in time. `false`
    /// when the log cannot be told to.
    async fn truncate_start(&self, log: &Arc<dyn EventLog>, topic: Topic, partition: u16, start: u64) -> bool;
}

/// Partitions that [`Harness::create`] gives each topic.
pub const PARTITIONS: u16 = 3;

const RAW: Topic = Topic::MetricsRaw;
const NO_WAIT: Duration = Duration::ZERO;
const PLENTY: usize = 1 << 24;

/// Runs every check, each on a log of its own.
pub async fn run(harness: &dyn Harness) {
    begins_empty(harness).await;
    offsets_are_dense_and_records_in_order(harness).await;
    one_append_reaches_many_partitions(harness).await;
    topics_are_apart(harness).await;
    append_of_nothing_gives_nothing(harness).await;
    fetch_heeds_max_bytes(harness).await;
    a_large_record_comes_back_whole(harness).await;
    a_waiting_fetch_wakes_on_append(harness).await;
    a_fetch_at_the_end_waits_and_gives_up(harness).await;
    offsets_outside_are_refused(harness).await;
    unknown_partitions_are_refused(harness).await;
    stamps_are_the_logs_time(harness).await;
    commits_are_kept_by_group_and_partition(harness).await;
    concurrent_appends_are_all_kept(harness).await;
    every_partition_is_assigned(harness).await;
    reopening_keeps_everything(harness).await;
}

fn payload(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn append(log: &Arc<dyn EventLog>, partition: u16, text: &str) -> u64 {
    let appended = log.append(RAW, vec![(partition, payload(text))]).await.expect("append");
    appended[0].offset
}

async fn fetch(log: &Arc<dyn EventLog>, topic: Topic, partition: u16, from: u64) -> Vec<Record> {
    // A log may give less than there is at once; ask until it has no more.
    let mut records: Vec<Record> = Vec::new();
    loop {
        let next = records.last().map_or(from, |record| record.offset + 1);
        let fetched = log.fetch(topic, partition, next, PLENTY, NO_WAIT).await.expect("fetch");
        if fetched.records.is_empty() {
            return records;
        }
        records.extend(fetched.records);
    }
}

fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

pub async fn begins_empty(harness: &dyn Harness) {
    let log = harness.create().await;
    for topic in Topic::ALL {
        assert_eq!(log.partitions(topic), PARTITIONS, "partitions of {}", topic.name());
        for partition in 0..PARTITIONS {
            let bounds = log.bounds(topic, partition).await.expect("bounds");
            assert_eq!(bounds, Bounds { start: 0, end: 0 });
            let fetched = log.fetch(topic, partition, 0, PLENTY, NO_WAIT).await.expect("fetch");
            assert!(fetched.records.is_empty());
            assert_eq!(fetched.bounds, bounds);
        }
    }
}

pub async fn offsets_are_dense_and_records_in_order(harness: &dyn Harness) {
    let log = harness.create().await;
    for n in 0..20 {
        assert_eq!(append(&log, 1, &n.to_string()).await, n);
    }
    let records = fetch(&log, RAW, 1, 0).await;
    assert_eq!(records.iter().map(|r| r.offset).collect::<Vec<_>>(), (0..20).collect::<Vec<u64>>());
    assert_eq!(texts(&records), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(texts(&fetch(&log, RAW, 1, 17).await), ["17", "18", "19"]);
    assert_eq!(log.bounds(RAW, 1).await.expect("bounds"), Bounds { start: 0, end: 20 });
}

pub async fn one_append_reaches_many_partitions(harness: &dyn Harness) {
    let log = harness.create().await;
    append(&log, 2, "before").await;
    let records = vec![(0, payload("a")), (2, payload("b")), (0, payload("c")), (1, payload("d"))];
    let appended = log.append(RAW, records).await.expect("append");
    assert_eq!(appended.iter().map(|a| a.offset).collect::<Vec<_>>(), [0, 1, 1, 0]);
    assert_eq!(texts(&fetch(&log, RAW, 0, 0).await), ["a", "c"]);
    assert_eq!(texts(&fetch(&log, RAW, 1, 0).await), ["d"]);
    assert_eq!(texts(&fetch(&log, RAW, 2, 0).await), ["before", "b"]);
}

pub async fn topics_are_apart(harness: &dyn Harness) {
    let log = harness.create().await;
    append(&log, 0, "raw").await;
    log.append(Topic::MetricsRollup, vec![(0, payload("rollup"))]).await.expect("append");
    assert_eq!(texts(&fetch(&log, RAW, 0, 0).await), ["raw"]);
    assert_eq!(texts(&fetch(&log, Topic::MetricsRollup, 0, 0).await), ["rollup"]);
}

pub async fn append_of_nothing_gives_nothing(harness: &dyn Harness) {
    let log = harness.create().await;
    assert_eq!(log.append(RAW, Vec::new()).await.expect("append"), []);
    append(&log, 0, "").await;
    assert_eq!(texts(&fetch(&log, RAW, 0, 0).await), [""], "an empty payload is a record");
}

pub async fn fetch_heeds_max_bytes(harness: &dyn Harness) {
    let log = harness.create().await;
    for _ in 0..10 {
        log.append(RAW, vec![(0, Bytes::from(vec![7; 1000]))]).await.expect("append");
    }
    let first = log.fetch(RAW, 0, 0, 1, NO_WAIT).await.expect("fetch");
    assert_eq!(first.records.len(), 1, "at least one record");
    assert_eq!(first.bounds, Bounds { start: 0, end: 10 });
    let some = log.fetch(RAW, 0, 0, 3500, NO_WAIT).await.expect("fetch").records.len();
    assert!((1..=4).contains(&some), "{some} records of 1000 bytes in 3500");
}

pub async fn a_large_record_comes_back_whole(harness: &dyn Harness) {
    let log = harness.create().await;
    let mut state = 1u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let large: Bytes = noise.take(900_000).collect::<Vec<u8>>().into();
    log.append(RAW, vec![(0, payload("small")), (0, large.clone())]).await.expect("append");
    let records = fetch(&log, RAW, 0, 0).await;
    assert_eq!(records.len(), 2);
    assert!(records[1].payload == large, "the large record differs");
}

pub async fn a_waiting_fetch_wakes_on_append(harness: &dyn Harness) {
    let log = harness.create().await;
    let reader = Arc::clone(&log);
    let waiting =
        tokio::spawn(async move { reader.fetch(RAW, 0, 0, PLENTY, Duration::from_secs(30)).await.expect("fetch") });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!waiting.is_finished(), "nothing was there to give");
    let began = Instant::now();
    append(&log, 0, "now").await;
    let fetched = waiting.await.expect("reader");
    assert_eq!(texts(&fetched.records), ["now"]);
    assert!(began.elapsed() < Duration::from_secs(10), "woken after {:?}", began.elapsed());
}

pub async fn a_fetch_at_the_end_waits_and_gives_up(harness: &dyn Harness) {
    let log = harness.create().await;
    append(&log, 0, "one").await;
    let began = Instant::now();
    let fetched = log.fetch(RAW, 0, 1, PLENTY, Duration::from_millis(80)).await.expect("fetch");
    assert!(fetched.records.is_empty());
    assert_eq!(fetched.bounds, Bounds { start: 0, end: 1 });
    assert!(began.elapsed() >= Duration::from_millis(75), "gave up after {:?}", began.elapsed());
}

pub async fn offsets_outside_are_refused(harness: &dyn Harness) {
    let log = harness.create().await;
    for n in 0..10 {
        append(&log, 0, &n.to_string()).await;
    }
    let beyond = log.fetch(RAW, 0, 11, PLENTY, NO_WAIT).await;
    assert!(matches!(beyond, Err(LogError::OutOfRange { from: 11, .. })), "{beyond:?}");
    if harness.truncate_start(&log, RAW, 0, 4).await {
        let bounds = Bounds { start: 4, end: 10 };
        assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), bounds);
        match log.fetch(RAW, 0, 3, PLENTY, NO_WAIT).await {
            Err(LogError::OutOfRange { from, bounds: found }) => assert_eq!((from, found), (3, bounds)),
            other => panic!("a fetch below the start gave {other:?}"),
        }
        assert_eq!(texts(&fetch(&log, RAW, 0, 4).await), ["4", "5", "6", "7", "8", "9"]);
        assert_eq!(append(&log, 0, "10").await, 10);
    }
}

pub async fn unknown_partitions_are_refused(harness: &dyn Harness) {
    let log = harness.create().await;
    let unknown = |result: LogError| matches!(result, LogError::UnknownPartition { partition: PARTITIONS, .. });
    let appended = log.append(RAW, vec![(0, payload("a")), (PARTITIONS, payload("b"))]).await;
    assert!(unknown(appended.expect_err("append")));
    assert!(unknown(log.bounds(RAW, PARTITIONS).await.expect_err("bounds")));
    assert!(unknown(log.fetch(RAW, PARTITIONS, 0, PLENTY, NO_WAIT).await.expect_err("fetch")));
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds").end, 0, "nothing of a refused append is stored");
}

pub async fn stamps_are_the_logs_time(harness: &dyn Harness) {
    let log = harness.create().await;
    let before = log.now_ms();
    let mut stamps = Vec::new();
    for _ in 0..5 {
        stamps.push(log.append(RAW, vec![(0, payload("x"))]).await.expect("append")[0].append_time_ms);
    }
    let after = log.now_ms();
    assert!(stamps.iter().all(|stamp| (before..=after).contains(stamp)), "{before} {stamps:?} {after}");
    assert!(stamps.is_sorted(), "{stamps:?}");
    let read: Vec<i64> = fetch(&log, RAW, 0, 0).await.iter().map(|r| r.append_time_ms).collect();
    assert_eq!(read, stamps, "a record is read with the stamp that its append was answered with");
}

pub async fn commits_are_kept_by_group_and_partition(harness: &dyn Harness) {
    let log = harness.create().await;
    append(&log, 0, "x").await;
    assert_eq!(log.committed(RAW, "rollup", 0).await.expect("committed"), None);
    log.commit(RAW, "rollup", 0, 0).await.expect("commit");
    assert_eq!(log.committed(RAW, "rollup", 0).await.expect("committed"), Some(0));
    log.commit(RAW, "rollup", 0, 1).await.expect("commit");
    assert_eq!(log.committed(RAW, "rollup", 0).await.expect("committed"), Some(1));
    assert_eq!(log.committed(RAW, "rollup", 1).await.expect("committed"), None);
    assert_eq!(log.committed(RAW, "other", 0).await.expect("committed"), None);
    assert_eq!(log.committed(Topic::MetricsRollup, "rollup", 0).await.expect("committed"), None);
}

pub async fn concurrent_appends_are_all_kept(harness: &dyn Harness) {
    let log = harness.create().await;
    let writers = (0..16).map(|writer| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut offsets = Vec::new();
            for n in 0..10 {
                offsets.push((append(&log, 0, &format!("{writer}-{n}")).await, format!("{writer}-{n}")));
            }
            offsets
        })
    });
    let mut answered = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let offsets = writer.await.expect("writer");
        assert!(offsets.is_sorted(), "a writer's appends are in its order");
        answered.extend(offsets);
    }
    answered.sort();
    let stored: Vec<_> = fetch(&log, RAW, 0, 0).await;
    let stored: Vec<_> = stored.iter().map(|r| r.offset).zip(texts(&stored)).collect();
    assert_eq!(stored, answered);
}

pub async fn every_partition_is_assigned(harness: &dyn Harness) {
    let log = harness.create().await;
    let mut assigned = log.assignment(RAW, "rollup");
    let all: Vec<u16> = (0..PARTITIONS).collect();
    let wait = assigned.wait_for(|partitions| {
        let mut partitions = partitions.clone();
        partitions.sort_unstable();
        partitions == all
    });
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("in time").expect("assignment");
}

pub async fn reopening_keeps_everything(harness: &dyn Harness) {
    let log = harness.create().await;
    for n in 0..50 {
        append(&log, (n % 3) as u16, &n.to_string()).await;
    }
    log.append(Topic::MetricsRollup, vec![(1, payload("rollup"))]).await.expect("append");
    log.commit(RAW, "rollup", 2, 7).await.expect("commit");
    let truncated = harness.truncate_start(&log, RAW, 0, 5).await;
    let start = if truncated { 5 } else { 0 };
    let before = fetch(&log, RAW, 0, start).await;
    let epochs = Topic::ALL.map(|topic| log.epoch(topic));
    let Some(log) = harness.reopen(log).await else { return };
    assert_eq!(Topic::ALL.map(|topic| log.epoch(topic)), epochs);
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), Bounds { start, end: 17 });
    assert_eq!(fetch(&log, RAW, 0, start).await, before);
    assert_eq!(texts(&fetch(&log, Topic::MetricsRollup, 1, 0).await), ["rollup"]);
    assert_eq!(log.committed(RAW, "rollup", 2).await.expect("committed"), Some(7));
    assert_eq!(append(&log, 0, "next").await, 17, "offsets go on where they were");
}
