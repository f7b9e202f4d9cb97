//! What is kept in memory from one query to the next, all of it within one
//! bound: hours of series from the store, and what was read of objects of the
//! archive. What was not used for longest goes.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard};
use tidegate_coldstore::{Run, Version};
use tidegate_model::MetricId;

use crate::hours::{SeriesHour, Stamp};

/// What an entry takes beside what it holds, about.
const ENTRY_BYTES: usize = 160;

pub(crate) struct Cache {
    generations: Mutex<Generations>,
}

/// What was used since the young generation began, and what was before: that
/// goes when the young one is full.
pub(crate) struct Generations {
    young: HashMap<Key, Entry>,
    young_bytes: usize,
    old: HashMap<Key, Entry>,
    /// Of one generation.
    limit_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Of a series; or of a version of an object of the archive, by which a
    /// replaced one is another.
    of: u128,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Of a series in the store.
    StoredHour(u32),
    Footer,
    /// Of a row group, by its number.
    Series(u32),
    /// Of a series, by its first row.
    Windows(u32),
}

#[derive(Clone)]
pub(crate) enum Entry {
    Stored { stamp: Stamp, hour: Arc<SeriesHour> },
    Footer(Version),
    Series(Arc<Vec<Run>>),
    Windows(Arc<SeriesHour>),
}

impl Key {
    pub fn stored(id: MetricId, hour: u32) -> Self {
        Self { of: id.0, part: Part::StoredHour(hour) }
    }

    /// `version` is a hash of an object's path and ETag.
    pub fn archived(version: u128, part: Part) -> Self {
        Self { of: version, part }
    }
}

impl Entry {
    fn size_bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Stored { hour, .. } | Self::Windows(hour) => hour.size_bytes(),
                Self::Footer(version) => version.size_bytes(),
                Self::Series(runs) => runs.iter().map(|run| size_of::<Run>() + run.labels.as_bytes().len()).sum(),
            }
    }
}

impl Cache {
    pub fn new(limit_bytes: usize) -> Self {
        let limit_bytes = limit_bytes / 2;
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { generations: Mutex::new(Generations { young, young_bytes: 0, old, limit_bytes }) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock()
    }

    #[cfg(test)]
    pub fn size_bytes(&self) -> usize {
        let generations = self.lock();
        generations.young.values().chain(generations.old.values()).map(Entry::size_bytes).sum()
    }
}

impl Generations {
    pub fn get(&mut self, key: &Key) -> Option<Entry> {
        if let Some(entry) = self.young.get(key) {
            return Some(entry.clone());
        }
        let entry = self.old.remove(key)?;
        self.put(*key, entry.clone());
        Some(entry)
    }

    /// Nothing that would push all else out is kept.
    pub fn put(&mut self, key: Key, entry: Entry) {
        let size_bytes = entry.size_bytes();
        if size_bytes > self.limit_bytes {
            return;
        }
        if self.young_bytes + size_bytes > self.limit_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.old.remove(&key);
        self.young_bytes += size_bytes;
        if let Some(before) = self.young.insert(key, entry) {
            self.young_bytes -= before.size_bytes();
        }
    }
}

#[cfg(test)]
mod tests;
