use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::*;
use crate::conditional::{LocalPut, StorePut};
use crate::s3;

#[tokio::test]
async fn a_local_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let puts = LocalPut::new(folder.path(), store.clone());
    conformance::catalog(&LocalCatalog::new(folder.path()), &puts, &*store).await;
}

#[tokio::test]
async fn the_lists_of_a_store_conform() {
    let store = Arc::new(InMemory::new());
    conformance::catalog(&StoreCatalog(store.clone()), &StorePut(store.clone()), &*store).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let puts = LocalPut::new(folder.path(), store.clone());
    conformance::catalog(&StoreCatalog(store.clone()), &puts, &*store).await;
}

#[tokio::test]
async fn a_bucket_conforms() {
    let Some(config) = s3::tests::bucket("coldstore::catalog conformance").await else { return };
    let store = Arc::new(s3::connect(&config).unwrap());
    conformance::catalog(&StoreCatalog(store.clone()), &StorePut(store.clone()), &*store).await;
}

/// What a backup or a move leaves: files that are links elsewhere.
#[tokio::test]
async fn a_link_to_a_file_is_the_file_and_one_to_nothing_is_nothing() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let tenant = TenantId::default();
    let hour = folder.path().join(period_prefix(&tenant, Period::Hour(48)).as_ref());
    std::fs::create_dir_all(&hour).unwrap();
    std::fs::write(elsewhere.path().join("a"), "a").unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("a"), hour.join("shard=00.parquet")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("b"), hour.join("shard=01.parquet")).unwrap();
    let found = LocalCatalog::new(folder.path()).objects(&tenant, &Tier::ALL, 48..49).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found, StoreCatalog(store).objects(&tenant, &Tier::ALL, 48..49).await.unwrap());
}
