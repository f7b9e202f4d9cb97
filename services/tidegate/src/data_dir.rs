//! The data folder: its format, and that one process at a time uses it.
//!
//! `FORMAT` holds the version of what lies in the folder. `LOCK` is locked by
//! the process that uses it (the kernel lets go when that dies) and holds the
//! address of its HTTP port, so that `tidegate verify` can ask it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("the data folder {} is in use by another process (Locked)", path.display())]
    InUse { path: PathBuf, address: Option<SocketAddr> },
    #[error("the data folder {} has format version {found}, this program reads version {FORMAT}", path.display())]
    Version { path: PathBuf, found: String },
    #[error("there is no data folder at {}", .0.display())]
    Missing(PathBuf),
    #[error("the data folder {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A folder that this process alone uses until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Opens the folder, making it when it is missing.
    ///
    /// # Errors
    /// When it is in use, of another version, or cannot be made.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        std::fs::create_dir_all(path).map_err(|source| DataDirError::Io { path: path.to_owned(), source })?;
        Self::open(path)
    }

    /// Opens a folder that is there.
    ///
    /// # Errors
    /// As [`DataDir::create`], and when it is missing.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        if !path.is_dir() {
            return Err(DataDirError::Missing(path.to_owned()));
        }
        let io = |source| DataDirError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).open(path.join("LOCK")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut address = String::new();
                lock.read_to_string(&mut address).ok();
                return Err(DataDirError::InUse { path: path.to_owned(), address: address.trim().parse().ok() });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let this = Self { path: path.to_owned(), lock };
        this.check_format()?;
        Ok(this)
    }

    fn check_format(&self) -> Result<(), DataDirError> {
        let io = |source| DataDirError::Io { path: self.path.clone(), source };
        let file = self.path.join("FORMAT");
        match std::fs::read_to_string(&file) {
            Ok(found) if found.trim() == FORMAT.to_string() => Ok(()),
            Ok(found) => Err(DataDirError::Version { path: self.path.clone(), found: found.trim().to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Renamed into place, so that a crash leaves no half of it.
                let new = self.path.join("FORMAT.new");
                let written = File::create(&new).and_then(|mut file| {
                    file.write_all(format!("{FORMAT}\n").as_bytes())?;
                    file.sync_all()
                });
                written.and_then(|()| std::fs::rename(&new, &file)).map_err(io)
            }
            Err(error) => Err(io(error)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes where this process answers HTTP.
    ///
    /// # Errors
    /// When the file cannot be written; nothing but `verify` on the running
    /// process depends on it.
    pub fn announce(&mut self, address: SocketAddr) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(address.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests;
