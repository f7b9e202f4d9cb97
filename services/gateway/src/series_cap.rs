//! A cap on the series that a tenant has active at a time.
//!
//! Active: had samples in this hour or the one before. Kept as hashes in two
//! generations that turn over hourly, so memory is bounded by the cap: about
//! 16 bytes a series and generation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{HashMap, HashTable};
use parking_lot::{Mutex, RwLock};
use tidegate_model::{MetricId, TenantId};

/// Locks a tenant's set is split over.
const SHARDS: usize = 16;

/// Tenants that a process keeps sets for. Names come from a header, so there
/// is no end to them; tenants beyond share one set.
const MAX_TENANTS: usize = 10_000;

pub struct SeriesCap {
    /// 0 = none.
    cap: u64,
    tenants: RwLock<HashMap<TenantId, Arc<TenantSeries>>>,
    overflow: Arc<TenantSeries>,
}

/// The active series of one tenant.
#[derive(Default)]
pub struct TenantSeries {
    cap: u64,
    active: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    current: HashTable<u64>,
    previous: HashTable<u64>,
}

impl SeriesCap {
    pub fn new(cap: u64) -> Self {
        let overflow = Arc::new(TenantSeries::new(cap));
        Self { cap, tenants: RwLock::new(HashMap::new()), overflow }
    }

    pub fn of(&self, tenant: &TenantId) -> Arc<TenantSeries> {
        if let Some(series) = self.tenants.read().get(tenant) {
            return Arc::clone(series);
        }
        let mut tenants = self.tenants.write();
        if tenants.len() >= MAX_TENANTS {
            return Arc::clone(&self.overflow);
        }
        let series = tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(TenantSeries::new(self.cap)));
        Arc::clone(series)
    }

    /// Begins an hour: forgets what was not seen in the last one.
    pub fn turn_over(&self) {
        let tenants: Vec<_> = self.tenants.read().values().cloned().collect();
        for series in tenants.iter().chain([&self.overflow]) {
            series.turn_over();
        }
        drop(tenants);
        self.tenants.write().retain(|_, series| series.active() > 0 || Arc::strong_count(series) > 1);
    }

    /// Active series of all tenants.
    pub fn active(&self) -> u64 {
        self.tenants.read().values().map(|series| series.active()).sum::<u64>() + self.overflow.active()
    }
}

impl TenantSeries {
    fn new(cap: u64) -> Self {
        Self { cap, ..Self::default() }
    }

    pub fn cap(&self) -> u64 {
        self.cap
    }

    fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether the series may have samples: it is active, or there is room.
    #[inline]
    pub fn admit(&self, id: MetricId) -> bool {
        if self.cap == 0 {
            return true;
        }
        // Shard and slot come from different bits; ids are hashes already.
        let hash = id.0 as u64;
        let shard = (id.0 >> 64) as usize % SHARDS;
        let mut shard = self.shards[shard].lock();
        if shard.current.find(hash, |known| *known == hash).is_some() {
            return true;
        }
        let is_active = shard.previous.find(hash, |known| *known == hash).is_some();
        if !is_active && !self.take_room() {
            return false;
        }
        shard.current.insert_unique(hash, hash, |known| *known);
        true
    }

    fn take_room(&self) -> bool {
        let grown = |active: u64| (active < self.cap).then_some(active + 1);
        self.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn turn_over(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let current = std::mem::take(&mut shard.current);
            let previous = std::mem::replace(&mut shard.previous, current);
            let gone =
                previous.iter().filter(|hash| shard.previous.find(**hash, |kept| kept == *hash).is_none()).count();
            self.active.fetch_sub(gone as u64, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
