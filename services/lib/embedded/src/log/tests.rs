use parking_lot::Mutex;
use tempfile::TempDir;
use tidegate_eventlog::ManualClock;
use tidegate_eventlog::conformance::{self, Harness};

use super::*;

const RAW: Topic = Topic::MetricsRaw;

/// Keeps the folder, and the log for what only it can do.
#[derive(Default)]
struct OnDisk {
    latest: Mutex<Option<(TempDir, Arc<EmbeddedLog>)>>,
}

fn config() -> LogConfig {
    LogConfig { partitions: conformance::PARTITIONS, ..LogConfig::default() }
}

#[async_trait]
impl Harness for OnDisk {
    async fn create(&self) -> Arc<dyn EventLog> {
        let folder = tempfile::tempdir().expect("folder");
        let log = Arc::new(EmbeddedLog::open(folder.path(), config()).expect("open"));
        *self.latest.lock() = Some((folder, Arc::clone(&log)));
        log
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Option<Arc<dyn EventLog>> {
        drop(log);
        let (folder, log) = self.latest.lock().take()?;
        drop(log);
        let log = Arc::new(EmbeddedLog::open(folder.path(), config()).expect("open again"));
        *self.latest.lock() = Some((folder, Arc::clone(&log)));
        Some(log)
    }

    async fn truncate_start(&self, _log: &Arc<dyn EventLog>, topic: Topic, partition: u16, start: u64) -> bool {
        let latest = self.latest.lock().as_ref().map(|(_, log)| Arc::clone(log));
        let Some(log) = latest else { return false };
        log.truncate_start(topic, partition, start).await.expect("truncate");
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    conformance::run(&OnDisk::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_without_a_tail_in_memory() {
    struct NoTail(OnDisk);

    #[async_trait]
    impl Harness for NoTail {
        async fn create(&self) -> Arc<dyn EventLog> {
            let folder = tempfile::tempdir().expect("folder");
            let config = LogConfig { tail_cache_bytes: 0, ..config() };
            let log = Arc::new(EmbeddedLog::open(folder.path(), config).expect("open"));
            *self.0.latest.lock() = Some((folder, Arc::clone(&log)));
            log
        }

        async fn reopen(&self, log: Arc<dyn EventLog>) -> Option<Arc<dyn EventLog>> {
            self.0.reopen(log).await
        }

        async fn truncate_start(&self, log: &Arc<dyn EventLog>, topic: Topic, partition: u16, start: u64) -> bool {
            self.0.truncate_start(log, topic, partition, start).await
        }
    }

    conformance::run(&NoTail(OnDisk::default())).await;
}

async fn append(log: &EmbeddedLog, partition: u16, size_bytes: usize) -> Result<Appended, LogError> {
    let payload = Bytes::from(vec![1; size_bytes]);
    Ok(log.append(RAW, vec![(partition, payload)]).await?[0])
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let folder = tempfile::tempdir().expect("folder");
    let log = EmbeddedLog::open(folder.path(), config()).expect("open");
    let second = EmbeddedLog::open(folder.path(), config());
    assert!(matches!(second.err(), Some(LogError::Locked(_))));
    drop(log);
    EmbeddedLog::open(folder.path(), config()).expect("open after the first is gone");
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    drop(EmbeddedLog::open(folder.path(), config()).expect("open"));
    let other = LogConfig { partitions: 5, ..config() };
    let refused = EmbeddedLog::open(folder.path(), other).err();
    assert!(matches!(refused, Some(LogError::PartitionCount { found: 3, wanted: 5, .. })), "{refused:?}");
}

#[tokio::test]
async fn another_version_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("FORMAT"), "tidegate event log 99\n").expect("write");
    let refused = EmbeddedLog::open(folder.path(), config()).err();
    assert!(matches!(refused, Some(LogError::Version { found: 99, supported: FORMAT_VERSION })), "{refused:?}");
}

#[tokio::test]
async fn damaged_files_are_an_error() {
    let folder = tempfile::tempdir().expect("folder");
    let log = EmbeddedLog::open(folder.path(), config()).expect("open");
    append(&log, 0, 100).await.expect("append");
    drop(log);
    let keyspaces = folder.path().join("metrics-raw/keyspaces");
    for keyspace in std::fs::read_dir(keyspaces).expect("keyspaces").flatten() {
        for file in std::fs::read_dir(keyspace.path()).expect("files").flatten().filter(|f| f.path().is_file()) {
            std::fs::write(file.path(), b"damaged").expect("write");
        }
    }
    let refused = EmbeddedLog::open(folder.path(), config()).err();
    assert!(matches!(refused, Some(LogError::Corrupt(_) | LogError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_torn_journal_keeps_what_is_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let log = EmbeddedLog::open(folder.path(), config()).expect("open");
    for _ in 0..20 {
        append(&log, 0, 1_000).await.expect("append");
    }
    drop(log);
    let journal = folder.path().join("metrics-raw/0.jnl");
    let bytes = std::fs::read(&journal).expect("journal");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("records");
    let file = std::fs::OpenOptions::new().write(true).open(&journal).expect("journal");
    file.set_len(used as u64 - 1_500).expect("cut");
    drop(file);
    let log = EmbeddedLog::open(folder.path(), config()).expect("open again");
    let end = log.bounds(RAW, 0).await.expect("bounds").end;
    assert!((17..20).contains(&end), "{end} records are left");
    assert_eq!(append(&log, 0, 10).await.expect("append").offset, end);
}

/// As if an fsync had failed and the machine lost power some time later: the
/// disk never had the last record before the failure.
#[tokio::test]
async fn nothing_that_follows_a_failed_write_stands_behind_its_hole() {
    let folder = tempfile::tempdir().expect("folder");
    let log = EmbeddedLog::open(folder.path(), config()).expect("open");
    for _ in 0..5 {
        append(&log, 0, 1_000).await.expect("append");
    }
    let fail = || log.raw.shared.engine.write(|_| Err::<(), _>(EngineError::Unavailable("fsync".to_owned())));
    let journal = folder.path().join("metrics-raw/0.jnl");
    let used = std::fs::read(&journal).expect("journal").iter().rposition(|byte| *byte != 0).expect("records");
    for round in 1..=3 {
        fail().expect_err("a failed write");
        for _ in 0..5 {
            append(&log, 0, 1_000).await.expect("append");
        }
        assert_eq!(log.bounds(RAW, 0).await.expect("bounds").end, 5 + 5 * round);
    }
    drop(log);
    if let Ok(file) = std::fs::OpenOptions::new().write(true).open(&journal) {
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 500], used as u64 - 600).expect("a hole");
    }
    let log = EmbeddedLog::open(folder.path(), config()).expect("open again");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds").end, 20);
    for offset in 0..20 {
        let fetched = log.fetch(RAW, 0, offset, 1, Duration::ZERO).await.expect("fetch");
        assert_eq!(fetched.records[0].payload.len(), 1_000);
    }
}

#[tokio::test]
async fn too_large_records_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let config = LogConfig { max_record_bytes: 1_000, ..config() };
    let log = EmbeddedLog::open(folder.path(), config).expect("open");
    append(&log, 0, 1_000).await.expect("as large as allowed");
    let refused = append(&log, 0, 1_001).await;
    assert!(matches!(refused, Err(LogError::TooLarge { size_bytes: 1_001, limit_bytes: 1_000 })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_overload() {
    let folder = tempfile::tempdir().expect("folder");
    let config = LogConfig { queue_appends: 2, queue_bytes: 3_000, ..config() };
    let log = Arc::new(EmbeddedLog::open(folder.path(), config).expect("open"));
    let appends = (0..200).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { append(&log, 0, 1_000).await })
    });
    let mut stored = 0;
    let mut refused = 0;
    for answer in appends.collect::<Vec<_>>() {
        match answer.await.expect("task") {
            Ok(_) => stored += 1,
            Err(LogError::Overloaded) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(stored > 0 && refused > 0, "{stored} stored, {refused} refused");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds").end, stored);
    append(&log, 0, 5_000).await.expect("an empty queue takes any record");
}

#[tokio::test]
async fn old_records_expire() {
    let folder = tempfile::tempdir().expect("folder");
    let clock = ManualClock::new(1_000_000);
    let config = LogConfig { raw_retention_ms: 10_000, ..config() };
    let log = EmbeddedLog::open_with_clock(folder.path(), config.clone(), clock.as_fn()).expect("open");
    for n in 0..100 {
        clock.set(1_000_000 + n * 1_000);
        append(&log, 0, 10).await.expect("append");
    }
    log.append(Topic::MetricsRollup, vec![(0, Bytes::new())]).await.expect("append");
    clock.set(1_000_000 + 60_500);
    log.commit(RAW, "rollup", 0, 100).await.expect("commit");
    log.apply_retention().await.expect("retention");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), Bounds { start: 51, end: 100 });
    let gone = log.fetch(RAW, 0, 50, 1_000, Duration::ZERO).await;
    assert!(matches!(gone, Err(LogError::OutOfRange { .. })), "{gone:?}");
    let first = log.fetch(RAW, 0, 51, 1, Duration::ZERO).await.expect("fetch").records[0].offset;
    assert_eq!(first, 51);
    assert_eq!(log.bounds(Topic::MetricsRollup, 0).await.expect("bounds").end, 1);
    clock.set(9_000_000);
    log.apply_retention().await.expect("retention");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), Bounds { start: 100, end: 100 });
    drop(log);
    let log = EmbeddedLog::open_with_clock(folder.path(), config, clock.as_fn()).expect("open again");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), Bounds { start: 100, end: 100 });
    assert_eq!(append(&log, 0, 10).await.expect("append").offset, 100, "offsets are never used again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_leave_the_disk_when_it_is_too_much() {
    let folder = tempfile::tempdir().expect("folder");
    let config = LogConfig { raw_retention_bytes: 3 * (4 << 20), tail_cache_bytes: 0, ..config() };
    let log = EmbeddedLog::open(folder.path(), config).expect("open");
    let mut state = 7u64;
    for _ in 0..60 {
        log.append(RAW, vec![(0, noise(1 << 20, &mut state))]).await.expect("append");
    }
    log.commit(RAW, "rollup", 0, 60).await.expect("commit");
    let mut start = 0;
    for _ in 0..1_200 {
        log.apply_retention().await.expect("retention");
        start = log.bounds(RAW, 0).await.expect("bounds").start;
        if start > 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start > 20, "starts at {start}");
    let first = log.fetch(RAW, 0, start, 1, Duration::ZERO).await.expect("fetch");
    assert_eq!(first.records[0].offset, start);
}

/// Compression gains nothing on it.
fn noise(size_bytes: usize, state: &mut u64) -> Bytes {
    let next = std::iter::repeat_with(|| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*state >> 56) as u8
    });
    next.take(size_bytes).collect::<Vec<u8>>().into()
}

#[tokio::test]
async fn records_stay_until_every_group_has_committed_past_them() {
    let folder = tempfile::tempdir().expect("folder");
    let clock = ManualClock::new(1_000_000);
    let config = LogConfig { raw_retention_ms: 10_000, ..config() };
    let log = EmbeddedLog::open_with_clock(folder.path(), config, clock.as_fn()).expect("open");
    for _ in 0..20 {
        append(&log, 0, 10).await.expect("append");
        append(&log, 1, 10).await.expect("append");
    }
    clock.set(9_000_000);
    let starts = async || {
        log.apply_retention().await.expect("retention");
        let first = log.bounds(RAW, 0).await.expect("bounds").start;
        (first, log.bounds(RAW, 1).await.expect("bounds").start)
    };
    assert_eq!(starts().await, (0, 0), "nobody has read them");
    log.commit(RAW, "rollup", 0, 15).await.expect("commit");
    assert_eq!(starts().await, (15, 0), "partition 1 is not read yet");
    log.commit(RAW, "rollup", 1, 20).await.expect("commit");
    log.commit(RAW, "copier", 1, 3).await.expect("commit");
    log.commit(RAW, "rollup", 0, 20).await.expect("commit");
    assert_eq!(starts().await, (15, 3), "the slowest group counts, one that has not committed too");
    let first = log.fetch(RAW, 0, 15, 1, Duration::ZERO).await.expect("fetch").records[0].offset;
    assert_eq!(first, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_full_of_needed_records_refuses_more() {
    let folder = tempfile::tempdir().expect("folder");
    let config = LogConfig { raw_retention_bytes: 3 * (4 << 20), tail_cache_bytes: 0, ..config() };
    let log = EmbeddedLog::open(folder.path(), config).expect("open");
    let (mut state, mut stored) = (7u64, 0);
    let refused = loop {
        log.apply_retention().await.expect("retention");
        match log.append(RAW, vec![(0, noise(1 << 20, &mut state))]).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 200, "the log grows without bound");
    };
    assert!(matches!(refused, LogError::Overloaded), "{refused:?}");
    assert_eq!(log.bounds(RAW, 0).await.expect("bounds"), Bounds { start: 0, end: stored });
    append(&log, 0, 1).await.expect("ticks still go in");
    log.append(Topic::MetricsRollup, vec![(0, Bytes::from_static(&[1; 100]))]).await.expect("another topic");
    log.commit(RAW, "rollup", 0, stored).await.expect("commit");
    log.apply_retention().await.expect("retention");
    append(&log, 0, 1_000).await.expect("there is room again");
    assert!(log.bounds(RAW, 0).await.expect("bounds").start > 0);
}

#[tokio::test]
async fn a_closed_log_refuses() {
    let folder = tempfile::tempdir().expect("folder");
    let log = EmbeddedLog::open(folder.path(), config()).expect("open");
    append(&log, 0, 10).await.expect("append");
    log.close();
    log.close();
    assert!(matches!(append(&log, 0, 10).await, Err(LogError::Unavailable(_))));
}
