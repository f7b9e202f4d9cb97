use parking_lot::Mutex;
use tempfile::TempDir;
use tidegate_hotstore::conformance::{self, Harness};
use tidegate_model::{BatchId, Sighting};

use super::*;

/// Keeps the folder of the latest store.
struct OnDisk {
    config: StoreConfig,
    folder: Mutex<Option<TempDir>>,
}

impl OnDisk {
    fn new(ingest_rows: usize) -> Self {
        let config = StoreConfig { gather_ms: 1, ingest_rows, ..StoreConfig::default() };
        Self { config, folder: Mutex::new(None) }
    }
}

#[async_trait]
impl Harness for OnDisk {
    async fn create(&self) -> Arc<dyn HotStore> {
        let folder = tempfile::tempdir().expect("folder");
        let store = EmbeddedStore::open(folder.path(), self.config.clone()).expect("open");
        *self.folder.lock() = Some(folder);
        Arc::new(store)
    }

    async fn reopen(&self, store: Arc<dyn HotStore>) -> Option<Arc<dyn HotStore>> {
        drop(store);
        let folder = self.folder.lock().take()?;
        let store = EmbeddedStore::open(folder.path(), self.config.clone()).expect("open again");
        *self.folder.lock() = Some(folder);
        Some(Arc::new(store))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    conformance::run(&OnDisk::new(4_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms_when_every_write_is_a_table() {
    conformance::run(&OnDisk::new(1)).await;
}

fn open(folder: &Path) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open(folder, StoreConfig { partitions: Some(4), gather_ms: 1, ..StoreConfig::default() })
}

fn rows(minute: u32, count: u128) -> Vec<Row> {
    let source = SourceId { epoch: 7, partition: 0 };
    let id = |n: u128| MetricId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let key = |n| RowKey { tenant: TenantId::default(), metric_id: id(n), minute, source, era: 0, fragment: 0 };
    (0..count).map(|n| Row { key: key(n), samples: 4, chunk: bytes::Bytes::from_static(b"chunk") }).collect()
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).expect("open");
    assert!(matches!(open(folder.path()).err(), Some(StoreError::Locked(_))));
    drop(store);
    open(folder.path()).expect("open after the first is gone");
}

#[tokio::test]
async fn another_version_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("FORMAT"), "tidegate hot store 99\n").expect("write");
    let refused = open(folder.path()).err();
    assert!(matches!(refused, Some(StoreError::Version { found: 99, supported: FORMAT_VERSION })), "{refused:?}");
    std::fs::write(folder.path().join("FORMAT"), "tidegate event log 1\n").expect("write");
    assert!(matches!(open(folder.path()).err(), Some(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn the_recorded_partitions_stay() {
    let folder = tempfile::tempdir().expect("folder");
    drop(open(folder.path()).expect("open"));
    let config = StoreConfig { partitions: Some(9), ..StoreConfig::default() };
    let store = EmbeddedStore::open(folder.path(), config).expect("open");
    assert_eq!(store.partition_count(9).await.expect("partition_count"), 4);
    store.write_rows(rows(28_800_000, 10)).await.expect("write_rows");
    assert!(store.scan_rows(0, 9, 0..u32::MAX, None).await.is_err(), "another sharding would miss rows");
}

#[tokio::test]
async fn rows_need_a_number_of_partitions() {
    let folder = tempfile::tempdir().expect("folder");
    let store = EmbeddedStore::open(folder.path(), StoreConfig::default()).expect("open");
    let refused = store.write_rows(rows(28_800_000, 1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    store.partition_count(4).await.expect("partition_count");
    store.write_rows(rows(28_800_000, 1)).await.expect("write_rows");
}

#[tokio::test]
async fn damaged_files_are_an_error() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).expect("open");
    store.write_rows(rows(28_800_000, 10_000)).await.expect("write_rows");
    drop(store);
    for keyspace in std::fs::read_dir(folder.path().join("db/keyspaces")).expect("keyspaces").flatten() {
        for table in std::fs::read_dir(keyspace.path().join("tables")).into_iter().flatten().flatten() {
            std::fs::write(table.path(), b"damaged").expect("write");
        }
    }
    let refused = open(folder.path()).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_) | StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_flushes_keeps_few_levels_busy() {
    let folder = tempfile::tempdir().expect("folder");
    let config = StoreConfig { partitions: Some(4), gather_ms: 0, ingest_rows: 100, ..StoreConfig::default() };
    let store = EmbeddedStore::open(folder.path(), config).expect("open");
    for minute in 0..60 {
        store.write_rows(rows(28_800_000 + minute, 200)).await.expect("write_rows");
    }
    let keyspace = store.engine.read(|files| files.rows_of(20_000)).expect("the day");
    for _ in 0..3_000 {
        if keyspace.l0_table_count() < 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(keyspace.l0_table_count() < 20, "{} tables in level 0", keyspace.l0_table_count());
    assert!(keyspace.table_count() <= 60, "{} tables", keyspace.table_count());
    let read = store.scan_rows(1, 4, 28_800_000..28_800_060, None).await.expect("scan_rows");
    assert!(!read.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_one_after_another_become_one_table() {
    let folder = tempfile::tempdir().expect("folder");
    let config = StoreConfig {
        partitions: Some(4),
        gather_ms: 3_000,
        gather_max_ms: 60_000,
        ingest_rows: 100,
        ..StoreConfig::default()
    };
    let store = std::sync::Arc::new(EmbeddedStore::open(folder.path(), config).expect("open"));
    let mut writes = tokio::task::JoinSet::new();
    for fragment in 0..6 {
        let store = std::sync::Arc::clone(&store);
        let mut rows = rows(28_800_000, 50);
        rows.iter_mut().for_each(|row| row.key.fragment = fragment);
        writes.spawn(async move { store.write_rows(rows).await });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    writes.join_all().await.into_iter().for_each(|written| written.expect("write_rows"));
    let keyspace = store.engine.read(|files| files.rows_of(20_000)).expect("the day");
    assert_eq!(keyspace.table_count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_gather_before_they_are_merged() {
    let folder = tempfile::tempdir().expect("folder");
    let config = StoreConfig { partitions: Some(4), gather_ms: 0, ingest_rows: 100, ..StoreConfig::default() };
    let store = EmbeddedStore::open(folder.path(), config).expect("open");
    for fragment in 0..9 {
        let mut rows = rows(28_800_000, 200);
        rows.iter_mut().for_each(|row| row.key.fragment = fragment);
        store.write_rows(rows).await.expect("write_rows");
        // So that the background has had its turn.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let keyspace = store.engine.read(|files| files.rows_of(20_000)).expect("the day");
    assert_eq!(keyspace.table_count(), 9);
}

fn chunk(source: SourceId, minute: u32, new_ids: u64) -> SightingsChunk {
    let clock = Clock { era: 0, effective_ms: i64::from(minute) * 60_000 };
    let entry = Sighting { offset: u64::from(minute), batch: BatchId::Content(1), clock, new_ids };
    SightingsChunk { source, era: 0, minute, entries: vec![entry] }
}

#[tokio::test]
async fn sightings_that_nobody_needs_are_deleted() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).expect("open");
    let source = SourceId { epoch: 7, partition: 1 };
    let other = SourceId { epoch: 7, partition: 2 };
    let snapshot = |offset| SessionsSnapshot { source, offset, entries: Vec::new() };
    let minutes = async || -> Vec<u32> {
        let chunks = store.read_sightings(source, u64::MAX, 1_000).await.expect("read_sightings");
        chunks.iter().map(|chunk| chunk.minute).collect()
    };
    // Ten minutes apart; every chunk brings 20,000 ids.
    let chunks: Vec<_> = (0..40u32).map(|n| chunk(source, n * 10, u64::from(n) * 20_000)).collect();
    store.write_sightings(chunks).await.expect("write_sightings");
    store.write_sightings(vec![chunk(other, 0, 0)]).await.expect("write_sightings");
    assert_eq!(minutes().await.len(), 40);
    store.write_sessions(snapshot(50)).await.expect("write_sessions");
    assert_eq!(minutes().await.last(), Some(&50), "what is not in the snapshot stays");
    store.write_sessions(snapshot(1_000)).await.expect("write_sessions");
    assert_eq!(minutes().await.last(), Some(&210), "three hours stay");
    assert_eq!(store.read_sightings(other, u64::MAX, 9).await.expect("read_sightings").len(), 1);
    // Few ids: nothing is forgotten however old it is.
    store.write_sightings(vec![chunk(other, 100_000, 99_999)]).await.expect("write_sightings");
    store
        .write_sessions(SessionsSnapshot { source: other, offset: 1 << 40, entries: Vec::new() })
        .await
        .expect("write");
    assert_eq!(store.read_sightings(other, u64::MAX, 9).await.expect("read_sightings").len(), 2);
}

#[tokio::test]
async fn a_closed_store_refuses_writes() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).expect("open");
    store.close();
    store.close();
    assert!(matches!(store.write_rows(rows(1, 1)).await, Err(StoreError::Unavailable(_))));
}
