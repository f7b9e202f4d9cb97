use super::*;

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/data");
    let mut first = DataDir::create(&path).expect("opens");
    let error = DataDir::create(&path).expect_err("is in use");
    assert!(matches!(error, DataDirError::InUse { address: None, .. }), "{error:?}");
    let address = "127.0.0.1:9470".parse().expect("an address");
    first.announce("127.0.0.100:19470".parse().expect("an address")).expect("writes");
    first.announce(address).expect("writes");
    let error = DataDir::open(&path).expect_err("is in use");
    assert!(matches!(error, DataDirError::InUse { address: Some(found), .. } if found == address), "{error:?}");
    assert_eq!(error.to_string(), format!("the data folder {} is in use by another process (Locked)", path.display()));
    drop(first);
    DataDir::open(&path).expect("opens again");
}

#[test]
fn another_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(DataDir::create(folder.path()).expect("opens"));
    std::fs::write(folder.path().join("FORMAT"), "2\n").expect("writes");
    let error = DataDir::open(folder.path()).expect_err("is of another version").to_string();
    assert!(error.ends_with("has format version 2, this program reads version 1"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("FORMAT")).expect("reads"), "2\n");
}

#[test]
fn a_missing_folder_is_made_only_when_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data");
    assert!(matches!(DataDir::open(&path), Err(DataDirError::Missing(_))));
    assert!(!path.exists());
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("writes");
    assert!(matches!(DataDir::create(&file), Err(DataDirError::Io { .. })));
}
