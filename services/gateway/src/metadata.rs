//! Which metadata went to the log lately, so that what clients repeat with
//! every request is written once an hour.

use hashbrown::HashTable;
use parking_lot::RwLock;
use tidegate_codec::ingest::Metadata;
use tidegate_model::TenantId;
use xxhash_rust::xxh3::Xxh3Default;

/// Entries remembered; beyond, metadata is written again each time.
const CAPACITY: usize = 200_000;

#[derive(Default)]
pub struct SentMetadata {
    hashes: RwLock<HashTable<u64>>,
}

/// Identity of one metric's metadata of one tenant, content included.
pub fn hash(tenant: &TenantId, metadata: &Metadata<'_>) -> u64 {
    let mut hasher = Xxh3Default::new();
    for text in [tenant.as_str(), metadata.name, metadata.unit, metadata.help] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&[metadata.metric_type as u8]);
    hasher.digest()
}

impl SentMetadata {
    pub fn contains(&self, hash: u64) -> bool {
        self.hashes.read().find(hash, |known| *known == hash).is_some()
    }

    /// To be called once the log holds them.
    pub fn insert(&self, new: &[u64]) {
        if new.is_empty() {
            return;
        }
        let mut hashes = self.hashes.write();
        for hash in new {
            if hashes.len() < CAPACITY && hashes.find(*hash, |known| known == hash).is_none() {
                hashes.insert_unique(*hash, *hash, |known| *known);
            }
        }
    }

    /// Begins an hour.
    pub fn clear(&self) {
        *self.hashes.write() = HashTable::new();
    }
}
