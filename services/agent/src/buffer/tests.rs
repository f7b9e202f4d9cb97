use tempfile::TempDir;

use super::*;

const BOUNDS: Bounds = Bounds { max_bytes: 1_000, max_age_ms: 300_000 };

fn batch(number: u8) -> Bytes {
    Bytes::from(vec![number; 100])
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &TempDir) -> Buffer {
    Buffer::open(folder.path(), BOUNDS).expect("opens")
}

/// The first byte of each batch, in order, taking them all out.
fn drain(buffer: &mut Buffer) -> Vec<u8> {
    let mut numbers = Vec::new();
    while let Some((index, batch)) = buffer.oldest() {
        numbers.push(batch[0]);
        buffer.remove(index);
    }
    numbers
}

fn files(folder: &TempDir, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.path()).expect("lists");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

#[test]
fn batches_come_out_as_they_went_in_across_restarts() {
    let folder = folder();
    let mut buffer = open(&folder);
    for number in 1..=3 {
        let added = buffer.add(batch(number), 10);
        assert!(added.dropped == 0 && added.disk_error.is_none());
    }
    let (first, bytes) = buffer.oldest().expect("a batch");
    assert_eq!(bytes, batch(1));
    buffer.remove(first);
    drop(buffer);
    let mut buffer = open(&folder);
    assert_eq!((buffer.batches(), buffer.size_bytes()), (2, 200));
    buffer.add(batch(4), 20);
    assert_eq!(drain(&mut buffer), [2, 3, 4]);
    assert_eq!((buffer.batches(), buffer.size_bytes()), (0, 0));
    assert!(files(&folder, "batch").is_empty());
}

#[test]
fn a_number_is_not_used_again_after_a_restart() {
    let folder = folder();
    let mut buffer = open(&folder);
    buffer.add(batch(1), 0);
    buffer.add(batch(2), 0);
    let (index, _) = buffer.oldest().expect("a batch");
    drop(buffer);
    let mut buffer = open(&folder);
    buffer.add(batch(3), 0);
    buffer.remove(index);
    assert_eq!(drain(&mut buffer), [2, 3]);
}

#[test]
fn the_oldest_go_when_there_are_too_many_bytes() {
    let folder = folder();
    let mut buffer = open(&folder);
    let dropped: u64 = (1..=13).map(|number| buffer.add(batch(number), 0).dropped).sum();
    assert_eq!((dropped, buffer.size_bytes()), (3, 1_000));
    assert_eq!(files(&folder, "batch").len(), 10);
    assert_eq!(drain(&mut buffer), (4..=13).collect::<Vec<_>>());
}

#[test]
fn the_oldest_go_when_they_are_too_old() {
    let folder = folder();
    let mut buffer = open(&folder);
    for (number, now_ms) in [(1, 1_000), (2, 2_000), (3, 3_000)] {
        buffer.add(batch(number), now_ms);
    }
    assert_eq!(buffer.expire(301_000), 0);
    assert_eq!(buffer.expire(302_500), 2);
    assert_eq!(buffer.expire(0), 0, "a clock that went back makes nothing old");
    drop(buffer);
    assert_eq!(open(&folder).expire(303_001), 1, "age counts from the first start");
}

#[test]
fn a_file_cut_at_any_byte_or_with_any_bit_flipped_is_skipped() {
    let folder = folder();
    let mut buffer = open(&folder);
    buffer.add(batch(1), 77);
    buffer.add(batch(2), 77);
    let path = files(&folder, "batch").remove(0);
    let whole = std::fs::read(&path).expect("reads");
    let damaged = (0..whole.len()).map(|length| whole[..length].to_vec()).chain((0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    }));
    for bytes in damaged {
        std::fs::write(&path, &bytes).expect("writes");
        let mut buffer = open(&folder);
        assert_eq!(buffer.batches(), 1);
        assert_eq!(buffer.oldest().expect("a batch").1, batch(2));
        assert!(!path.exists(), "it is set aside");
    }
    assert_eq!(files(&folder, "corrupt").len(), 1);
}

#[test]
fn a_file_damaged_or_gone_while_running_is_skipped() {
    let folder = folder();
    let mut buffer = open(&folder);
    for number in 1..=3 {
        buffer.add(batch(number), 0);
    }
    let paths = files(&folder, "batch");
    std::fs::write(&paths[0], b"TGB1").expect("writes");
    std::fs::remove_file(&paths[1]).expect("removes");
    assert_eq!(drain(&mut buffer), [3]);
    assert_eq!(buffer.size_bytes(), 0);
}

/// A folder in the file's place is an error that is neither "not found" nor
/// "damaged", as is a disk that is away for a moment.
#[test]
fn a_batch_that_cannot_be_read_now_keeps_its_place() {
    let folder = folder();
    let mut buffer = open(&folder);
    for number in 1..=2 {
        buffer.add(batch(number), 0);
    }
    let path = files(&folder, "batch").remove(0);
    let away = folder.path().join("away");
    std::fs::rename(&path, &away).expect("moves");
    std::fs::create_dir(&path).expect("makes");
    assert!(buffer.oldest().is_none());
    assert_eq!(buffer.batches(), 2);
    let mut reopened = open(&folder);
    assert!(reopened.oldest().is_none());
    assert_eq!(reopened.batches(), 2);
    std::fs::remove_dir(&path).expect("removes");
    std::fs::rename(&away, &path).expect("moves back");
    assert_eq!(drain(&mut reopened), [1, 2]);
}

#[test]
fn what_a_crash_leaves_of_a_write_is_swept_and_other_files_stay() {
    let folder = folder();
    let unfinished = folder.path().join("0000000000000000.new");
    let other = folder.path().join("notes.txt");
    std::fs::write(&unfinished, b"TGB1").expect("writes");
    std::fs::write(&other, b"mine").expect("writes");
    let mut buffer = open(&folder);
    assert!(buffer.oldest().is_none());
    assert!(!unfinished.exists() && other.exists());
}

#[test]
fn batches_wait_in_memory_when_the_disk_takes_none() {
    let folder = folder();
    let inner = folder.path().join("agent");
    let mut buffer = Buffer::open(&inner, BOUNDS).expect("opens");
    buffer.add(batch(1), 0);
    std::fs::remove_dir_all(&inner).expect("removes");
    for number in 2..=14 {
        assert!(buffer.add(batch(number), 0).disk_error.is_some());
    }
    assert_eq!((buffer.batches(), buffer.size_bytes()), (10, 1_000));
    assert_eq!(drain(&mut buffer), (5..=14).collect::<Vec<_>>());
}
