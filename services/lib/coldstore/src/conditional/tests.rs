use std::fs;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use super::*;

#[tokio::test]
async fn a_local_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    conformance::conditional_put(&LocalPut::new(folder.path(), store.clone()), &*store).await;
}

#[tokio::test]
async fn a_store_with_conditions_conforms() {
    let store = Arc::new(InMemory::new());
    conformance::conditional_put(&StorePut(store.clone()), &*store).await;
}

/// What a writer leaves that dies half-way must not look like an object.
#[tokio::test]
async fn a_staged_file_left_behind_is_no_object_and_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    fs::write(folder.path().join(".staged"), "half").unwrap();
    let put = LocalPut::new(folder.path(), store);
    put.put(&Path::from("a/b.parquet"), Bytes::from_static(b"whole"), PutCondition::Absent).await.unwrap();
    assert_eq!(fs::read(folder.path().join("a/b.parquet")).unwrap(), b"whole");
    assert!(!folder.path().join(".staged").exists());
}

#[tokio::test]
async fn a_put_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    // A file where a folder must be.
    fs::write(folder.path().join("a"), "").unwrap();
    let put = LocalPut::new(folder.path(), store);
    let failed = put.put(&Path::from("a/b.parquet"), Bytes::from_static(b"whole"), PutCondition::Absent).await;
    assert!(matches!(failed, Err(PutError::Io { .. } | PutError::Store(_))), "{failed:?}");
    assert!(!folder.path().join(".staged").exists());
}
