use super::*;

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_file_counts_when_it_has_come_to_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.conf");
    fs::write(&path, "a").unwrap();
    let mut watched = Watched::new(vec![path.clone()]);
    assert!(!watched.changed(), "it is as it was");
    fs::write(&path, "ab").unwrap();
    assert!(!watched.changed(), "it may still be written");
    fs::write(&path, "abc").unwrap();
    assert!(!watched.changed(), "it was");
    assert!(watched.changed());
    assert!(!watched.changed(), "once");
    fs::remove_file(&path).unwrap();
    assert!(!watched.changed() && !watched.changed(), "a missing file is no new version");
}

#[test]
fn a_folder_tells_what_appears_changes_and_vanishes() {
    let temporary = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(temporary.path().join(name), text).unwrap();
    write("b.conf", "b");
    write("a.conf", "a");
    fs::create_dir(temporary.path().join("sub")).unwrap();
    let mut folder = Folder::new(temporary.path().to_owned());
    assert_eq!(names(&folder.first().unwrap().appeared), ["a.conf", "b.conf"]);
    assert_eq!(folder.changes().unwrap(), Changes::default());

    write("c.json", "c");
    write("a.conf", "aa");
    fs::remove_file(temporary.path().join("b.conf")).unwrap();
    assert_eq!(folder.changes().unwrap(), Changes::default(), "not at rest yet");
    let changes = folder.changes().unwrap();
    assert_eq!(names(&changes.appeared), ["a.conf", "c.json"]);
    assert_eq!(names(&changes.vanished), ["b.conf"]);
    assert_eq!(folder.changes().unwrap(), Changes::default());
}

#[test]
fn a_vanished_folder_is_no_vanished_files() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("pipelines");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("a.conf"), "a").unwrap();
    let mut folder = Folder::new(path.clone());
    folder.first().unwrap();
    fs::rename(&path, temporary.path().join("gone")).unwrap();
    assert!(folder.changes().is_err() && folder.changes().is_err());
    fs::rename(temporary.path().join("gone"), &path).unwrap();
    assert_eq!(folder.changes().unwrap(), Changes::default());
    assert_eq!(folder.changes().unwrap(), Changes::default());
}
