//! Conditional puts on a local folder, where object_store has none: a lock
//! file, a staged file, fsync, rename, fsync of the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use rustix::fs::{FlockOperation, flock};

use super::{ConditionalPut, PutCondition, PutError};

/// Held while a put runs, by one writer of all processes.
const LOCK_FILE: &str = ".lock";
/// The file being written; its name never matches a glob for Parquet files.
const STAGED_FILE: &str = ".staged";

pub struct LocalPut {
    root: Arc<FilePath>,
    store: Arc<LocalFileSystem>,
}

impl LocalPut {
    /// `store` must have `root` as its prefix.
    pub fn new(root: &FilePath, store: Arc<LocalFileSystem>) -> Self {
        Self { root: root.into(), store }
    }

    async fn e_tag(&self, path: &Path) -> Result<Option<String>, PutError> {
        match self.store.head(path).await {
            Ok(meta) => Ok(meta.e_tag),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(PutError::Store(error)),
        }
    }
}

#[async_trait]
impl ConditionalPut for LocalPut {
    async fn put(&self, path: &Path, bytes: Bytes, condition: PutCondition) -> Result<(), PutError> {
        let failed = |source| PutError::Io { path: path.to_string(), source };
        let root = self.root.clone();
        let lock = blocking(move || take_lock(&root)).await.map_err(failed)?;
        let met = match (self.e_tag(path).await?, &condition) {
            (None, PutCondition::Absent) => true,
            (Some(found), PutCondition::Matches(wanted)) => found == *wanted,
            _ => false,
        };
        if !met {
            return Err(PutError::Precondition(path.to_string()));
        }
        let (root, target) = (self.root.clone(), self.root.join(path.as_ref()));
        blocking(move || {
            let done = replace(&root, &target, &bytes);
            drop(lock);
            done
        })
        .await
        .map_err(failed)
    }

    async fn settle(&self, path: &Path) -> Result<(), PutError> {
        let (root, target) = (self.root.clone(), self.root.join(path.as_ref()));
        let synced = blocking(move || sync_folders(&root, &target)).await;
        synced.map_err(|source| PutError::Io { path: path.to_string(), source })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Waits until no other writer, of this process or another, has the lock. It
/// is let go when the file is closed.
fn take_lock(root: &FilePath) -> io::Result<File> {
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK_FILE))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

fn replace(root: &FilePath, target: &FilePath, bytes: &[u8]) -> io::Result<()> {
    // A writer that died may have left a staged file; it is overwritten.
    let staged = root.join(STAGED_FILE);
    let written = write_synced(&staged, bytes).and_then(|()| {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&staged, target)?;
        sync_folders(root, target)
    });
    if written.is_err() {
        // Gives the space back when the disk is full.
        fs::remove_file(&staged).ok();
    }
    written
}

fn write_synced(path: &FilePath, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folders from that of `target` up to `root`. All of them are synced for
/// an object to stay, those that are there already too: an attempt that died
/// may have made them and synced none.
fn folders<'a>(root: &'a FilePath, target: &'a FilePath) -> impl Iterator<Item = &'a FilePath> {
    target.ancestors().skip(1).take_while(move |folder| folder.starts_with(root))
}

fn sync_folders(root: &FilePath, target: &FilePath) -> io::Result<()> {
    folders(root, target).try_for_each(|folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_folder_up_to_the_root_is_synced_even_if_it_was_there() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("a/b/c.parquet");
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        let expected = [root.path().join("a/b"), root.path().join("a"), root.path().to_owned()];
        assert!(folders(root.path(), &target).eq(expected.iter().map(PathBuf::as_path)));
    }
}
