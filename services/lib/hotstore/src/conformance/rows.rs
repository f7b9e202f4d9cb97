//! Rows of windows.

use std::ops::Range;
use std::sync::Arc;

use tidegate_model::{MetricId, Row, RowKey, SourceId};

use super::{DAY, Expiry, Harness, MINUTE, PARTITIONS, SOURCE, row, tenant};
use crate::HotStore;

pub(super) async fn run(harness: &dyn Harness) {
    the_fuller_version_stays(harness).await;
    versions_in_one_write(harness).await;
    rows_are_read_in_order(harness).await;
    rows_are_read_by_minute_series_and_tenant(harness).await;
    many_series_are_read(harness).await;
    a_scan_gives_a_shard_in_pages(harness).await;
    a_scan_gives_one_version(harness).await;
    rows_across_midnight(harness).await;
    if harness.expiry() == Expiry::WhenTold {
        expired_days_are_gone(harness).await;
    }
    concurrent_writes_are_all_kept(harness).await;
}

/// A store that knows its number of shards, as it must before rows come.
async fn sharded(harness: &dyn Harness) -> Arc<dyn HotStore> {
    let store = harness.create().await;
    assert_eq!(store.partition_count(PARTITIONS).await.expect("partition_count"), PARTITIONS);
    store
}

async fn read(store: &Arc<dyn HotStore>, series: &[u128], minutes: Range<u32>) -> Vec<Row> {
    let series: Vec<MetricId> = series.iter().copied().map(MetricId).collect();
    store.read_rows(&tenant("default"), &series, minutes).await.expect("read_rows")
}

/// By minute and series; that hours follow each other is checked.
async fn scan(store: &Arc<dyn HotStore>, shard: u16, minutes: Range<u32>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.key.clone());
        let page = store.scan_rows(shard, PARTITIONS, minutes.clone(), after).await.expect("scan_rows");
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    assert!(rows.is_sorted_by_key(|row| row.key.minute / 60), "a scan goes hour by hour");
    rows.sort_by_key(|row| (row.key.minute, row.key.metric_id));
    rows
}

async fn the_fuller_version_stays(harness: &dyn Harness) {
    let store = sharded(harness).await;
    for samples in [5, 9, 3, 9, 8] {
        store.write_rows(vec![row(1, MINUTE, samples)]).await.expect("write_rows");
    }
    assert_eq!(read(&store, &[1], MINUTE..MINUTE + 1).await, [row(1, MINUTE, 9)]);
}

async fn versions_in_one_write(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let versions = [4, 300, 70_000, 300, 4].map(|samples| row(1, MINUTE, samples));
    store.write_rows(versions.to_vec()).await.expect("write_rows");
    store.write_rows(Vec::new()).await.expect("a write of nothing");
    assert_eq!(read(&store, &[1], MINUTE..MINUTE + 1).await, [row(1, MINUTE, 70_000)]);
}

async fn rows_are_read_in_order(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let mut rows = Vec::new();
    for metric_id in [u128::MAX, 1, 1 << 100] {
        for minute in [MINUTE + 2, MINUTE, MINUTE + 256] {
            for (epoch, partition, era, fragment) in
                [(2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 300), (1, 0, 0, 0)]
            {
                let mut row = row(metric_id, minute, 1);
                row.key.source = SourceId { epoch, partition };
                (row.key.era, row.key.fragment) = (era, fragment);
                rows.push(row);
            }
        }
    }
    store.write_rows(rows.clone()).await.expect("write_rows");
    let order = |key: &RowKey| (key.metric_id, key.minute, key.source, key.era, key.fragment);
    rows.sort_by_key(|row| order(&row.key));
    assert_eq!(read(&store, &[1 << 100, u128::MAX, 1], MINUTE..MINUTE + 257).await, rows);
}

async fn rows_are_read_by_minute_series_and_tenant(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let rows: Vec<Row> = (0..10).flat_map(|m| [row(1, MINUTE + m, 1), row(2, MINUTE + m, 1)]).collect();
    store.write_rows(rows).await.expect("write_rows");
    let mut other = row(3, MINUTE + 4, 1);
    other.key.tenant = tenant("other");
    store.write_rows(vec![other.clone()]).await.expect("write_rows");
    let expected: Vec<Row> = (3..7).map(|m| row(2, MINUTE + m, 1)).collect();
    assert_eq!(read(&store, &[2, 3, 99], MINUTE + 3..MINUTE + 7).await, expected);
    assert_eq!(read(&store, &[2], MINUTE + 10..MINUTE + 20).await, []);
    assert_eq!(read(&store, &[2], MINUTE + 3..MINUTE + 3).await, []);
    assert_eq!(read(&store, &[], MINUTE..MINUTE + 20).await, []);
    assert_eq!(read(&store, &[2], 0..u32::MAX).await.len(), 10);
    let others = store.read_rows(&tenant("other"), &[MetricId(3)], 0..u32::MAX).await.expect("read_rows");
    assert_eq!(others, [other]);
}

async fn many_series_are_read(harness: &dyn Harness) {
    let store = sharded(harness).await;
    // Ids far apart and in all shards; every third is asked for.
    let id = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let rows: Vec<Row> = (0..600).flat_map(|n| [row(id(n), MINUTE, 2), row(id(n), MINUTE + 1, 2)]).collect();
    store.write_rows(rows).await.expect("write_rows");
    let mut wanted: Vec<u128> = (0..600).step_by(3).map(id).collect();
    let found = read(&store, &wanted, MINUTE..MINUTE + 2).await;
    wanted.sort_unstable();
    let expected: Vec<Row> = wanted.iter().flat_map(|id| [row(*id, MINUTE, 2), row(*id, MINUTE + 1, 2)]).collect();
    assert_eq!(found, expected);
    assert_eq!(read(&store, &wanted, MINUTE + 1..MINUTE + 9).await.len(), 200);
}

async fn a_scan_gives_a_shard_in_pages(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let mut rows: Vec<Row> = (0..9_000).map(|n| row(n, MINUTE + (n % 3) as u32, 1)).collect();
    rows.iter_mut().step_by(2).for_each(|row| row.key.tenant = tenant("other"));
    store.write_rows(rows.clone()).await.expect("write_rows");
    for shard in 0..PARTITIONS {
        let in_shard = |row: &&Row| row.key.metric_id.partition(PARTITIONS) == shard && row.key.minute <= MINUTE + 1;
        let mut expected: Vec<Row> = rows.iter().filter(in_shard).cloned().collect();
        expected.sort_by_key(|row| (row.key.minute, row.key.metric_id));
        let found = scan(&store, shard, MINUTE..MINUTE + 2).await;
        assert_eq!(found.len(), expected.len());
        assert_eq!(found, expected);
    }
}

async fn a_scan_gives_one_version(harness: &dyn Harness) {
    let store = sharded(harness).await;
    for samples in [1, 3, 2] {
        store.write_rows(vec![row(4, MINUTE, samples), row(8, MINUTE, samples)]).await.expect("write_rows");
    }
    assert_eq!(scan(&store, 0, MINUTE..MINUTE + 1).await, [row(4, MINUTE, 3), row(8, MINUTE, 3)]);
}

async fn rows_across_midnight(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let rows: Vec<Row> = (0..20).map(|m| row(4, MINUTE - 10 + m, 1)).collect();
    store.write_rows(rows.clone()).await.expect("write_rows");
    assert_eq!(read(&store, &[4], MINUTE - 10..MINUTE + 10).await, rows);
    assert_eq!(scan(&store, 0, MINUTE - 10..MINUTE + 10).await, rows);
    assert_eq!(scan(&store, 0, MINUTE - 2..MINUTE + 2).await, rows[8..12]);
}

async fn expired_days_are_gone(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let rows: Vec<Row> = (0..20).map(|m| row(4, MINUTE - 10 + m, 1)).collect();
    store.write_rows(rows.clone()).await.expect("write_rows");
    store.expire(DAY).await.expect("expire");
    assert_eq!(read(&store, &[4], 0..u32::MAX).await, rows[10..]);
    assert_eq!(scan(&store, 0, 0..u32::MAX).await, rows[10..]);
    store.expire(DAY).await.expect("expire again");
    store.expire(DAY + 1).await.expect("expire the rest");
    assert_eq!(read(&store, &[4], 0..u32::MAX).await, []);
    store.write_rows(rows[..11].to_vec()).await.expect("write to expired days");
    assert_eq!(read(&store, &[4], 0..u32::MAX).await, rows[..11]);
}

async fn concurrent_writes_are_all_kept(harness: &dyn Harness) {
    let store = sharded(harness).await;
    let writers: Vec<_> = (0..8u128)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for minute in MINUTE..MINUTE + 3 {
                    let rows = (0..50).map(|n| row(writer * 25 + n, minute, 1 + writer as u32)).collect();
                    store.write_rows(rows).await.expect("write_rows");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("writer");
    }
    let ids: Vec<u128> = (0..225).collect();
    let found = read(&store, &ids, MINUTE..MINUTE + 3).await;
    assert_eq!(found.len(), 225 * 3);
    for row in found {
        // Of the writers that wrote the series the one with most samples.
        let fullest = (row.key.metric_id.0 / 25).min(7) as u32 + 1;
        assert_eq!(row.samples, fullest, "{:?}", row.key);
        assert_eq!(row.key.source, SOURCE);
    }
}
