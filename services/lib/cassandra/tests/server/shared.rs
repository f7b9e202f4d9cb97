//! Keyspaces of the tests' own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use tidegate_cassandra::{CassandraStore, Clock, Config, Metrics, migrate};
use tidegate_codec::stored::encode_chunk;
use tidegate_model::time::minute_start_ms;
use tidegate_model::{FloatWindow, MetricId, Row, RowKey, SourceId, TenantId, Window, WindowValue};
use tidegate_testkit::stack;

/// Of the conformance suite: rows are written as of then, and live.
pub const DAY: u32 = 20_000;
pub const MINUTE: u32 = DAY * 1_440;
pub const SOURCE: SourceId = SourceId { epoch: u64::MAX - 6, partition: 3 };
pub const PARTITIONS: u16 = 4;

/// A configuration whose keyspace no other test has; `None` puts the test on the list of those that were skipped.
pub fn config(test: &str) -> Option<Config> {
    let contact_points = stack::cassandra(test)?;
    // Tables of many keyspaces are made at once.
    let request_timeout_ms = 120_000;
    let keyspace = stack::unique_name('_');
    Some(Config { contact_points, keyspace, replication_factor: 1, request_timeout_ms, ..Config::default() })
}

/// A clock that stands still until it is set.
pub fn clock(minute: u32) -> (Arc<AtomicI64>, Clock) {
    let now_ms = Arc::new(AtomicI64::new(minute_start_ms(minute)));
    let shared = Arc::clone(&now_ms);
    (now_ms, Arc::new(move || shared.load(Ordering::Relaxed)))
}

/// Makes the tables; opens the store two hours into [`DAY`].
pub async fn open(config: &Config) -> CassandraStore {
    migrate(config).await.expect("the tables are made");
    reopen(config).await
}

pub async fn reopen(config: &Config) -> CassandraStore {
    let opened = CassandraStore::open_with_clock(config, Metrics::default(), clock(MINUTE + 120).1).await;
    opened.expect("the store opens")
}

/// What a person with cqlsh has, in the keyspace.
pub async fn cqlsh(config: &Config) -> Session {
    let session = SessionBuilder::new().known_nodes(&config.contact_points).build().await.expect("a session");
    session.use_keyspace(&config.keyspace, false).await.expect("the keyspace");
    session
}

/// For a node that many runs of the tests use.
pub async fn clean_up(config: &Config) {
    let dropped = cqlsh(config).await.query_unpaged(format!("DROP KEYSPACE {}", config.keyspace), ()).await;
    dropped.expect("the keyspace is dropped");
}

/// Of so many samples, one a second, with the values 1, 2, 3, …
pub fn row(metric_id: u128, minute: u32, samples: u32) -> Row {
    let start_ms = minute_start_ms(minute);
    let mut windows: Vec<Window> = Vec::new();
    let mut total = FloatWindow::empty();
    for second in 0..i64::from(samples.min(60)) {
        let (time_ms, value) = (start_ms + second * 1_000, (second + 1) as f64);
        total.push(time_ms, value);
        let window_ms = time_ms - time_ms.rem_euclid(5_000);
        match windows.last_mut() {
            Some(Window { start_ms, value: WindowValue::Float(window) }) if *start_ms == window_ms => {
                window.push(time_ms, value);
            }
            _ => {
                let mut window = FloatWindow::empty();
                window.push(time_ms, value);
                windows.push(Window { start_ms: window_ms, value: WindowValue::Float(window) });
            }
        }
    }
    let mut chunk = Vec::new();
    encode_chunk(&windows, &[Window { start_ms, value: WindowValue::Float(total) }], &mut chunk);
    let metric_id = MetricId(metric_id);
    let key = RowKey { tenant: TenantId::default(), metric_id, minute, source: SOURCE, era: 0, fragment: 0 };
    Row { key, samples, chunk: Bytes::from(chunk) }
}
