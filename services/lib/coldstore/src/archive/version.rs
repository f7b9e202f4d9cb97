//! One version of an object, in pieces that a reader may keep: its footer, the
//! series of its row groups, the windows of some of them.

use std::ops::Range;
use std::sync::Arc;

use tidegate_model::Window;

use super::{Archive, Slice};
use crate::ArchiveError;
use crate::fetch::{FetchError, Pinned};
use crate::reader::{Run, read_windows_as, row_groups_of, runs_of};

/// Of what is made of a footer beside its own, about.
const SCHEMA_BYTES: usize = 16 * 1024;

/// What is read of it later is of the same version, or an error.
#[derive(Clone)]
pub struct Version {
    object: Arc<Pinned>,
}

impl Archive {
    /// The version of the slice's object that was listed; `None` when there is
    /// another now, or none.
    pub async fn version(&self, slice: &Slice) -> Result<Option<Version>, ArchiveError> {
        let e_tag = slice.e_tag.as_deref();
        match Pinned::open_version(&self.source, slice.key.path(), e_tag).await {
            Ok(object) => Ok(object.map(|object| Version { object: Arc::new(object) })),
            Err(FetchError::Replaced) => Ok(None),
            Err(FetchError::Lost(error)) => Err(error.into()),
            Err(FetchError::Other(error)) => Err(error),
        }
    }
}

impl Version {
    /// Without what was read along with the footer, to be kept.
    pub fn without_bytes(&self) -> Self {
        Self { object: Arc::new(self.object.without_bytes()) }
    }

    /// Memory of the footer, about.
    pub fn size_bytes(&self) -> usize {
        self.object.metadata().memory_size() + SCHEMA_BYTES
    }

    /// Row groups that can hold the metric; without a name all. They ascend.
    pub fn row_groups(&self, name: Option<&str>) -> Vec<usize> {
        row_groups_of(&self.object, name)
    }

    /// The series of each of these row groups, in the file's order.
    ///
    /// # Errors
    /// [`ArchiveError::Replaced`] among others.
    pub async fn series(&self, row_groups: Vec<usize>) -> Result<Vec<Vec<Run>>, ArchiveError> {
        runs_of(&self.object, row_groups).await.map_err(|error| self.failed(error))
    }

    /// What `make` makes of the windows in each of these ranges of rows, which
    /// ascend.
    ///
    /// # Errors
    /// [`ArchiveError::Replaced`] among others.
    pub async fn windows<T: Send + 'static>(
        &self,
        rows: Vec<Range<usize>>,
        make: impl Fn(Vec<Window>) -> T + Send + 'static,
    ) -> Result<Vec<T>, ArchiveError> {
        read_windows_as(&self.object, rows, make).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: FetchError) -> ArchiveError {
        match error {
            FetchError::Other(error) => error,
            FetchError::Replaced | FetchError::Lost(_) => ArchiveError::Replaced(self.object.path().to_string()),
        }
    }
}
