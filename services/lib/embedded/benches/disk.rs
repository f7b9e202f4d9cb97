//! What the embedded log and store cost on this machine: prints a table.
//!
//! `cargo bench -p tidegate-embedded` takes about half a minute and writes
//! some hundred megabytes below the folder for temporary files.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_codec::stored::{PartWriter, encode_chunk, join};
use tidegate_embedded::{EmbeddedLog, EmbeddedStore, LogConfig, StoreConfig};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_hotstore::HotStore;
use tidegate_model::time::minute_start_ms;
use tidegate_model::{BatchId, FloatWindow, Labels, MetricId, Row, RowKey, SourceId, TenantId, Window, WindowValue};

const PARTITIONS: u16 = 12;
const MINUTE: u32 = 28_800_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let folder = tempfile::tempdir();
    match (runtime, folder) {
        (Ok(runtime), Ok(folder)) => runtime.block_on(async {
            fsync(folder.path());
            appends(&folder.path().join("log"), 150).await;
            appends(&folder.path().join("full-log"), 1_500).await;
            throughput(&folder.path().join("fast-log")).await;
            rows(&folder.path().join("store")).await;
            late_rows(&folder.path().join("late-store")).await;
        }),
        (runtime, folder) => say(&format!("not started: {:?} {:?}", runtime.err(), folder.err())),
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// CPU time of this process, user and system; from the kernel's ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms", at(0.5), at(0.99), at(0.999))
}

fn fsync(folder: &Path) {
    let mut times = Vec::new();
    let mut file = std::fs::File::create(folder.join("fsync")).expect("a file");
    for _ in 0..300 {
        file.write_all(&[7; 2_000]).expect("write");
        let began = Instant::now();
        file.sync_data().expect("fdatasync");
        times.push(began.elapsed());
    }
    say(&format!("fdatasync after 2,000 bytes: {}", quantiles(times)));
}

/// 2,253 requests a second of 20 samples, each to some partitions.
async fn appends(folder: &Path, record_bytes: usize) {
    const RATE: u32 = 2_253;
    const SECONDS: u32 = 8;
    let config = LogConfig { partitions: PARTITIONS, ..LogConfig::default() };
    let log = Arc::new(EmbeddedLog::open(folder, config).expect("open"));
    let payload = Bytes::from(vec![7u8; record_bytes]);
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..RATE * SECONDS {
        let due = began + Duration::from_secs(1) * n / RATE;
        tokio::time::sleep_until(due.into()).await;
        let (log, payload) = (Arc::clone(&log), payload.clone());
        tasks.spawn(async move {
            let sent = Instant::now();
            let records = (0..10).map(|p| (((n + p) % 12) as u16, payload.clone())).collect();
            log.append(Topic::MetricsRaw, records).await.map(|_| sent.elapsed())
        });
    }
    let answers = tasks.join_all().await;
    let (elapsed, used) = (began.elapsed(), cpu() - cpu_before);
    let times: Vec<Duration> = answers.into_iter().flatten().collect();
    let refused = (RATE * SECONDS) as usize - times.len();
    say(&format!("append of 10 records of {record_bytes} bytes, {RATE}/s: {}, {refused} refused", quantiles(times)));
    say(&format!("  {:.0}% of one CPU", 100.0 * used.as_secs_f64() / elapsed.as_secs_f64()));
}

/// A record of 2,500 series of hosts, a sample each.
fn host_metrics() -> Bytes {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(1));
    for n in 0..2_500u64 {
        let (cpu, host) = ((n % 64).to_string(), format!("host-{:04}.example.net", n / 64));
        let labels = Labels::from_pairs([
            ("__name__", "node_cpu_seconds_total"),
            ("cpu", &cpu),
            ("instance", &host),
            ("job", "node"),
            ("mode", "idle"),
            ("region", "eu-central-1"),
        ]);
        let labels = labels.expect("distinct names");
        writer.series(MetricId::of(&TenantId::default(), &labels), labels.as_bytes());
        writer.float(1_700_000_000_000 + (n % 7) as i64, (n as f64).mul_add(812.25, 17.5).sqrt());
    }
    join(&[writer.finish()])
}

/// Large records as fast as they go, eight in flight.
async fn throughput(folder: &Path) {
    const RECORDS: usize = 2_400;
    let config = LogConfig { partitions: PARTITIONS, ..LogConfig::default() };
    let log = Arc::new(EmbeddedLog::open(folder, config).expect("open"));
    let payload = host_metrics();
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (log, payload) = (Arc::clone(&log), payload.clone());
        writers.spawn(async move {
            for n in 0..RECORDS / 8 {
                let partition = ((writer + n) % 12) as u16;
                log.append(Topic::MetricsRaw, vec![(partition, payload.clone())]).await.expect("append");
            }
        });
    }
    writers.join_all().await;
    let (elapsed, used) = (began.elapsed().as_secs_f64(), (cpu() - cpu_before).as_secs_f64());
    let record_bytes = payload.len();
    let megabytes = (RECORDS * record_bytes) as f64 / 1e6;
    say(&format!(
        "append of {megabytes:.0} MB: {:.0} MB/s, {:.2} CPU ns a byte",
        megabytes / elapsed,
        used * 1e3 / megabytes
    ));
    let (began, cpu_before) = (Instant::now(), cpu());
    let mut bytes = 0;
    for partition in 0..PARTITIONS {
        let mut from = 0;
        loop {
            let fetched = log.fetch(Topic::MetricsRaw, partition, from, 1 << 20, Duration::ZERO).await.expect("fetch");
            let Some(last) = fetched.records.last() else { break };
            from = last.offset + 1;
            bytes += fetched.records.iter().map(|record| record.payload.len()).sum::<usize>();
        }
    }
    let (elapsed, used) = (began.elapsed().as_secs_f64(), (cpu() - cpu_before).as_secs_f64());
    let megabytes = bytes as f64 / 1e6;
    say(&format!(
        "fetch of {megabytes:.0} MB: {:.0} MB/s, {:.2} CPU ns a byte",
        megabytes / elapsed,
        used * 1e3 / megabytes
    ));
}

fn minute_of(series: &[MetricId], minute: u32) -> Vec<Row> {
    let start_ms = minute_start_ms(minute);
    let rows = series.iter().enumerate().map(|(n, id)| {
        let mut total = FloatWindow::empty();
        let windows: Vec<Window> = (0..4)
            .map(|window| {
                let time_ms = start_ms + window * 15_000 + (n as i64 * 37) % 5_000;
                let value = (n as f64).mul_add(17.31, f64::from(minute % 1_000)) + window as f64;
                let mut float = FloatWindow::empty();
                float.push(time_ms, value);
                total.push(time_ms, value);
                Window { start_ms: start_ms + window * 15_000, value: WindowValue::Float(float) }
            })
            .collect();
        let mut chunk = Vec::new();
        encode_chunk(&windows, &[Window { start_ms, value: WindowValue::Float(total) }], &mut chunk);
        let source = SourceId { epoch: 0x1234_5678_9abc_def0, partition: id.partition(PARTITIONS) };
        let key = RowKey { tenant: TenantId::default(), metric_id: *id, minute, source, era: 0, fragment: 0 };
        Row { key, samples: 4, chunk: chunk.into() }
    });
    rows.collect()
}

async fn rows(folder: &Path) {
    const SERIES: u64 = 50_000;
    const MINUTES: u32 = 60;
    let config = StoreConfig { partitions: Some(PARTITIONS), ..StoreConfig::default() };
    let store = EmbeddedStore::open(folder, config).expect("open");
    let mut series: Vec<MetricId> =
        (0..SERIES).map(|n| MetricId(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))).collect();
    series.sort_unstable_by_key(|id| (id.partition(PARTITIONS), *id));
    let (mut took, mut used) = (Duration::ZERO, Duration::ZERO);
    for minute in MINUTE..MINUTE + MINUTES {
        let rows = minute_of(&series, minute);
        let (began, cpu_before) = (Instant::now(), cpu());
        store.write_rows(rows).await.expect("write_rows");
        took += began.elapsed();
        used += cpu() - cpu_before;
    }
    let count = (SERIES * u64::from(MINUTES)) as f64;
    let size = std::process::Command::new("du").args(["-sb"]).arg(folder.join("db/keyspaces")).output();
    let size = size.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let size: f64 = size.split_whitespace().next().and_then(|size| size.parse().ok()).unwrap_or(0.0);
    say(&format!(
        "write of {count:.0} rows: {:.0} rows/s, {:.2} CPU µs a row, {:.1} bytes a row on disk",
        count / took.as_secs_f64(),
        used.as_secs_f64() * 1e6 / count,
        size / count
    ));
    for wanted in [1, 100, 5_000] {
        let ids: Vec<MetricId> = series.iter().step_by(SERIES as usize / wanted).copied().collect();
        let tenant = TenantId::default();
        for temperature in ["first", "second"] {
            let (began, cpu_before) = (Instant::now(), cpu());
            let read = store.read_rows(&tenant, &ids, MINUTE..MINUTE + MINUTES).await.expect("read_rows");
            let used = cpu() - cpu_before;
            say(&format!(
                "read of {wanted} series × 1 h, {temperature} time: {:.1} ms, {} CPU ms, {} rows",
                began.elapsed().as_secs_f64() * 1e3,
                used.as_millis(),
                read.len()
            ));
        }
    }
    let (began, cpu_before) = (Instant::now(), cpu());
    let (mut after, mut scanned) = (None, 0);
    loop {
        let page = store.scan_rows(0, PARTITIONS, MINUTE..MINUTE + MINUTES, after).await.expect("scan_rows");
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        scanned += page.len();
    }
    let used = (cpu() - cpu_before).as_secs_f64() * 1e6 / scanned as f64;
    say(&format!("scan of {scanned} rows: {:.0} ms, {used:.2} CPU µs a row", began.elapsed().as_secs_f64() * 1e3));
}

/// An hour in time, then rows of all its minutes again and again.
async fn late_rows(folder: &Path) {
    const SERIES: u64 = 50_000;
    const MINUTES: u32 = 60;
    const ROUNDS: u32 = 24;
    let config = StoreConfig { partitions: Some(PARTITIONS), ..StoreConfig::default() };
    let store = Arc::new(EmbeddedStore::open(folder, config).expect("open"));
    let mut series: Vec<MetricId> =
        (0..SERIES).map(|n| MetricId(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))).collect();
    series.sort_unstable_by_key(|id| (id.partition(PARTITIONS), *id));
    for minute in MINUTE..MINUTE + MINUTES {
        store.write_rows(minute_of(&series, minute)).await.expect("write_rows");
    }
    settle().await;
    let (mut used, mut count) = (Duration::ZERO, 0);
    for fragment in 1..=ROUNDS {
        let mut rows: Vec<Row> = (MINUTE..MINUTE + MINUTES)
            .flat_map(|minute| minute_of(&series[minute as usize % 60..][..SERIES as usize / 61], minute))
            .collect();
        rows.iter_mut().for_each(|row| row.key.fragment = fragment);
        count += rows.len();
        let cpu_before = cpu();
        let parts: Vec<Vec<Row>> = rows.chunks(rows.len() / usize::from(PARTITIONS)).map(<[Row]>::to_vec).collect();
        let mut writes = tokio::task::JoinSet::new();
        for part in parts {
            let store = Arc::clone(&store);
            writes.spawn(async move { store.write_rows(part).await.expect("write_rows") });
        }
        writes.join_all().await;
        used += cpu() - cpu_before;
    }
    let cpu_before = cpu();
    settle().await;
    used += cpu() - cpu_before;
    say(&format!("write of {count} late rows: {:.2} CPU µs a row", used.as_secs_f64() * 1e6 / count as f64));
    let ids: Vec<MetricId> = series.iter().step_by(500).copied().collect();
    for temperature in ["first", "second"] {
        let began = Instant::now();
        let read = store.read_rows(&TenantId::default(), &ids, MINUTE..MINUTE + MINUTES).await.expect("read_rows");
        let took = began.elapsed().as_secs_f64() * 1e3;
        say(&format!(
            "read of {} of these series × 1 h, {temperature} time: {took:.1} ms, {} rows",
            ids.len(),
            read.len()
        ));
    }
}

/// Until nothing happens in the background.
async fn settle() {
    loop {
        let before = cpu();
        tokio::time::sleep(Duration::from_millis(500)).await;
        if cpu() - before < Duration::from_millis(20) {
            return;
        }
    }
}
