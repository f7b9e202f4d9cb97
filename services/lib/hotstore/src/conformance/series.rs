//! Series, and what is known of metrics.

use tidegate_model::{Labels, MetricId, MetricMetadata, MetricType, SeriesKind, SeriesRow, TenantId};

use super::{DAY, Expiry, Harness, PARTITIONS, tenant};

pub(super) async fn run(harness: &dyn Harness) {
    series_are_read_by_shard_and_day(harness).await;
    series_are_found_by_id(harness).await;
    if harness.expiry() == Expiry::WhenTold {
        series_expire_with_their_day(harness).await;
    }
    the_latest_metadata_stays(harness).await;
}

pub(super) fn series(name: &str, day: u32) -> SeriesRow {
    let tenant = TenantId::default();
    let labels = Labels::from_pairs([("__name__", name), ("job", "node")]).expect("valid labels");
    let metric_id = MetricId::of(&tenant, &labels);
    let shard = metric_id.partition(PARTITIONS);
    SeriesRow { tenant, shard, day, metric_id, labels, kind: SeriesKind::Float }
}

fn sorted(mut rows: Vec<SeriesRow>) -> Vec<SeriesRow> {
    rows.sort_by_key(|row| (row.metric_id, row.day));
    rows
}

async fn series_are_read_by_shard_and_day(harness: &dyn Harness) {
    let store = harness.create().await;
    let mut all: Vec<SeriesRow> = (0..40).map(|n| series(&format!("metric_{n}"), DAY)).collect();
    all[7].tenant = tenant("other");
    all[8].kind = SeriesKind::DeltaDistribution;
    store.write_series(all.clone()).await.expect("write_series");
    store.write_series(all.clone()).await.expect("write_series again");
    store.write_series(vec![series("metric_1", DAY + 1)]).await.expect("write_series");
    for shard in 0..PARTITIONS {
        let expected: Vec<SeriesRow> = all.iter().filter(|row| row.shard == shard).cloned().collect();
        let read = store.read_series(shard, DAY).await.expect("read_series");
        assert_eq!(sorted(read), sorted(expected));
    }
    assert_eq!(store.read_series(0, DAY - 1).await.expect("read_series"), []);
    assert_eq!(store.series_days().await.expect("series_days"), [DAY, DAY + 1]);
}

async fn series_are_found_by_id(harness: &dyn Harness) {
    let store = harness.create().await;
    let rows: Vec<SeriesRow> =
        (DAY..DAY + 3).flat_map(|day| [series("a", day), series("b", day), series("c", day)]).collect();
    store.write_series(rows.clone()).await.expect("write_series");
    let (a, c) = (rows[0].metric_id, rows[2].metric_id);
    let wanted = [c, MetricId(5), a];
    let found = store.find_series(PARTITIONS, &wanted, DAY + 1..DAY + 3).await.expect("find_series");
    let mut names: Vec<&str> = found.iter().map(|row| row.labels.metric_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"], "each once");
    assert_eq!(store.find_series(PARTITIONS, &wanted, 0..DAY).await.expect("find_series"), []);
    assert_eq!(store.find_series(PARTITIONS, &wanted, 0..u32::MAX).await.expect("find_series").len(), 2);
}

async fn series_expire_with_their_day(harness: &dyn Harness) {
    let store = harness.create().await;
    store.write_series((DAY - 2..DAY + 2).map(|day| series("a", day)).collect()).await.expect("write_series");
    store.expire(DAY).await.expect("expire");
    assert_eq!(store.series_days().await.expect("series_days"), [DAY, DAY + 1]);
    let id = series("a", DAY).metric_id;
    assert_eq!(store.find_series(PARTITIONS, &[id], 0..DAY).await.expect("find_series"), []);
    let found = store.find_series(PARTITIONS, &[id], 0..u32::MAX).await.expect("find_series");
    assert_eq!(found.len(), 1);
}

async fn the_latest_metadata_stays(harness: &dyn Harness) {
    let store = harness.create().await;
    let metadata = |metric_type, help: &str| MetricMetadata { metric_type, unit: "s".into(), help: help.into() };
    let (a, b) = (metadata(MetricType::Counter, "A."), metadata(MetricType::Gauge, "B."));
    let own = tenant("own");
    store.write_metadata(&own, vec![("a".into(), b.clone()), ("b".into(), b.clone())]).await.expect("write");
    store.write_metadata(&own, vec![("a".into(), a.clone())]).await.expect("write");
    store.write_metadata(&tenant("own2"), vec![("c".into(), a.clone())]).await.expect("write");
    let mut read = store.read_metadata(&own).await.expect("read_metadata");
    read.sort_by(|x, y| x.0.cmp(&y.0));
    assert_eq!(read, [("a".to_owned(), a), ("b".to_owned(), b)]);
    assert_eq!(store.read_metadata(&tenant("none")).await.expect("read_metadata"), []);
}
