//! What the archive holds, by the names of its objects; and taking it away.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tidegate_model::TenantId;

use super::Archive;
use crate::conditional::{PutCondition, PutError};
use crate::key::{folder_hours, folder_prefix, period_prefix, success_marker, tier_prefix};
use crate::{ArchiveError, ObjectKey, Period, Tier};

/// Folders listed at once.
const LISTS_AT_ONCE: usize = 8;

/// So many folders are listed without a look at which there are.
const FEW_FOLDERS: u32 = 3;

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub key: ObjectKey,
    pub e_tag: Option<String>,
    pub size_bytes: u64,
}

impl Listed {
    /// `None` for what is no object of data.
    fn of(meta: ObjectMeta) -> Option<Self> {
        Some(Self { key: ObjectKey::parse(&meta.location)?, e_tag: meta.e_tag, size_bytes: meta.size })
    }
}

impl Archive {
    /// Tenants that have anything in the archive, in order.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, ArchiveError> {
        let listed = self.source.store.list_with_delimiter(None).await?;
        let name = |path: &Path| TenantId::new(path.filename()?.strip_prefix("tenant=")?).ok();
        Ok(listed.common_prefixes.iter().filter_map(name).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// The days or, of the coarsest tier, months of which a tier has objects:
    /// their hours, ascending.
    pub async fn folders(&self, tenant: &TenantId, tier: Tier) -> Result<Vec<Range<u32>>, ArchiveError> {
        let listed = self.source.store.list_with_delimiter(Some(&tier_prefix(tenant, tier))).await?;
        let mut folders: Vec<_> =
            listed.common_prefixes.iter().filter_map(|path| folder_hours(tier, path.filename()?)).collect();
        folders.sort_by_key(|hours| hours.start);
        Ok(folders)
    }

    /// The objects of a tier whose periods reach into `hours`, in order.
    pub async fn list(&self, tenant: &TenantId, tier: Tier, hours: Range<u32>) -> Result<Vec<Listed>, ArchiveError> {
        let meets = |other: &Range<u32>| other.start < hours.end && hours.start < other.end;
        let folders = match few_folders(tenant, tier, &hours) {
            Some(folders) => folders,
            None => {
                let folders = self.folders(tenant, tier).await?.into_iter().filter(meets);
                folders.map(|folder| Folder::of(tenant, tier, folder.start)).collect()
            }
        };
        let lists = folders.into_iter().map(|folder| async move {
            let store = &self.source.store;
            match folder {
                // One request and one answer; the other way takes two steps at least.
                Folder::OfObjects(path) => Ok(store.list_with_delimiter(Some(&path)).await?.objects),
                Folder::OfHours(path) => store.list(Some(&path)).try_collect::<Vec<_>>().await,
            }
        });
        let lists: Vec<Vec<ObjectMeta>> =
            futures::stream::iter(lists.collect::<Vec<_>>()).buffer_unordered(LISTS_AT_ONCE).try_collect().await?;
        let listed = lists.into_iter().flatten().filter_map(Listed::of);
        let mut listed: Vec<_> = listed.filter(|listed| meets(&listed.key.period.hours())).collect();
        listed.sort();
        Ok(listed)
    }

    /// Hours of which the tenant has objects of the finest tier, ascending.
    pub async fn hours(&self, tenant: &TenantId) -> Result<Vec<u32>, ArchiveError> {
        let listed = self.list(tenant, Tier::FiveSeconds, 0..u32::MAX).await?;
        let hours: BTreeSet<u32> = listed.iter().map(|listed| listed.key.period.hours().start).collect();
        Ok(hours.into_iter().collect())
    }

    /// Keys of the objects of a period, by shard.
    pub async fn shards(&self, tenant: &TenantId, period: Period) -> Result<Vec<ObjectKey>, ArchiveError> {
        let listed = self.source.store.list_with_delimiter(Some(&period_prefix(tenant, period))).await?;
        let mut keys: Vec<_> = listed.objects.iter().filter_map(|object| ObjectKey::parse(&object.location)).collect();
        keys.sort();
        Ok(keys)
    }

    /// Keys of all objects of all tiers, in order.
    pub async fn objects(&self) -> Result<Vec<ObjectKey>, ArchiveError> {
        let listed: Vec<_> = self.source.store.list(None).try_collect().await?;
        let mut keys: Vec<_> = listed.iter().filter_map(|object| ObjectKey::parse(&object.location)).collect();
        keys.sort();
        Ok(keys)
    }

    /// Says that all shards of an hour are there, with an empty `_SUCCESS`
    /// object as Spark writes it.
    pub async fn mark_complete(&self, tenant: &TenantId, hour: u32) -> Result<(), ArchiveError> {
        match self.puts.put(&success_marker(tenant, hour), Bytes::new(), PutCondition::Absent).await {
            Ok(()) | Err(PutError::Precondition(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether all shards of an hour are there, as of its last build.
    pub async fn is_complete(&self, tenant: &TenantId, hour: u32) -> Result<bool, ArchiveError> {
        match self.source.store.head(&success_marker(tenant, hour)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object. That it is gone already is no error.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ArchiveError> {
        if let Period::Hour(hour) = key.period {
            // The marker first, so that it never stands over half an hour.
            self.delete_path(&success_marker(&key.tenant, hour)).await?;
        }
        self.delete_path(&key.path()).await
    }

    async fn delete_path(&self, path: &Path) -> Result<(), ArchiveError> {
        match self.source.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

enum Folder {
    OfObjects(Path),
    /// A day of the finest tier.
    OfHours(Path),
}

impl Folder {
    /// The folder of a tier that holds an hour.
    fn of(tenant: &TenantId, tier: Tier, hour: u32) -> Self {
        match tier {
            Tier::FiveSeconds => Self::OfHours(folder_prefix(tenant, Period::Hour(hour))),
            Tier::Minute | Tier::Hour => Self::OfObjects(folder_prefix(tenant, Period::containing(tier, hour))),
        }
    }
}

/// What to list for a short time: hours of the finest tier, else folders.
/// `None` for a longer one.
fn few_folders(tenant: &TenantId, tier: Tier, hours: &Range<u32>) -> Option<Vec<Folder>> {
    let last = hours.end.checked_sub(1).filter(|last| *last >= hours.start)?;
    if tier == Tier::FiveSeconds && last - hours.start < FEW_FOLDERS {
        let of_hour = |hour| Folder::OfObjects(period_prefix(tenant, Period::Hour(hour)));
        return Some(hours.clone().map(of_hour).collect());
    }
    // A folder of the finest tier is a day, as those of the next.
    let by = if tier == Tier::Hour { Tier::Hour } else { Tier::Minute };
    let mut folders = Vec::new();
    let mut hour = hours.start;
    while hour <= last {
        if folders.len() as u32 == FEW_FOLDERS {
            return None;
        }
        folders.push(Folder::of(tenant, tier, hour));
        hour = Period::containing(by, hour).hours().end;
    }
    Some(folders)
}
