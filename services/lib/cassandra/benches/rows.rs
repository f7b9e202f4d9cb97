//! What rows cost on a real node: minutes of many series written, with and
//! without totals of a minute; single rows; series read; a shard's hour
//! scanned.
//!
//! `TIDEGATE_TEST_CASSANDRA` names the node. The keyspaces stay: `infra/stack/nodetool flush`
//! and `infra/stack/nodetool tablestats KEYSPACE` tell the bytes on disk.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_cassandra::{CassandraStore, Config, Metrics, Retention, migrate};
use tidegate_codec::stored::encode_chunk;
use tidegate_hotstore::HotStore;
use tidegate_model::time::{minute_of, minute_start_ms};
use tidegate_model::{FloatWindow, MetricId, Row, RowKey, SourceId, TenantId, Window, WindowValue};

const PARTITIONS: u16 = 12;
const SERIES: u128 = 50_000;
const SCANNED: u128 = 4_000;

fn main() {
    let Some(nodes) = tidegate_testkit::stack::cassandra("bench rows") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let minute = minute_of(tidegate_testkit::now_ms()) / 60 * 60 - 60;
        for rows_1m_days in [91, 0] {
            let retention = Retention { rows_1m_days, ..Retention::default() };
            let (store, keyspace) = open(&nodes, retention).await;
            println!("{keyspace}: totals of a minute are kept {rows_1m_days} days");
            for m in 0..3 {
                write(&store, m, (0..SERIES).map(|n| row(id(n), minute + m)).collect()).await;
            }
            single(&store, minute).await;
        }
        let (store, keyspace) = open(&nodes, Retention::default()).await;
        println!("{keyspace}: an hour of {SCANNED} series");
        let own = (0..).map(id).filter(|id| id.partition(PARTITIONS) == 0).take(SCANNED as usize);
        let own: Vec<MetricId> = own.collect();
        for m in 0..60 {
            let rows: Vec<Row> = own.iter().map(|id| row(*id, minute + m)).collect();
            store.write_rows(rows).await.expect("write_rows");
        }
        read(&store, &own, minute).await;
    });
}

async fn open(nodes: &[String], retention: Retention) -> (CassandraStore, String) {
    let keyspace = tidegate_testkit::stack::unique_name('_');
    let config = Config {
        contact_points: nodes.to_vec(),
        keyspace: keyspace.clone(),
        replication_factor: 1,
        request_timeout_ms: 30_000,
        retention,
        ..Config::default()
    };
    migrate(&config).await.expect("migrated");
    let store = CassandraStore::open(&config, Metrics::default()).await.expect("the store opens");
    store.partition_count(PARTITIONS).await.expect("partition_count");
    (store, keyspace)
}

fn id(number: u128) -> MetricId {
    MetricId((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// A random walk with two decimals, scraped every 5 s.
fn row(metric_id: MetricId, minute: u32) -> Row {
    let start_ms = minute_start_ms(minute);
    let (mut windows, mut total) = (Vec::with_capacity(12), FloatWindow::empty());
    let mut seed = metric_id.0 as u64 ^ u64::from(minute).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut value = (seed % 10_000) as i64;
    for window in 0..12 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        value += (seed >> 33) as i64 % 200 - 100;
        let time_ms = start_ms + window * 5_000 + (seed >> 50) as i64 % 5_000;
        let sample = value as f64 / 100.0;
        total.push(time_ms, sample);
        let mut of_window = FloatWindow::empty();
        of_window.push(time_ms, sample);
        windows.push(Window { start_ms: start_ms + window * 5_000, value: WindowValue::Float(of_window) });
    }
    let mut chunk = Vec::new();
    encode_chunk(&windows, &[Window { start_ms, value: WindowValue::Float(total) }], &mut chunk);
    let source = SourceId { epoch: 0x5eed, partition: metric_id.partition(PARTITIONS) };
    let key = RowKey { tenant: TenantId::default(), metric_id, minute, source, era: 0, fragment: 0 };
    Row { key, samples: 12, chunk: Bytes::from(chunk) }
}

async fn write(store: &CassandraStore, minute: u32, rows: Vec<Row>) {
    let (count, chunks) = (rows.len(), rows.iter().map(|row| row.chunk.len()).sum::<usize>());
    let begin = Instant::now();
    store.write_rows(rows).await.expect("write_rows");
    let seconds = begin.elapsed().as_secs_f64();
    let (rate, chunk) = (count as f64 / seconds, chunks as f64 / count as f64);
    println!("  minute {minute}: {count} rows in {seconds:.2} s, {rate:.0} rows/s; {chunk:.1} bytes a chunk");
}

async fn single(store: &CassandraStore, minute: u32) {
    let mut took = Vec::new();
    for n in 0..2_000 {
        let row = row(id(n), minute + 3);
        let begin = Instant::now();
        store.write_rows(vec![row]).await.expect("write_rows");
        took.push(begin.elapsed());
    }
    print_times("a row at a time", took);
}

async fn read(store: &CassandraStore, series: &[MetricId], minute: u32) {
    let tenant = TenantId::default();
    let mut took = Vec::new();
    for some in series.chunks(100).take(20) {
        let begin = Instant::now();
        let rows = store.read_rows(&tenant, some, minute..minute + 60).await.expect("read_rows");
        took.push(begin.elapsed());
        assert_eq!(rows.len(), some.len() * 60);
    }
    print_times("100 series × 1 h", took);
    let (begin, mut found, mut after) = (Instant::now(), 0, None);
    loop {
        let page = store.scan_rows(0, PARTITIONS, minute..minute + 60, after.take()).await.expect("scan_rows");
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        found += page.len();
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("  scan of the shard's hour: {found} rows in {seconds:.2} s, {:.0} rows/s", found as f64 / seconds);
}

fn print_times(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    println!("  {what}: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0));
}
