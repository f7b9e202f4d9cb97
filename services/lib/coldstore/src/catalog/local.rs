//! The objects of a local folder. A store's own list looks each file up by its
//! whole path, and at whole days; a query of a few hours would wait for little
//! else.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tidegate_model::TenantId;

use super::{Catalog, Listed, folders_of, meet};
use crate::key::{folder_hours, folder_prefix, period_prefix, shard_of, tier_prefix};
use crate::{ArchiveError, ObjectKey, Period, Tier};

/// So many folders are looked for without a look at which there are.
const FEW_FOLDERS: usize = 100;

pub struct LocalCatalog {
    root: Arc<FilePath>,
}

impl LocalCatalog {
    /// `root` is the folder of the archive.
    pub fn new(root: &FilePath) -> Self {
        Self { root: root.into() }
    }
}

#[async_trait]
impl Catalog for LocalCatalog {
    async fn objects(&self, tenant: &TenantId, tiers: &[Tier], hours: Range<u32>) -> Result<Vec<Listed>, ArchiveError> {
        let (root, tenant, tiers) = (self.root.clone(), tenant.clone(), tiers.to_vec());
        let listing = move || {
            let mut listed = Vec::new();
            for tier in tiers {
                list_tier(&root, &tenant, tier, &hours, &mut listed)?;
            }
            Ok(listed)
        };
        let listed: io::Result<_> = match tokio::task::spawn_blocking(listing).await {
            Ok(listed) => listed,
            Err(error) => return Err(ArchiveError::Worker(error.to_string())),
        };
        listed.map_err(|error| {
            ArchiveError::Unavailable(object_store::Error::Generic { store: "local folder", source: error.into() })
        })
    }
}

fn list_tier(
    root: &FilePath,
    tenant: &TenantId,
    tier: Tier,
    hours: &Range<u32>,
    listed: &mut Vec<Listed>,
) -> io::Result<()> {
    let folders = match folders_of(tier, hours, FEW_FOLDERS) {
        Some(folders) => folders,
        None => folders_there(root, tenant, tier)?.into_iter().filter(|folder| meet(folder, hours)).collect(),
    };
    let before = listed.len();
    for folder in folders {
        match tier {
            Tier::FiveSeconds => {
                // Most days of a long time are in coarser tiers only.
                if !root.join(folder_prefix(tenant, Period::Hour(folder.start)).as_ref()).try_exists()? {
                    continue;
                }
                for hour in folder.start.max(hours.start)..folder.end.min(hours.end) {
                    list_folder(root, tenant, Period::Hour(hour), listed)?;
                }
            }
            Tier::Minute | Tier::Hour => list_folder(root, tenant, Period::containing(tier, folder.start), listed)?,
        }
    }
    listed[before..].sort();
    Ok(())
}

fn folders_there(root: &FilePath, tenant: &TenantId, tier: Tier) -> io::Result<Vec<Range<u32>>> {
    let mut folders = Vec::new();
    for entry in entries(&root.join(tier_prefix(tenant, tier).as_ref()))? {
        folders.extend(entry?.file_name().to_str().and_then(|name| folder_hours(tier, name)));
    }
    Ok(folders)
}

fn list_folder(root: &FilePath, tenant: &TenantId, period: Period, listed: &mut Vec<Listed>) -> io::Result<()> {
    for entry in entries(&root.join(period_prefix(tenant, period).as_ref()))? {
        let entry = entry?;
        let Some(shard) = entry.file_name().to_str().and_then(shard_of) else { continue };
        let Some(metadata) = metadata(&entry)?.filter(Metadata::is_file) else { continue };
        listed.push(Listed {
            key: ObjectKey { tenant: tenant.clone(), period, shard },
            e_tag: Some(e_tag(&metadata)),
            size_bytes: metadata.len(),
        });
    }
    Ok(())
}

/// Of a folder; of one that is not there, none.
fn entries(folder: &FilePath) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let entries = there(fs::read_dir(folder))?;
    Ok(entries.into_iter().flatten())
}

/// Of the file, also through a link; `None` when it is gone meanwhile.
fn metadata(entry: &DirEntry) -> io::Result<Option<Metadata>> {
    match there(entry.metadata())? {
        Some(metadata) if metadata.is_symlink() => there(fs::metadata(entry.path())),
        metadata => Ok(metadata),
    }
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// As the store gives it with the object's bytes.
fn e_tag(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let (inode, modified_us, size_bytes) = (metadata.ino(), modified.unwrap_or_default().as_micros(), metadata.len());
    format!("\"{inode:x}-{modified_us:x}-{size_bytes:x}\"")
}
