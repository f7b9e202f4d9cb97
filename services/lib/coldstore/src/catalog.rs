//! Which objects there are, asked anew by each query: what was rebuilt is seen
//! by the next one.

pub mod conformance;
mod local;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tidegate_model::TenantId;

use crate::key::{folder_hours, folder_prefix, period_prefix, tier_prefix};
use crate::{ArchiveError, ObjectKey, Period, Tier};

pub use local::LocalCatalog;

/// Folders listed at once.
const LISTS_AT_ONCE: usize = 8;

/// So many folders are listed without a look at which there are.
const FEW_FOLDERS: usize = 3;

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

/// Finds objects by their names. What was put before the call is found as it
/// was put, or as it was later.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// The objects of each of the tiers whose periods reach into `hours`: tier
    /// by tier, those of one in order. A tier is looked at after those before it.
    ///
    /// # Errors
    /// What the store answered.
    async fn objects(&self, tenant: &TenantId, tiers: &[Tier], hours: Range<u32>) -> Result<Vec<Listed>, ArchiveError>;
}

/// By the lists of the store itself.
pub struct StoreCatalog(pub Arc<dyn ObjectStore>);

impl StoreCatalog {
    async fn tier(&self, tenant: &TenantId, tier: Tier, hours: &Range<u32>) -> Result<Vec<Listed>, ArchiveError> {
        let folders = match few_folders(tenant, tier, hours) {
            Some(folders) => folders,
            None => {
                let folders = folders(&*self.0, tenant, tier).await?.into_iter().filter(|folder| meet(folder, hours));
                folders.map(|folder| Folder::of(tenant, tier, folder.start)).collect()
            }
        };
        let lists = folders.into_iter().map(|folder| async move {
            match folder {
                // One request and one answer; the other way takes two steps at least.
                Folder::OfObjects(path) => Ok(self.0.list_with_delimiter(Some(&path)).await?.objects),
                Folder::OfHours(path) => self.0.list(Some(&path)).try_collect::<Vec<_>>().await,
            }
        });
        let lists: Vec<Vec<ObjectMeta>> =
            futures::stream::iter(lists.collect::<Vec<_>>()).buffer_unordered(LISTS_AT_ONCE).try_collect().await?;
        let listed = lists.into_iter().flatten().filter_map(Listed::of);
        let mut listed: Vec<_> = listed.filter(|listed| meet(&listed.key.period.hours(), hours)).collect();
        listed.sort();
        Ok(listed)
    }
}

#[async_trait]
impl Catalog for StoreCatalog {
    async fn objects(&self, tenant: &TenantId, tiers: &[Tier], hours: Range<u32>) -> Result<Vec<Listed>, ArchiveError> {
        let mut listed = Vec::new();
        for tier in tiers {
            listed.append(&mut self.tier(tenant, *tier, &hours).await?);
        }
        Ok(listed)
    }
}

/// The days or, of the coarsest tier, months of which a tier has objects:
/// their hours, ascending.
pub(crate) async fn folders(
    store: &dyn ObjectStore,
    tenant: &TenantId,
    tier: Tier,
) -> Result<Vec<Range<u32>>, ArchiveError> {
    let listed = store.list_with_delimiter(Some(&tier_prefix(tenant, tier))).await?;
    let mut folders: Vec<_> =
        listed.common_prefixes.iter().filter_map(|path| folder_hours(tier, path.filename()?)).collect();
    folders.sort_by_key(|hours| hours.start);
    Ok(folders)
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
    if tier == Tier::FiveSeconds && hours.len() <= FEW_FOLDERS {
        let of_hour = |hour| Folder::OfObjects(period_prefix(tenant, Period::Hour(hour)));
        return Some(hours.clone().map(of_hour).collect());
    }
    let folders = folders_of(tier, hours, FEW_FOLDERS)?;
    Some(folders.into_iter().map(|folder| Folder::of(tenant, tier, folder.start)).collect())
}

/// The folders of a tier that can hold some of `hours`, by their hours;
/// `None` when those are more than `most`.
fn folders_of(tier: Tier, hours: &Range<u32>, most: usize) -> Option<Vec<Range<u32>>> {
    // A folder of the finest tier is a day, as those of the next.
    let by = if tier == Tier::Hour { Tier::Hour } else { Tier::Minute };
    let mut folders = Vec::new();
    let mut hour = hours.start;
    while hour < hours.end {
        if folders.len() == most {
            return None;
        }
        let folder = Period::containing(by, hour).hours();
        hour = folder.end;
        folders.push(folder);
    }
    Some(folders)
}

fn meet(one: &Range<u32>, other: &Range<u32>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}

#[cfg(test)]
mod tests;
