//! What can go wrong with the archive.

use object_store::path::Path;
use tidegate_model::SourceId;

use crate::{CoverageError, PutError};

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Trying again may succeed.
    #[error("the archive is not available: {0}")]
    Unavailable(#[source] object_store::Error),
    #[error("the archive cannot be written: {0}")]
    Put(#[from] PutError),
    #[error("archive object {path} is corrupt: {reason}")]
    Corrupt { path: String, reason: String },
    #[error("archive object {path} has format version {found}; this binary reads {supported}")]
    Version { path: String, found: u32, supported: u32 },
    /// A rebuild must hold at least what it replaces. Nothing was written.
    #[error(
        "refused to replace archive object {path}: it covers {archived} samples of epoch {} partition {} \
         era {era}, the rebuild only {rebuilt}", source_id.epoch, source_id.partition
    )]
    FewerSamples { path: String, source_id: SourceId, era: u32, archived: u64, rebuilt: u64 },
    /// Others replaced the object again and again while this one tried to.
    #[error("archive object {0} is being replaced by others")]
    Contended(String),
    #[error("series must be written once each, in the order of name and labels; {0} came late")]
    Unsorted(String),
    #[error("a window at {start_ms} ms does not fit the object from {period_start_ms} ms or is out of order")]
    Window { start_ms: i64, period_start_ms: i64 },
    /// It was replaced or deleted while it was read.
    #[error("archive object {0} is not what it was")]
    Replaced(String),
    #[error("rows hold {rows} samples, the coverage says {coverage}")]
    Miscounted { rows: u64, coverage: u64 },
    #[error("encoding Parquet failed: {0}")]
    Encode(String),
    #[error("the archive's worker stopped: {0}")]
    Worker(String),
}

impl ArchiveError {
    pub(crate) fn corrupt(path: &Path, reason: impl ToString) -> Self {
        Self::Corrupt { path: path.to_string(), reason: reason.to_string() }
    }

    pub(crate) fn coverage(path: &Path, error: CoverageError) -> Self {
        Self::corrupt(path, error)
    }
}

impl From<object_store::Error> for ArchiveError {
    fn from(error: object_store::Error) -> Self {
        Self::Unavailable(error)
    }
}
