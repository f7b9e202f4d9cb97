//! What every [`HotStore`] must do, as checks that panic where one does not.
//! An adapter's tests give a [`Harness`] and call [`run`].

mod rows;
mod series;
mod state;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_model::{MetricId, Row, RowKey, SourceId, TenantId};

use crate::HotStore;

/// Makes stores for the checks.
#[async_trait]
pub trait Harness: Send + Sync {
    /// A store that holds nothing.
    async fn create(&self) -> Arc<dyn HotStore>;

    /// Gives the store up without a goodbye and opens it again; `None` when it
    /// does not outlive its process.
    async fn reopen(&self, store: Arc<dyn HotStore>) -> Option<Arc<dyn HotStore>>;

    fn expiry(&self) -> Expiry {
        Expiry::WhenTold
    }
}

/// When old rows and series go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At [`HotStore::expire`].
    WhenTold,
    /// When their time is over.
    ByThemselves,
}

/// Runs every check, each on a store of its own.
pub async fn run(harness: &dyn Harness) {
    rows::run(harness).await;
    series::run(harness).await;
    state::run(harness).await;
    reopening_keeps_everything(harness).await;
}

/// Shards in the checks.
const PARTITIONS: u16 = 4;
/// A minute, at the start of a day.
const MINUTE: u32 = 20_000 * 1_440;
const DAY: u32 = 20_000;
const SOURCE: SourceId = SourceId { epoch: 0xfeed, partition: 3 };

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("allowed characters")
}

/// The chunk tells which version it is.
fn row(metric_id: u128, minute: u32, samples: u32) -> Row {
    let metric_id = MetricId(metric_id);
    let key = RowKey { tenant: TenantId::default(), metric_id, minute, source: SOURCE, era: 0, fragment: 0 };
    Row { key, samples, chunk: Bytes::from(format!("chunk of {samples} samples")) }
}

async fn reopening_keeps_everything(harness: &dyn Harness) {
    let store = harness.create().await;
    assert_eq!(store.partition_count(PARTITIONS).await.expect("partition_count"), PARTITIONS);
    let written: Vec<Row> = (0..100).map(|n| row(n % 10, MINUTE + (n / 10) as u32, 5)).collect();
    store.write_rows(written.clone()).await.expect("write_rows");
    store.write_rows(vec![row(0, MINUTE, 6)]).await.expect("write_rows");
    let progress = state::progress(SOURCE, 17);
    store.save_progress(progress.clone()).await.expect("save_progress");
    store.write_series(vec![series::series("up", DAY)]).await.expect("write_series");
    let chunk = state::sightings(SOURCE, 28_000_000, &[4, 9]);
    store.write_sightings(vec![chunk.clone()]).await.expect("write_sightings");
    let Some(store) = harness.reopen(store).await else { return };
    let ids: Vec<MetricId> = (0..10).map(MetricId).collect();
    let read = store.read_rows(&TenantId::default(), &ids, MINUTE..MINUTE + 10).await.expect("read_rows");
    assert_eq!(read.len(), 100);
    assert_eq!(read[0], row(0, MINUTE, 6));
    assert_eq!(read[99], written[99]);
    assert_eq!(store.load_progress(SOURCE).await.expect("load_progress"), Some(progress));
    assert_eq!(store.series_days().await.expect("series_days"), [DAY]);
    assert_eq!(store.read_sightings(SOURCE, 100, 10).await.expect("read_sightings"), [chunk]);
    assert_eq!(store.partition_count(PARTITIONS + 1).await.expect("partition_count"), PARTITIONS);
}
