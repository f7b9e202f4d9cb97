//! What an append costs on a real broker: how long it takes at several lingers,
//! and what each compression makes of real records.
//!
//! `TIDEGATE_TEST_KAFKA` names the broker; `TIDEGATE_BENCH_KAFKA_DATA`, its data
//! folder, is where the size on disk is read from.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_codec::stored::{PartWriter, join};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_kafka::{Compression, Config, KafkaLog, Metrics};
use tidegate_model::{BatchId, Labels, MetricId, TenantId};

const RAW: Topic = Topic::MetricsRaw;
const PARTITIONS: u16 = 12;
const MODES: [&str; 8] = ["idle", "user", "system", "nice", "iowait", "irq", "softirq", "steal"];

fn main() {
    let Some(brokers) = tidegate_testkit::stack::kafka("bench broker") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        compressions(&brokers).await;
        latencies(&brokers).await;
    });
}

async fn open(brokers: &[String], change: impl FnOnce(&mut Config)) -> (KafkaLog, Config) {
    let mut config = Config {
        brokers: brokers.to_vec(),
        prefix: format!("{}-", tidegate_testkit::stack::unique_name('-')),
        partitions: PARTITIONS,
        replication: 1,
        min_insync_replicas: 1,
        ..Config::default()
    };
    change(&mut config);
    (KafkaLog::open(config.clone(), None, Metrics::default()).await.expect("the log opens"), config)
}

/// CPU time of this process, all its threads.
fn cpu() -> Duration {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat()).expect("/proc/self/stat");
    Duration::from_millis((stat.utime + stat.stime) * 1_000 / procfs::ticks_per_second())
}

/// Series of hosts: counters, each with six labels.
struct Series {
    all: Vec<(MetricId, Labels, f64)>,
    state: u64,
}

impl Series {
    fn new(count: u64) -> Self {
        let tenant = TenantId::default();
        let series = (0..count).map(|n| {
            let (cpu, host) = ((n / 8 % 8).to_string(), format!("host-{:04}.example.net", n / 64));
            let labels = Labels::from_pairs([
                ("__name__", "node_cpu_seconds_total"),
                ("cpu", &cpu),
                ("instance", &host),
                ("job", "node"),
                ("mode", MODES[n as usize % 8]),
                ("region", "eu-central-1"),
            ]);
            let labels = labels.expect("distinct names");
            (MetricId::of(&tenant, &labels), labels, (n * 971 % 100_000) as f64)
        });
        Self { all: series.collect(), state: 1 }
    }

    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }

    /// A scrape of all as records of at most `samples` samples.
    fn scrape(&mut self, time_ms: i64, samples: usize) -> Vec<Bytes> {
        let mut writer = PartWriter::new();
        let mut records = Vec::new();
        for first in (0..self.all.len()).step_by(samples) {
            writer.begin(
                &TenantId::default(),
                BatchId::Content(u128::from(self.random()) << 64 | u128::from(self.random())),
            );
            for at in first..(first + samples).min(self.all.len()) {
                let step = (self.random() % 1_500) as f64 / 100.0;
                let late_ms = (self.random() % 900) as i64;
                let (id, labels, value) = &mut self.all[at];
                *value += step;
                writer.series(*id, labels.as_bytes());
                writer.float(time_ms + late_ms, (*value * 100.0).round() / 100.0);
            }
            records.push(join(&[writer.finish()]));
        }
        records
    }
}

fn size_on_disk(config: &Config) -> Option<u64> {
    let data = std::env::var_os("TIDEGATE_BENCH_KAFKA_DATA")?;
    let topic = format!("{}{}-", config.prefix, RAW.name());
    let mut bytes = 0;
    for folder in std::fs::read_dir(Path::new(&data)).ok()?.flatten() {
        if folder.file_name().to_string_lossy().starts_with(&topic) {
            let files = std::fs::read_dir(folder.path()).ok()?.flatten();
            let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
            bytes += logs.filter_map(|file| Some(file.metadata().ok()?.len())).sum::<u64>();
        }
    }
    Some(bytes)
}

async fn read_all(log: &KafkaLog, partition: u16) {
    let end = log.bounds(RAW, partition).await.expect("bounds").end;
    let mut next = 0;
    while next < end {
        let fetched = log.fetch(RAW, partition, next, 1 << 20, Duration::from_secs(5)).await.expect("fetch");
        next = fetched.records.last().map_or(next, |record| record.offset + 1);
    }
}

async fn compressions(brokers: &[String]) {
    const SERIES: u64 = 10_000;
    const SCRAPES: i64 = 60;
    println!("compression, {SCRAPES} scrapes of {SERIES} series: bytes and ns of this process' CPU a sample");
    for samples in [50, 1_000, 10_000] {
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let (log, config) = open(brokers, |config| config.compression = compression).await;
            let mut series = Series::new(SERIES);
            let scrapes: Vec<_> =
                (0..SCRAPES).map(|n| series.scrape(1_700_000_000_000 + n * 15_000, samples)).collect();
            let (cpu_before, begin) = (cpu(), Instant::now());
            let mut raw_bytes = 0;
            for records in scrapes {
                raw_bytes += records.iter().map(Bytes::len).sum::<usize>();
                // As a gateway does: a record a partition in each call.
                for call in records.chunks(PARTITIONS.into()) {
                    let call = call.iter().enumerate().map(|(n, record)| (n as u16, record.clone())).collect();
                    log.append(RAW, call).await.expect("appended");
                }
            }
            let (append_cpu, took) = (cpu() - cpu_before, begin.elapsed());
            let cpu_before = cpu();
            for partition in 0..PARTITIONS {
                read_all(&log, partition).await;
            }
            let read_cpu = cpu() - cpu_before;
            let total = (SERIES as i64 * SCRAPES) as f64;
            println!(
                "  {samples:>6} samples a record  {compression:<5}  raw {:5.1}  topic {:>6}  append {:4.0} ns, {:5.2} s  read {:4.0} ns",
                raw_bytes as f64 / total,
                size_on_disk(&config).map_or("?".to_owned(), |bytes| format!("{:.2}", bytes as f64 / total)),
                append_cpu.as_nanos() as f64 / total,
                took.as_secs_f64(),
                read_cpu.as_nanos() as f64 / total,
            );
        }
    }
}

async fn latencies(brokers: &[String]) {
    const SECONDS: u32 = 8;
    println!("append, acks=all, ms:");
    for (per_second, partitions) in [(1_000, 1), (1_000, 4), (200, 12)] {
        for linger_ms in [0, 1, 2, 5] {
            let (log, _) = open(brokers, |config| config.linger_ms = linger_ms).await;
            let log = std::sync::Arc::new(log);
            let record = Series::new(50).scrape(1_700_000_000_000, 50).remove(0);
            let mut took = Vec::new();
            let mut open = tokio::task::JoinSet::new();
            let mut tick = tokio::time::interval(Duration::from_secs(1) / per_second);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            let mut cpu_before = cpu();
            for n in 0..per_second * SECONDS {
                tick.tick().await;
                // The first two seconds make connections.
                if n == per_second * 2 {
                    cpu_before = cpu();
                }
                let (log, record) = (log.clone(), record.clone());
                open.spawn(async move {
                    let first = n as u16 % PARTITIONS;
                    let records = (0..partitions).map(|p| ((first + p) % PARTITIONS, record.clone())).collect();
                    let begin = Instant::now();
                    log.append(RAW, records).await.expect("appended");
                    (n, begin.elapsed())
                });
            }
            while let Some(ended) = open.join_next().await {
                let (n, time) = ended.expect("no panic");
                if n >= per_second * 2 {
                    took.push(time);
                }
            }
            took.sort_unstable();
            let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
            println!(
                "  {per_second:>5}/s of {partitions:>2} records, linger {linger_ms}: p50 {:6.2}  p99 {:6.2}  max {:6.2}  CPU {:4.0} us an append",
                at(0.5),
                at(0.99),
                at(1.0),
                (cpu() - cpu_before).as_micros() as f64 / took.len() as f64,
            );
        }
    }
}
