//! Kills a process that writes, again and again: nothing that was acknowledged
//! may be missing.
//!
//! The test starts itself as that process; it says what was acknowledged on
//! standard output.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_embedded::{EmbeddedLog, EmbeddedStore, LogConfig, StoreConfig};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_hotstore::HotStore;
use tidegate_model::{MetricId, Row, RowKey, SourceId, TenantId};

const FOLDER: &str = "TIDEGATE_TEST_CRASH_FOLDER";
const PARTITIONS: u16 = 4;
const ROUNDS: usize = 8;
const MINUTE: u32 = 28_800_000;

fn open_log(folder: &Path) -> EmbeddedLog {
    let config = LogConfig { partitions: PARTITIONS, ..LogConfig::default() };
    EmbeddedLog::open(&folder.join("log"), config).expect("open the log")
}

fn open_store(folder: &Path) -> EmbeddedStore {
    let config = StoreConfig { partitions: Some(PARTITIONS), gather_ms: 1, ingest_rows: 500, ..StoreConfig::default() };
    EmbeddedStore::open(&folder.join("store"), config).expect("open the store")
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The reader may be gone already; then nobody counts on the line.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn row(n: u32, minute: u32) -> Row {
    let source = SourceId { epoch: 1, partition: 0 };
    let metric_id = MetricId(u128::from(n));
    let key = RowKey { tenant: TenantId::default(), metric_id, minute, source, era: 0, fragment: 0 };
    Row { key, samples: 1, chunk: Bytes::from(n.to_string()) }
}

/// The process that is killed.
async fn write_for_ever(folder: &Path) {
    let log = Arc::new(open_log(folder));
    let store = Arc::new(open_store(folder));
    let first_minute = MINUTE + 1_000 * std::env::var("ROUND").map_or(0, |round| round.parse().unwrap_or(0));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8u16 {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            for n in 0u64.. {
                let partition = writer % PARTITIONS;
                let payload = Bytes::from(format!("{writer}-{n}-{}", "x".repeat(500)));
                let appended = log.append(Topic::MetricsRaw, vec![(partition, payload)]).await.expect("append");
                say(&format!("log {partition} {} {writer}-{n}", appended[0].offset));
            }
        });
    }
    writers.spawn(async move {
        for minute in first_minute.. {
            // By turns through the journal and as a table.
            let rows: u32 = if minute % 2 == 0 { 100 } else { 1_000 };
            store.write_rows((0..rows).map(|n| row(n, minute)).collect()).await.expect("write_rows");
            say(&format!("store {minute} {rows}"));
        }
    });
    writers.join_all().await;
}

/// (partition, offset, text) and (minute, rows) as acknowledged.
#[derive(Default)]
struct Acknowledged {
    records: Vec<(u16, u64, String)>,
    minutes: Vec<(u32, usize)>,
}

fn run_and_kill(folder: &Path, round: usize, acknowledged: &mut Acknowledged) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "writing_process", "--nocapture", "--ignored"])
        .env(FOLDER, folder)
        .env("ROUND", round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("start");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let enough = 300 + round * 211;
    let mut heard = 0;
    for line in lines {
        let line = line.expect("a line");
        // A line that the kill cut short has too few fields.
        let fields: Vec<&str> = line.split(' ').collect();
        match fields[..] {
            ["log", partition, offset, text] => acknowledged.records.push((
                partition.parse().expect("partition"),
                offset.parse().expect("offset"),
                text.to_owned(),
            )),
            ["store", minute, rows] => {
                acknowledged.minutes.push((minute.parse().expect("minute"), rows.parse().expect("rows")));
            }
            _ => continue,
        }
        heard += 1;
        if heard == enough {
            child.kill().expect("kill");
        }
    }
    child.wait().expect("its end");
    assert!(heard >= enough, "the process ended by itself after {heard} writes");
}

async fn assert_all_there(folder: &Path, acknowledged: &Acknowledged) {
    let log = open_log(folder);
    for partition in 0..PARTITIONS {
        let mut texts = Vec::new();
        loop {
            let fetched = log.fetch(Topic::MetricsRaw, partition, texts.len() as u64, 1 << 20, Duration::ZERO).await;
            let fetched = fetched.expect("fetch");
            if fetched.records.is_empty() {
                break;
            }
            for record in fetched.records {
                assert_eq!(record.offset, texts.len() as u64, "offsets are dense");
                texts.push(record.payload);
            }
        }
        for (_, offset, text) in acknowledged.records.iter().filter(|(of, _, _)| *of == partition) {
            let stored = texts.get(*offset as usize);
            let same = stored.is_some_and(|stored| stored.starts_with(format!("{text}-").as_bytes()));
            assert!(same, "partition {partition}, offset {offset}: {text} was acknowledged");
        }
    }
    let store = open_store(folder);
    for (minute, rows) in &acknowledged.minutes {
        let ids: Vec<MetricId> = (0..*rows as u128).map(MetricId).collect();
        let read = store.read_rows(&TenantId::default(), &ids, *minute..minute + 1).await.expect("read_rows");
        assert_eq!(read.len(), *rows, "rows of minute {minute}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let folder = tempfile::tempdir().expect("folder");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        run_and_kill(folder.path(), round, &mut acknowledged);
        assert_all_there(folder.path(), &acknowledged).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the crash test kills"]
async fn writing_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_for_ever(Path::new(&folder)).await;
    }
}
