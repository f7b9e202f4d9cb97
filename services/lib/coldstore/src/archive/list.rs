//! What the archive holds, by the names of its objects; and taking it away.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tidegate_model::TenantId;

use super::Archive;
use crate::catalog::{Listed, folders};
use crate::conditional::{PutCondition, PutError};
use crate::key::{period_prefix, success_marker};
use crate::{ArchiveError, ObjectKey, Period, Tier};

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
        folders(&*self.source.store, tenant, tier).await
    }

    /// The objects of a tier whose periods reach into `hours`, in order.
    pub async fn list(&self, tenant: &TenantId, tier: Tier, hours: Range<u32>) -> Result<Vec<Listed>, ArchiveError> {
        self.catalog.objects(tenant, &[tier], hours).await
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
