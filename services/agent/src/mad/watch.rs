//! Files that are read again when they change. They are looked at a few times a
//! second; one that is being written counts when it has come to rest.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified_ns: i128,
    changed_ns: i128,
    size_bytes: u64,
    inode: u64,
}

/// `None` where no file is.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
    Some(Stamp {
        modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        size_bytes: metadata.size(),
        inode: metadata.ino(),
    })
}

/// One file, or several that belong together.
#[derive(Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    taken: Vec<Option<Stamp>>,
    seen: Vec<Option<Stamp>>,
}

impl Watched {
    /// As it is now counts as taken.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let stamps: Vec<_> = paths.iter().map(|path| stamp(path)).collect();
        Self { paths, taken: stamps.clone(), seen: stamps }
    }

    /// Looks, and tells whether there is something new that has not changed
    /// since the last look. It counts as taken then.
    pub fn changed(&mut self) -> bool {
        let now: Vec<_> = self.paths.iter().map(|path| stamp(path)).collect();
        let rests = now == self.seen;
        self.seen = now;
        let changed = rests && self.seen != self.taken && self.seen.iter().all(Option::is_some);
        if changed {
            self.taken.clone_from(&self.seen);
        }
        changed
    }
}

/// What is new in a folder of files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New or changed, by name.
    pub appeared: Vec<PathBuf>,
    pub vanished: Vec<PathBuf>,
}

#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    taken: BTreeMap<PathBuf, Stamp>,
    seen: BTreeMap<PathBuf, Stamp>,
}

impl Folder {
    /// Nothing of it counts as taken.
    pub fn new(path: PathBuf) -> Self {
        Self { path, taken: BTreeMap::new(), seen: BTreeMap::new() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What there is, without waiting for it to come to rest.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn first(&mut self) -> io::Result<Changes> {
        self.seen = self.list()?;
        Ok(self.take(|_, _| true))
    }

    /// What has changed, and has not since the last look.
    ///
    /// # Errors
    /// When the folder cannot be read: nothing has vanished then.
    pub fn changes(&mut self) -> io::Result<Changes> {
        let before = std::mem::take(&mut self.seen);
        match self.list() {
            Ok(seen) => self.seen = seen,
            Err(error) => {
                self.seen = before;
                return Err(error);
            }
        }
        Ok(self.take(|path, stamp| before.get(path) == stamp))
    }

    fn take(&mut self, rests: impl Fn(&Path, Option<&Stamp>) -> bool) -> Changes {
        let mut changes = Changes::default();
        for (path, stamp) in &self.seen {
            if self.taken.get(path) != Some(stamp) && rests(path, Some(stamp)) {
                changes.appeared.push(path.clone());
            }
        }
        for path in self.taken.keys() {
            if !self.seen.contains_key(path) && rests(path, None) {
                changes.vanished.push(path.clone());
            }
        }
        for path in &changes.appeared {
            self.taken.insert(path.clone(), self.seen[path]);
        }
        for path in &changes.vanished {
            self.taken.remove(path);
        }
        changes
    }

    fn list(&self) -> io::Result<BTreeMap<PathBuf, Stamp>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if let Some(stamp) = stamp(&path).filter(|_| path.is_file()) {
                files.insert(path, stamp);
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests;
