//! A disk that fills up: appends and writes fail with the cause, what was
//! acknowledged stays, and both go on once there is space again.
//!
//! Each test starts itself again in a process of its own, which is then allowed
//! files of a limited size only. What is beyond is not written, as on a full
//! disk, and the end of what is written may be torn; no rights are needed.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_embedded::{EmbeddedLog, EmbeddedStore, LogConfig, StoreConfig};
use tidegate_eventlog::{EventLog, LogError, Topic};
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::{MetricId, Row, RowKey, SourceId, TenantId};

const FOLDER: &str = "TIDEGATE_TEST_SMALL_DISK";

/// Runs the named test of this file, told by errors and not by a signal when it
/// may not write.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().expect("folder");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn the_log_survives_a_full_disk() {
    on_a_small_disk("log_on_a_small_disk");
}

#[test]
fn the_store_survives_a_full_disk() {
    on_a_small_disk("store_on_a_small_disk");
}

/// Sets how large this process may make files.
fn allow(size: &str) {
    let pid = std::process::id().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:unlimited")]).status();
    assert!(limited.expect("prlimit (util-linux) is needed for this test").success());
}

const NOTHING: &str = "1";
const ALL: &str = "unlimited";

fn noise(size_bytes: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    next.take(size_bytes).collect::<Vec<u8>>().into()
}

/// Until `attempt` gives something, for a minute at most.
async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(done) = attempt().await {
            return done;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs on a small disk of its own, see the_log_survives_a_full_disk"]
async fn log_on_a_small_disk() {
    let Some(disk) = std::env::var_os(FOLDER) else { return };
    let disk = Path::new(&disk);
    let folder = disk.join("log");
    let config = LogConfig { partitions: 2, tail_cache_bytes: 0, ..LogConfig::default() };
    let log = EmbeddedLog::open(&folder, config.clone()).expect("open");
    let mut acknowledged: Vec<Bytes> = Vec::new();
    let mut append = async |seed: u64| {
        let payload = noise(200_000, seed);
        let appended = log.append(Topic::MetricsRaw, vec![(1, payload.clone())]).await?;
        // A refused record may have been stored all the same.
        acknowledged.resize(appended[0].offset as usize, Bytes::new());
        acknowledged.push(payload);
        Ok::<(), LogError>(())
    };
    for seed in 0..20 {
        append(seed).await.expect("there is space");
    }
    // Within the journal's next megabyte, most likely amid a record.
    allow("5000001");
    let mut seed = 100;
    let error = eventually("a failure", async || {
        seed += 1;
        append(seed).await.err()
    });
    let error = error.await;
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    allow(NOTHING);
    assert!(append(900).await.is_err(), "still full");
    allow(ALL);
    eventually("an append after the disk has space again", async || append(1_000).await.ok()).await;
    for seed in 2_000..2_020 {
        append(seed).await.expect("it goes on");
    }
    assert_stored(&log, &acknowledged).await;
    drop(log);
    let log = EmbeddedLog::open(&folder, config).expect("open again");
    assert_stored(&log, &acknowledged).await;
}

async fn assert_stored(log: &EmbeddedLog, acknowledged: &[Bytes]) {
    for (offset, payload) in acknowledged.iter().enumerate().filter(|(_, payload)| !payload.is_empty()) {
        let fetched = log.fetch(Topic::MetricsRaw, 1, offset as u64, 1, Duration::ZERO).await.expect("fetch");
        assert!(fetched.records[0].payload == *payload, "offset {offset} was acknowledged with other content");
    }
}

fn rows(minute: u32, count: u64) -> Vec<Row> {
    let source = SourceId { epoch: 1, partition: 0 };
    let row = |n: u64| {
        let key = RowKey {
            tenant: TenantId::default(),
            metric_id: MetricId(u128::from(n)),
            minute,
            source,
            era: 0,
            fragment: 0,
        };
        Row { key, samples: 1, chunk: noise(100, n) }
    };
    (0..count).map(row).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs on a small disk of its own, see the_store_survives_a_full_disk"]
async fn store_on_a_small_disk() {
    const COUNT: u64 = 20_000;
    let Some(disk) = std::env::var_os(FOLDER) else { return };
    let disk = Path::new(&disk);
    let config = StoreConfig { partitions: Some(2), gather_ms: 1, ..StoreConfig::default() };
    let store = EmbeddedStore::open(&disk.join("store"), config).expect("open");
    let minute = 28_800_000;
    store.write_rows(rows(minute, COUNT)).await.expect("there is space");
    allow(NOTHING);
    let error = store.write_rows(rows(minute + 1, COUNT)).await.expect_err("a full disk");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    allow(ALL);
    let write = async || store.write_rows(rows(minute + 1, COUNT)).await.ok();
    eventually("a write after the disk has space again", write).await;
    let ids: Vec<MetricId> = (0..COUNT).map(|n| MetricId(u128::from(n))).collect();
    let read = store.read_rows(&TenantId::default(), &ids, minute..minute + 2).await.expect("read_rows");
    assert_eq!(read.len(), 2 * COUNT as usize);
}
