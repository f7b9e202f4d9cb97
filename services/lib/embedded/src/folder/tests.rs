use super::*;

#[test]
fn a_folder_is_marked_once_and_recognised() {
    let folder = tempfile::tempdir().expect("folder");
    let inner = folder.path().join("a/b");
    prepare(&inner, "tidegate event log", 3).expect("new");
    prepare(&inner, "tidegate event log", 3).expect("known");
    let version = prepare(&inner, "tidegate event log", 4);
    assert!(matches!(version, Err(FolderError::Version { found: 3, supported: 4 })), "{version:?}");
    let other = prepare(&inner, "tidegate hot store", 3);
    assert!(matches!(other, Err(FolderError::Other { .. })), "{other:?}");
}

#[test]
fn a_marker_that_says_nothing_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    for text in ["", "tidegate event log", "tidegate event log x", "\u{1}"] {
        std::fs::write(folder.path().join(MARKER), text).expect("write");
        let refused = prepare(folder.path(), "tidegate event log", 1);
        assert!(matches!(refused, Err(FolderError::Other { .. })), "{text:?}: {refused:?}");
    }
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("write");
    let refused = prepare(&file, "tidegate event log", 1).expect_err("not a folder").to_string();
    assert!(refused.contains("file"), "{refused}");
}
