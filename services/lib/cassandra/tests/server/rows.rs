//! Rows as others see them: versions, times to live, typed columns.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use scylla::value::CqlTimestamp;
use tidegate_cassandra::{CassandraStore, Config, Metrics, Retention, migrate};
use tidegate_hotstore::HotStore;
use tidegate_model::time::minute_start_ms;
use tidegate_model::{MetricId, TenantId};

use super::shared::{DAY, MINUTE, PARTITIONS, clean_up, clock, config, cqlsh, open, reopen, row};

const DAY_SECONDS: i32 = 86_400;

#[tokio::test]
async fn the_fuller_version_stays_in_either_order() {
    let Some(config) = config("versions of rows on Cassandra") else { return };
    let store = open(&config).await;
    store.partition_count(PARTITIONS).await.expect("partition_count");
    let (fuller, emptier) = (|id| row(id, MINUTE, 40), |id| row(id, MINUTE, 7));
    // By another process as well, which has seen nothing.
    let other = reopen(&config).await;
    store.write_rows(vec![emptier(1), fuller(2)]).await.expect("write_rows");
    other.write_rows(vec![fuller(1), emptier(2)]).await.expect("write_rows");
    let ids = [MetricId(2), MetricId(1), MetricId(2)];
    let found = store.read_rows(&TenantId::default(), &ids, MINUTE..MINUTE + 1).await.expect("read_rows");
    assert_eq!(found, [fuller(1), fuller(2)]);
    // The totals are of the version that stays: 1 + 2 + … + 40.
    let session = cqlsh(&config).await;
    let select = "SELECT count, sum, min, max, first, last FROM rollup_1m WHERE tenant = 'default' AND metric_id = ? AND week = ?";
    for id in [1u128, 2] {
        let week = (MINUTE / (7 * 1_440)) as i32;
        let answer = session.query_unpaged(select, (id.to_be_bytes().as_slice(), week)).await.expect("answered");
        let answer = answer.into_rows_result().expect("rows");
        let totals: (i64, f64, f64, f64, f64, f64) = answer.single_row().expect("one row");
        assert_eq!(totals, (40, 820.0, 1.0, 40.0, 1.0, 40.0));
    }
    clean_up(&config).await;
}

#[tokio::test]
async fn totals_can_be_summed_without_tidegate() {
    let Some(config) = config("typed columns on Cassandra") else { return };
    let store = open(&config).await;
    store.partition_count(PARTITIONS).await.expect("partition_count");
    store.write_rows((0..10).map(|m| row(5, MINUTE + m, 60)).collect()).await.expect("write_rows");
    let session = cqlsh(&config).await;
    let select = "SELECT sum(count), sum(sum), sum(increase), max(last_time) FROM rollup_1m \
                  WHERE tenant = 'default' AND metric_id = 0x00000000000000000000000000000005 AND week = ?";
    let week = (MINUTE / (7 * 1_440)) as i32;
    let answer = session.query_unpaged(select, (week,)).await.expect("answered").into_rows_result().expect("rows");
    let (count, sum, increase, last): (i64, f64, f64, CqlTimestamp) = answer.single_row().expect("one row");
    assert_eq!((count, sum, increase), (600, 18_300.0, 590.0));
    assert_eq!(last.0, minute_start_ms(MINUTE + 10) - 1_000);
    // What the kind does not have was not written, not even as a deletion.
    let select = "SELECT observations, writetime(sum), writetime(observations) FROM rollup_1m \
                  WHERE tenant = 'default' AND metric_id = 0x00000000000000000000000000000005 AND week = ? LIMIT 1";
    let answer = session.query_unpaged(select, (week,)).await.expect("answered").into_rows_result().expect("rows");
    let written: (Option<i64>, Option<i64>, Option<i64>) = answer.single_row().expect("one row");
    assert_eq!(written, (None, Some(minute_start_ms(MINUTE) * 1_000 + 60), None));
    clean_up(&config).await;
}

/// Of writes, so far.
fn requests(registry: &Registry) -> u32 {
    let mut text = String::new();
    encode(&mut text, registry).expect("encoded");
    let count = text.lines().find_map(|line| line.strip_prefix("tidegate_cassandra_write_duration_seconds_count "));
    count.and_then(|count| count.parse().ok()).expect("a count")
}

#[tokio::test]
async fn rows_share_requests() {
    let Some(config) = config("requests of several rows on Cassandra") else { return };
    migrate(&config).await.expect("the tables are made");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let opened = CassandraStore::open_with_clock(&config, metrics, clock(MINUTE + 120).1).await;
    let store = opened.expect("the store opens");
    store.partition_count(PARTITIONS).await.expect("partition_count");
    let (rows, before) = ((1..=300).map(|id| row(id, MINUTE, 60)).collect::<Vec<_>>(), requests(&registry));
    store.write_rows(rows.clone()).await.expect("write_rows");
    // Ten rows, of windows and of totals, each; the shards' lists of series besides.
    let made = requests(&registry) - before;
    assert!((60..100).contains(&made), "{made}");
    let ids: Vec<MetricId> = (1..=300).map(MetricId).collect();
    let found = store.read_rows(&TenantId::default(), &ids, MINUTE..MINUTE + 1).await.expect("read_rows");
    assert_eq!(found, rows);
    let select = "SELECT count(*), sum(count) FROM rollup_1m";
    let answer = cqlsh(&config).await.query_unpaged(select, ()).await.expect("answered");
    let totals: (i64, i64) = answer.into_rows_result().expect("rows").single_row().expect("one row");
    assert_eq!(totals, (300, 300 * 60));
    clean_up(&config).await;
}

async fn ttl(config: &Config, select: &str, minute: u32) -> i32 {
    let session = cqlsh(config).await;
    let answer = session.query_unpaged(select, (minute as i32,)).await.expect("answered");
    let answer = answer.into_rows_result().expect("rows");
    answer.single_row::<(Option<i32>,)>().expect("one row").0.expect("it expires")
}

#[tokio::test]
async fn rows_live_until_days_after_their_hour() {
    let Some(config) = config("times to live on Cassandra") else { return };
    migrate(&config).await.expect("migrated");
    let (now_ms, clock) = clock(MINUTE + 30);
    let store = CassandraStore::open_with_clock(&config, Metrics::default(), clock).await.expect("the store opens");
    store.partition_count(PARTITIONS).await.expect("partition_count");
    // Half an hour before the end of the first one's hour; the second is six days and an hour late.
    store.write_rows(vec![row(1, MINUTE, 60)]).await.expect("write_rows");
    now_ms.store(minute_start_ms(MINUTE + 61 + 60 + 6 * 1_440), Ordering::Relaxed);
    store.write_rows(vec![row(1, MINUTE + 1, 60)]).await.expect("write_rows");

    let of_5s = "SELECT TTL(chunk) FROM rollup_5s WHERE tenant = 'default' \
                 AND metric_id = 0x00000000000000000000000000000001 AND day = 20000 AND minute = ?";
    let of_1m = "SELECT TTL(sum) FROM rollup_1m WHERE tenant = 'default' \
                 AND metric_id = 0x00000000000000000000000000000001 AND week = 2857 AND minute = ?";
    assert_eq!(MINUTE / (7 * 1_440), 2857);
    let near =
        |found: i32, expected: i32| assert!((expected - 600..=expected).contains(&found), "{found} s, not {expected}");
    near(ttl(&config, of_5s, MINUTE).await, 8 * DAY_SECONDS + 30 * 60);
    near(ttl(&config, of_1m, MINUTE).await, 91 * DAY_SECONDS + 30 * 60);
    near(ttl(&config, of_5s, MINUTE + 1).await, 2 * DAY_SECONDS);
    near(ttl(&config, of_1m, MINUTE + 1).await, 85 * DAY_SECONDS - 61 * 60);
    clean_up(&config).await;
}

#[tokio::test]
async fn a_scan_finds_rows_without_series_and_totals_can_be_left_out() {
    let Some(config) = config("scans on Cassandra") else { return };
    let retention = Retention { rows_1m_days: 0, ..Retention::default() };
    let config = Config { retention, ..config };
    let store = open(&config).await;
    store.partition_count(PARTITIONS).await.expect("partition_count");
    // More than one answer's worth, in two hours, and a late row from another process.
    let rows: Vec<_> = (0..700u128).flat_map(|n| [row(n * 4, MINUTE, 2), row(n * 4, MINUTE + 60, 2)]).collect();
    store.write_rows(rows).await.expect("write_rows");
    reopen(&config).await.write_rows(vec![row(4 * 700, MINUTE + 59, 2)]).await.expect("write_rows");
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan_rows(0, PARTITIONS, MINUTE..MINUTE + 60, after.take()).await.expect("scan_rows");
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        found.extend(page);
    }
    assert_eq!(found.len(), 701);
    assert!(found.iter().all(|row| row.key.minute < MINUTE + 60));
    let session = cqlsh(&config).await;
    let answer = session.query_unpaged("SELECT count(*) FROM rollup_1m", ()).await.expect("answered");
    let (rows,): (i64,) = answer.into_rows_result().expect("rows").single_row().expect("one row");
    assert_eq!(rows, 0);
    clean_up(&config).await;
}

#[tokio::test]
async fn days_are_listed_until_their_first_rows_expire() {
    let Some(config) = config("listed days on Cassandra") else { return };
    let store = open(&config).await;
    let labels = tidegate_model::Labels::from_pairs([("__name__", "up")]).expect("labels");
    let series = |day| tidegate_model::SeriesRow {
        tenant: TenantId::default(),
        shard: 0,
        day,
        metric_id: MetricId(9),
        labels: labels.clone(),
        kind: tidegate_model::SeriesKind::Float,
    };
    // The first of these is gone already, by the store's clock.
    store
        .write_series(vec![series(DAY - 9), series(DAY - 1), series(DAY), series(DAY + 1)])
        .await
        .expect("write_series");
    assert_eq!(store.series_days().await.expect("series_days"), [DAY - 1, DAY, DAY + 1]);
    store.expire(DAY).await.expect("expire");
    assert_eq!(store.series_days().await.expect("series_days"), [DAY, DAY + 1]);
    store.write_series(vec![series(DAY - 1)]).await.expect("a late one");
    assert_eq!(store.series_days().await.expect("series_days"), [DAY - 1, DAY, DAY + 1]);
    clean_up(&config).await;
}
