//! Batches that wait for the gateway: a file each, so that they outlive this
//! process, bounded in bytes and age. When the disk takes none they wait in
//! memory, within the same bounds.

mod file;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// What is kept at most.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub max_bytes: u64,
    pub max_age_ms: u64,
}

/// The place of a batch in the order of the buffer, across restarts.
pub type Index = u64;

struct Entry {
    index: Index,
    created_ms: u64,
    size_bytes: u64,
    /// `None` when it is on disk.
    memory: Option<Bytes>,
}

/// A folder of batches, oldest first. All calls may wait for the disk.
pub struct Buffer {
    folder: PathBuf,
    bounds: Bounds,
    entries: VecDeque<Entry>,
    size_bytes: u64,
    next_index: Index,
}

/// What happened to a batch that was added, and to older ones for its sake.
#[derive(Debug)]
pub struct Added {
    /// Older batches given up because the buffer is full.
    pub dropped: u64,
    /// Why it is only in memory, if it is.
    pub disk_error: Option<io::Error>,
}

impl Buffer {
    /// Opens the folder, making it when it is missing, and finds the batches
    /// that are there. What is no batch, or a broken one, is skipped and told
    /// to the log; one that cannot be read now stays for later.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, bounds: Bounds) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut entries = Vec::new();
        let mut next_index = 0;
        for found in std::fs::read_dir(folder)? {
            let path = found?.path();
            let Some(index) = file::index_of(&path) else {
                if file::is_unfinished(&path) {
                    std::fs::remove_file(&path).ok();
                }
                continue;
            };
            next_index = next_index.max(index + 1);
            match file::read(&path) {
                Ok((created_ms, batch)) => {
                    entries.push(Entry { index, created_ms, size_bytes: batch.len() as u64, memory: None });
                }
                Err(error) if is_lost(&error) => give_up_file(&path, &error),
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "a batch cannot be read now");
                    let (created_ms, size_bytes) = file::outside(&path);
                    entries.push(Entry { index, created_ms, size_bytes, memory: None });
                }
            }
        }
        entries.sort_unstable_by_key(|entry| entry.index);
        let size_bytes = entries.iter().map(|entry| entry.size_bytes).sum();
        Ok(Self { folder: folder.to_owned(), bounds, entries: entries.into(), size_bytes, next_index })
    }

    /// Adds a batch; it is on disk when this returns, unless `disk_error` says
    /// otherwise.
    pub fn add(&mut self, batch: Bytes, now_ms: u64) -> Added {
        let size_bytes = batch.len() as u64;
        let mut dropped = 0;
        while self.size_bytes + size_bytes > self.bounds.max_bytes && self.drop_oldest() {
            dropped += 1;
        }
        let index = self.next_index;
        self.next_index += 1;
        let disk_error = file::write(&self.folder, index, now_ms, &batch).err();
        let memory = disk_error.is_some().then_some(batch);
        self.size_bytes += size_bytes;
        self.entries.push_back(Entry { index, created_ms: now_ms, size_bytes, memory });
        Added { dropped, disk_error }
    }

    /// The oldest batch. `None` when there is none, or when the disk does not
    /// give it now: it keeps its place, so that the order holds, until it can
    /// be read or is too old.
    pub fn oldest(&mut self) -> Option<(Index, Bytes)> {
        while let Some(entry) = self.entries.front() {
            if let Some(batch) = &entry.memory {
                return Some((entry.index, batch.clone()));
            }
            let path = file::path(&self.folder, entry.index);
            match file::read(&path) {
                Ok((_, batch)) => return Some((entry.index, batch)),
                Err(error) if is_lost(&error) => {
                    give_up_file(&path, &error);
                    self.drop_oldest();
                }
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "a batch cannot be read now");
                    return None;
                }
            }
        }
        None
    }

    /// Forgets a batch, if it is still here.
    pub fn remove(&mut self, index: Index) {
        if let Some(at) = self.entries.iter().position(|entry| entry.index == index) {
            self.drop_at(at);
        }
    }

    /// Drops what is too old and tells how many batches that were.
    pub fn expire(&mut self, now_ms: u64) -> u64 {
        let mut dropped = 0;
        let max_age_ms = self.bounds.max_age_ms;
        let old = |entry: &Entry| now_ms.saturating_sub(entry.created_ms) > max_age_ms;
        while self.entries.front().is_some_and(old) && self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }

    pub fn batches(&self) -> usize {
        self.entries.len()
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn drop_oldest(&mut self) -> bool {
        self.drop_at(0)
    }

    fn drop_at(&mut self, at: usize) -> bool {
        let Some(entry) = self.entries.remove(at) else { return false };
        self.size_bytes -= entry.size_bytes;
        // A file that stays comes back after a restart; the gateway then knows
        // the batch.
        std::fs::remove_file(file::path(&self.folder, entry.index)).ok();
        true
    }
}

/// Whether a batch that could not be read never will be. Any other error may
/// pass: too many open files, a disk that is away.
fn is_lost(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound)
}

/// Sets a file aside that is no batch, so that it is told once.
fn give_up_file(path: &Path, error: &io::Error) {
    tracing::warn!(file = %path.display(), %error, "skipping a batch that cannot be read");
    if error.kind() == io::ErrorKind::InvalidData {
        std::fs::rename(path, path.with_extension("corrupt")).ok();
    }
}

#[cfg(test)]
mod tests;
