//! The archive as a whole: where it is, how objects are put. What is in it is
//! in `list`, reading in `read`.

mod list;
mod read;
mod slices;
mod version;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::catalog::{Catalog, LocalCatalog, StoreCatalog};
use crate::conditional::{ConditionalPut, LocalPut, PutCondition, PutError, StorePut};
use crate::coverage::Shrunk;
use crate::fetch::{FetchError, Pinned, Source};
use crate::{ArchiveError, EncodedObject};

pub use read::{ObjectCount, ObjectReader, ObjectSummary};
pub use slices::Slice;
pub use version::Version;

/// How often an object that others replace meanwhile is read or put anew.
const ATTEMPTS: usize = 5;

/// Times the number of the attempt: between two attempts to put.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Archive {
    source: Source,
    puts: Arc<dyn ConditionalPut>,
    catalog: Arc<dyn Catalog>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    Created,
    Replaced,
    /// The archive has it already, byte for byte: an earlier put whose answer
    /// was lost, or a rebuild that changed nothing.
    Unchanged,
    /// The archive has what covers more and is as of later: another writer
    /// was faster.
    Superseded,
}

/// What an object to be put was made from, beside the data itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base<'a> {
    /// Nothing in the archive: it may replace whatever covers no more.
    Store,
    /// The object that had this ETag; `None`: there was none. It may replace
    /// that one only.
    Object(Option<&'a str>),
}

impl Archive {
    pub fn new(store: Arc<dyn ObjectStore>, puts: Arc<dyn ConditionalPut>) -> Self {
        let catalog = Arc::new(StoreCatalog(store.clone()));
        Self { source: Source::new(store), puts, catalog }
    }

    /// An archive in a local folder, which is made when it is not there.
    pub fn local(root: &FilePath) -> Result<Self, ArchiveError> {
        let failed = |source| PutError::Io { path: root.display().to_string(), source };
        std::fs::create_dir_all(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true));
        let (puts, catalog) = (Arc::new(LocalPut::new(&root, store.clone())), Arc::new(LocalCatalog::new(&root)));
        Ok(Self { source: Source::new(store), puts, catalog })
    }

    /// An archive that is gone with the process, for tests.
    pub fn in_memory() -> Self {
        let store = Arc::new(InMemory::new());
        Self::new(store.clone(), Arc::new(StorePut(store)))
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.source.store
    }

    /// Puts an object in the place of what is there. Refuses one that covers
    /// fewer samples of a source and era, or of a part, than the object it
    /// would replace.
    pub async fn put(&self, object: &EncodedObject) -> Result<PutOutcome, ArchiveError> {
        self.put_based_on(object, Base::Store).await
    }

    /// Likewise, but only while the archive has what the object was made from;
    /// otherwise it is [`ArchiveError::Contended`].
    pub async fn put_based_on(&self, object: &EncodedObject, base: Base<'_>) -> Result<PutOutcome, ArchiveError> {
        let path = object.key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            if let Some(outcome) = attempts.settle(self.try_put(&path, object, base).await)? {
                return Ok(outcome);
            }
            tokio::time::sleep(attempts.pause()).await;
        }
    }

    async fn try_put(&self, path: &Path, object: &EncodedObject, base: Base<'_>) -> Result<PutOutcome, FetchError> {
        let there = self.open(path).await?;
        if let Some(there) = &there
            && is_same(there, object)
        {
            self.puts.settle(path).await.map_err(ArchiveError::from)?;
            return Ok(PutOutcome::Unchanged);
        }
        if let Base::Object(e_tag) = base
            && there.as_ref().map(|there| there.e_tag.as_deref()) != e_tag.map(Some)
        {
            return Err(ArchiveError::Contended(path.to_string()).into());
        }
        let (condition, outcome) = match there {
            None => (PutCondition::Absent, PutOutcome::Created),
            Some(there) => {
                if let Some(Shrunk { source: source_id, era, archived, rebuilt }) = shrinks(&there, object) {
                    if there.coverage.supersedes(&object.coverage) {
                        return Ok(PutOutcome::Superseded);
                    }
                    let path = path.to_string();
                    return Err(ArchiveError::FewerSamples { path, source_id, era, archived, rebuilt }.into());
                }
                let e_tag = there.e_tag.ok_or_else(|| ArchiveError::corrupt(path, "the store gives no ETag"))?;
                (PutCondition::Matches(e_tag), PutOutcome::Replaced)
            }
        };
        match self.puts.put(path, object.bytes.clone(), condition).await {
            Ok(()) => Ok(outcome),
            Err(PutError::Precondition(_)) => Err(FetchError::Replaced),
            // It may be there: the next look says.
            Err(PutError::Store(error)) if is_passing(&error) => Err(FetchError::Lost(error)),
            Err(error) => Err(ArchiveError::from(error).into()),
        }
    }

    async fn open(&self, path: &Path) -> Result<Option<Pinned>, FetchError> {
        Pinned::open(&self.source, path.clone()).await
    }
}

/// Begins again when an object is replaced while it is read or put, but not
/// for ever.
struct Attempts<'a> {
    path: &'a Path,
    left: usize,
}

impl<'a> Attempts<'a> {
    fn at(path: &'a Path) -> Self {
        Self { path, left: ATTEMPTS }
    }

    /// Before the next attempt to put; writers that met shall not meet again.
    fn pause(&self) -> Duration {
        PAUSE * u32::try_from(ATTEMPTS - self.left).unwrap_or(1)
    }

    /// The result, or `None` to try again.
    fn settle<T>(&mut self, result: Result<T, FetchError>) -> Result<Option<T>, ArchiveError> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(FetchError::Other(error)) => Err(error),
            Err(FetchError::Replaced | FetchError::Lost(_)) if self.left > 1 => {
                self.left -= 1;
                Ok(None)
            }
            Err(FetchError::Lost(error)) => Err(PutError::Store(error).into()),
            Err(FetchError::Replaced) => Err(ArchiveError::Contended(self.path.to_string())),
        }
    }
}

/// Whether the answer to a put may have been lost, or another attempt may
/// succeed.
fn is_passing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. })
}

fn is_same(there: &Pinned, object: &EncodedObject) -> bool {
    let content = there.content().is_ok_and(|content| content == object.content);
    content && there.coverage == object.coverage && there.parts == object.parts
}

fn shrinks(there: &Pinned, object: &EncodedObject) -> Option<Shrunk> {
    there.parts.shrink_to(&object.parts).or_else(|| there.coverage.shrinks_to(&object.coverage))
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
