use tidegate_hotstore::HotStore;
use tidegate_model::{Window, WindowValue};

use super::*;
use crate::fixture::{HOUR, HOUR_START_MS, Pipe, SOURCE};

const AFTER_MS: i64 = 3_600_000 + 11_000;

fn due(pipe: &Pipe) -> DueHour {
    DueHour { shard: 0, hour: HOUR, touched: BTreeMap::from([(SOURCE, pipe.touched(HOUR))]), rebuild: false }
}

async fn ship(pipe: &Pipe, archive: &Archive) -> Result<Shipped, Error> {
    ship_hour(&*pipe.store, archive, 1, &due(pipe)).await
}

/// (seconds from the hour's start, count, sum) of the windows of a series.
async fn read(archive: &Archive, tenant: &str, name: &str) -> Vec<(i64, u32, f64)> {
    let tenant = TenantId::new(tenant).unwrap();
    let read = archive.read_hour(&tenant, HOUR, Some(name), &|labels| labels.get("job") == Some("test")).await.unwrap();
    assert!(read.len() <= 1, "a series comes twice");
    let brief = |window: &Window| {
        let WindowValue::Float(w) = &window.value else { panic!("another kind") };
        ((window.start_ms - HOUR_START_MS) / 1000, w.count, w.sum)
    };
    read.first().map(|(_, windows)| windows.iter().map(brief).collect()).unwrap_or_default()
}

#[tokio::test]
async fn an_hour_is_shipped_with_all_its_fragments() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0), ("b", "up", 600, 2.0), ("a", "cpu", 700, 3.0)]).await;
    pipe.push(62_000, &[("a", "up", 61_000, 4.0)]).await;
    // Late: the same window as the first sample, another fragment.
    pipe.push(300_000, &[("a", "up", 900, 5.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    let shipped = ship(&pipe, &archive).await.unwrap();
    assert_eq!((shipped.objects, shipped.rows, shipped.samples), (2, 4, 5));
    assert_eq!(read(&archive, "a", "up").await, [(0, 2, 6.0), (60, 1, 4.0)]);
    assert_eq!(read(&archive, "b", "up").await, [(0, 1, 2.0)]);
    assert_eq!(read(&archive, "a", "cpu").await, [(0, 1, 3.0)]);
    let key = ObjectKey { tenant: TenantId::new("a").unwrap(), period: Period::Hour(HOUR), shard: 0 };
    let coverage = archive.coverage(&key).await.unwrap().unwrap();
    assert_eq!((coverage.samples(), coverage.sources[&SOURCE].clock), (4, pipe.touched(HOUR)));
    assert_eq!(pipe.store.read_hours().await.unwrap()[0].state.shipped, Some(pipe.touched(HOUR)));
}

#[tokio::test]
async fn a_late_sample_is_in_the_rebuilt_hour_once() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    ship(&pipe, &archive).await.unwrap();
    pipe.push(2 * AFTER_MS, &[("a", "up", 700, 2.0)]).await;
    pipe.tick(3 * AFTER_MS);
    pipe.save().await;
    let shipped = ship(&pipe, &archive).await.unwrap();
    assert_eq!((shipped.samples, shipped.unchanged), (2, 0));
    assert_eq!(read(&archive, "a", "up").await, [(0, 2, 3.0)]);
    assert_eq!(ship(&pipe, &archive).await.unwrap().unchanged, 1);
}

/// A store that lost rows must not take them from the archive too.
#[tokio::test]
async fn a_rebuild_from_a_store_that_lost_rows_is_refused() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0), ("a", "cpu", 500, 1.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    ship(&pipe, &archive).await.unwrap();
    let mut lossy = Pipe::new();
    lossy.push(1_000, &[("a", "up", 500, 1.0)]).await;
    lossy.tick(AFTER_MS);
    lossy.save().await;
    let refused = ship(&lossy, &archive).await;
    assert!(
        matches!(
            refused,
            Err(Error::Archive(tidegate_coldstore::ArchiveError::FewerSamples { archived: 2, rebuilt: 1, .. }))
        ),
        "{refused:?}"
    );
    assert_eq!(lossy.store.read_hours().await.unwrap()[0].state.shipped, None);
    assert_eq!(read(&archive, "a", "cpu").await, [(0, 1, 1.0)]);
}

#[tokio::test]
async fn rows_without_labels_keep_the_hour_back() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    let row = pipe.store.rows()[0].clone();
    let unknown = MetricId(row.key.metric_id.0 + 1);
    let orphan = tidegate_model::Row { key: tidegate_model::RowKey { metric_id: unknown, ..row.key }, ..row };
    pipe.store.write_rows(vec![orphan]).await.unwrap();
    let shipped = ship(&pipe, &archive).await;
    assert!(matches!(shipped, Err(Error::UnknownSeries { count: 1, first, .. }) if first == unknown), "{shipped:?}");
    assert!(archive.objects().await.unwrap().is_empty());
    assert_eq!(pipe.store.read_hours().await.unwrap()[0].state.shipped, None);
}

#[tokio::test]
async fn what_ails_one_tenant_does_not_keep_the_others_waiting() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0), ("b", "up", 500, 1.0), ("c", "up", 500, 3.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    let rows = pipe.store.rows();
    let of = |tenant: &str| rows.iter().find(|row| row.key.tenant.as_str() == tenant).unwrap().clone();
    // Of a no series is known; b's row miscounts.
    let a = of("a");
    let key = tidegate_model::RowKey { metric_id: MetricId(a.key.metric_id.0 + 1), ..a.key.clone() };
    let miscounted = tidegate_model::Row { samples: 2, ..of("b") };
    pipe.store.write_rows(vec![tidegate_model::Row { key, ..a }, miscounted]).await.unwrap();
    let shipped = ship(&pipe, &archive).await;
    assert!(matches!(shipped, Err(Error::UnknownSeries { .. })), "the first error: {shipped:?}");
    assert_eq!(read(&archive, "c", "up").await, [(0, 1, 3.0)]);
    assert_eq!(archive.objects().await.unwrap().len(), 1);
    assert_eq!(pipe.store.read_hours().await.unwrap()[0].state.shipped, None);
}

/// What a chunk holds and what its row says must agree, or nothing is put.
#[tokio::test]
async fn a_row_that_miscounts_its_chunk_is_not_shipped() {
    let (mut pipe, archive) = (Pipe::new(), Archive::in_memory());
    pipe.push(1_000, &[("a", "up", 500, 1.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
    let mut row = pipe.store.rows()[0].clone();
    row.samples += 1;
    pipe.store.write_rows(vec![row]).await.unwrap();
    let shipped = ship(&pipe, &archive).await;
    let expected = "rows hold 1 samples, the coverage says 2";
    assert!(shipped.as_ref().is_err_and(|error| error.to_string() == expected), "{shipped:?}");
}
