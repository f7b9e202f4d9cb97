//! The archive as a whole: put, read, list, expire.

use std::collections::BTreeSet;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidegate_model::{Labels, TenantId, Window};
use tidegate_schemas::parquet::metadata;

use crate::conditional::{ConditionalPut, LocalPut, PutCondition, PutError, StorePut};
use crate::coverage::Shrunk;
use crate::fetch::{FetchError, Pinned, metadata_value};
use crate::key::{hour_prefix, parse_hour, success_marker, tier_prefix};
use crate::reader::{Keep, count_samples, read_labels, read_object};
use crate::{ArchiveError, Coverage, EncodedHour, HourKey};

/// How often an object that others replace meanwhile is read or put anew.
const ATTEMPTS: usize = 5;

/// Times the number of the attempt: between two attempts to put.
const PAUSE: Duration = Duration::from_millis(50);

pub struct Archive {
    store: Arc<dyn ObjectStore>,
    puts: Arc<dyn ConditionalPut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    Created,
    Replaced,
    /// The archive has it already, byte for byte: an earlier put whose answer
    /// was lost, or a rebuild that changed nothing.
    Unchanged,
}

/// An object as its own rows and footer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    pub key: HourKey,
    pub rows: u64,
    /// Added up from the rows.
    pub samples: u64,
    pub coverage: Coverage,
}

impl Archive {
    pub fn new(store: Arc<dyn ObjectStore>, puts: Arc<dyn ConditionalPut>) -> Self {
        Self { store, puts }
    }

    /// An archive in a local folder, which is made when it is not there.
    pub fn local(root: &FilePath) -> Result<Self, ArchiveError> {
        let failed = |source| PutError::Io { path: root.display().to_string(), source };
        std::fs::create_dir_all(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let store = Arc::new(LocalFileSystem::new_with_prefix(&root)?.with_automatic_cleanup(true));
        Ok(Self::new(store.clone(), Arc::new(LocalPut::new(&root, store))))
    }

    /// An archive that is gone with the process, for tests.
    pub fn in_memory() -> Self {
        let store = Arc::new(InMemory::new());
        Self::new(store.clone(), Arc::new(StorePut(store)))
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Puts an hour in the place of what is there. Refuses one that covers
    /// fewer samples of a source and era than the object it would replace.
    pub async fn put_hour(&self, hour: &EncodedHour) -> Result<PutOutcome, ArchiveError> {
        let path = hour.key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            if let Some(outcome) = attempts.settle(self.try_put(&path, hour).await)? {
                return Ok(outcome);
            }
            tokio::time::sleep(attempts.pause()).await;
        }
    }

    async fn try_put(&self, path: &Path, hour: &EncodedHour) -> Result<PutOutcome, FetchError> {
        let (condition, outcome) = match self.open(path).await? {
            None => (PutCondition::Absent, PutOutcome::Created),
            Some(there) if is_same(&there, hour) => {
                self.puts.settle(path).await.map_err(ArchiveError::from)?;
                return Ok(PutOutcome::Unchanged);
            }
            Some(there) => {
                if let Some(Shrunk { source: source_id, era, archived, rebuilt }) =
                    there.coverage.shrinks_to(&hour.coverage)
                {
                    let path = path.to_string();
                    return Err(ArchiveError::FewerSamples { path, source_id, era, archived, rebuilt }.into());
                }
                let e_tag = there.e_tag.ok_or_else(|| ArchiveError::corrupt(path, "the store gives no ETag"))?;
                (PutCondition::Matches(e_tag), PutOutcome::Replaced)
            }
        };
        match self.puts.put(path, hour.bytes.clone(), condition).await {
            Ok(()) => Ok(outcome),
            Err(PutError::Precondition(_)) => Err(FetchError::Replaced),
            // It may be there: the next look says.
            Err(PutError::Store(error)) if is_passing(&error) => Err(FetchError::Lost(error)),
            Err(error) => Err(ArchiveError::from(error).into()),
        }
    }

    /// Series of an hour that `keep` wants, over all shards. With `name`, only
    /// series of that metric are looked at.
    pub async fn read_hour(
        &self,
        tenant: &TenantId,
        hour: u32,
        name: Option<&str>,
        keep: Keep<'_>,
    ) -> Result<Vec<(Labels, Vec<Window>)>, ArchiveError> {
        let mut series = Vec::new();
        for key in self.shards(tenant, hour).await? {
            series.extend(self.read(&key, name, keep).await?);
        }
        Ok(series)
    }

    async fn read(
        &self,
        key: &HourKey,
        name: Option<&str>,
        keep: Keep<'_>,
    ) -> Result<Vec<(Labels, Vec<Window>)>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let read = match self.open(&path).await {
                Ok(Some(object)) => read_object(&object, name, keep).await,
                Ok(None) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
            if let Some(series) = attempts.settle(read)? {
                return Ok(series);
            }
        }
    }

    /// Labels of the series that an hour holds; with `name`, of that metric.
    pub async fn series_labels(
        &self,
        tenant: &TenantId,
        hour: u32,
        name: Option<&str>,
    ) -> Result<Vec<Labels>, ArchiveError> {
        let mut labels = Vec::new();
        for key in self.shards(tenant, hour).await? {
            let path = key.path();
            let mut attempts = Attempts::at(&path);
            loop {
                let read = match self.open(&path).await {
                    Ok(Some(object)) => read_labels(&object, name).await,
                    Ok(None) => Ok(Vec::new()),
                    Err(error) => Err(error),
                };
                if let Some(read) = attempts.settle(read)? {
                    labels.extend(read);
                    break;
                }
            }
        }
        Ok(labels)
    }

    /// What an object covers by its footer; `None` when there is none.
    pub async fn coverage(&self, key: &HourKey) -> Result<Option<Coverage>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            if let Some(object) = attempts.settle(self.open(&path).await)? {
                return Ok(object.map(|object| object.coverage));
            }
        }
    }

    /// Counts an object's rows and samples anew; `None` when there is none.
    pub async fn count(&self, key: &HourKey) -> Result<Option<ObjectCount>, ArchiveError> {
        let path = key.path();
        let mut attempts = Attempts::at(&path);
        loop {
            let counted = match self.open(&path).await {
                Ok(Some(object)) => count_samples(&object).await.map(|(rows, samples)| {
                    Some(ObjectCount { key: key.clone(), rows, samples, coverage: object.coverage })
                }),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            };
            if let Some(counted) = attempts.settle(counted)? {
                return Ok(counted);
            }
        }
    }

    /// Tenants that have anything in the archive, in order.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, ArchiveError> {
        let listed = self.store.list_with_delimiter(None).await?;
        let name = |path: &Path| TenantId::new(path.filename()?.strip_prefix("tenant=")?).ok();
        Ok(listed.common_prefixes.iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Hours of which the tenant has objects, ascending.
    pub async fn hours(&self, tenant: &TenantId) -> Result<Vec<u32>, ArchiveError> {
        let mut hours = BTreeSet::new();
        for date in self.store.list_with_delimiter(Some(&tier_prefix(tenant))).await?.common_prefixes {
            for hour in self.store.list_with_delimiter(Some(&date)).await?.common_prefixes {
                let parsed = date.filename().zip(hour.filename()).and_then(|(date, hour)| parse_hour(date, hour));
                hours.extend(parsed);
            }
        }
        Ok(hours.into_iter().collect())
    }

    /// Keys of the objects of an hour, by shard.
    pub async fn shards(&self, tenant: &TenantId, hour: u32) -> Result<Vec<HourKey>, ArchiveError> {
        let listed = self.store.list_with_delimiter(Some(&hour_prefix(tenant, hour))).await?;
        let mut keys: Vec<_> = listed.objects.iter().filter_map(|object| HourKey::parse(&object.location)).collect();
        keys.sort();
        Ok(keys)
    }

    /// Keys of all objects, in order.
    pub async fn objects(&self) -> Result<Vec<HourKey>, ArchiveError> {
        let listed: Vec<_> = self.store.list(None).try_collect().await?;
        let mut keys: Vec<_> = listed.iter().filter_map(|object| HourKey::parse(&object.location)).collect();
        keys.sort();
        Ok(keys)
    }

    /// Says that all shards of an hour are there, with an empty `_SUCCESS`
    /// object as Spark writes it.
    pub async fn mark_complete(&self, tenant: &TenantId, hour: u32) -> Result<(), ArchiveError> {
        match self.puts.put(&success_marker(tenant, hour), bytes::Bytes::new(), PutCondition::Absent).await {
            Ok(()) | Err(PutError::Precondition(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether all shards of an hour are there, as of its last build.
    pub async fn is_complete(&self, tenant: &TenantId, hour: u32) -> Result<bool, ArchiveError> {
        match self.store.head(&success_marker(tenant, hour)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a tenant's hours before `before_hour`. Answers how many objects
    /// of data went.
    pub async fn expire(&self, tenant: &TenantId, before_hour: u32) -> Result<u64, ArchiveError> {
        let mut deleted = 0;
        for hour in self.hours(tenant).await?.into_iter().take_while(|hour| *hour < before_hour) {
            // The marker first, so that it never stands over half an hour.
            self.delete(&success_marker(tenant, hour)).await?;
            for key in self.shards(tenant, hour).await? {
                self.delete(&key.path()).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    async fn delete(&self, path: &Path) -> Result<(), ArchiveError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn open(&self, path: &Path) -> Result<Option<Pinned>, FetchError> {
        Pinned::open(self.store.clone(), path.clone()).await
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

fn is_same(there: &Pinned, hour: &EncodedHour) -> bool {
    let content = metadata_value(there.metadata(), metadata::CONTENT);
    content == Some(&format!("{:032x}", hour.content)) && there.coverage == hour.coverage
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
