//! Caps on the series that a tenant, and all tenants together, have active at
//! a time, and on how fast those of a tenant grow more.
//!
//! Active: had samples in this hour or the one before. Kept as hashes in two
//! generations that turn over hourly, so memory is bounded by the caps: about
//! 16 bytes a series and generation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use hashbrown::{HashMap, HashTable};
use parking_lot::{Mutex, RwLock};
use tidegate_access::Minute;
use tidegate_model::{MetricId, TenantId};
use tokio::time::Instant;

use crate::config::Limits;

/// Locks a tenant's set is split over.
const SHARDS: usize = 16;

/// Tenants that a process keeps sets for. Names come from a header, so there
/// is no end to them; tenants beyond share one set.
const MAX_TENANTS: usize = 10_000;

pub struct SeriesCap {
    /// Of one tenant that has none of its own.
    caps: Caps,
    all: Arc<All>,
    tenants: RwLock<HashMap<TenantId, Arc<TenantSeries>>>,
    overflow: Arc<TenantSeries>,
}

/// What a tenant may have; 0 = no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    pub active: u64,
    pub new_per_minute: u32,
}

/// The active series of all tenants.
struct All {
    /// 0 = none.
    cap: u64,
    active: AtomicU64,
    /// Until then no series counts as new.
    known_at: Instant,
}

/// Why a series is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Tenant { cap: u64 },
    All { cap: u64 },
    New { per_minute: u32 },
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant { cap } => {
                write!(f, "the tenant has {cap} active series, its limit (active_series); new ones are refused")
            }
            Self::All { cap } => {
                write!(f, "the gateway has {cap} active series of all tenants, its limit; new ones are refused")
            }
            Self::New { per_minute } => {
                write!(
                    f,
                    "the tenant has {per_minute} new series in a minute, its limit (new_series_per_minute); more are \
                     refused for now"
                )
            }
        }
    }
}

/// The active series of one tenant.
pub struct TenantSeries {
    cap: AtomicU64,
    new_per_minute: AtomicU32,
    all: Arc<All>,
    active: AtomicU64,
    new: Minute,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    current: HashTable<u64>,
    previous: HashTable<u64>,
}

impl SeriesCap {
    pub fn new(limits: &Limits) -> Self {
        let caps =
            Caps { active: limits.active_series_per_tenant, new_per_minute: limits.new_series_per_minute_per_tenant };
        let known_at = Instant::now() + Duration::from_secs(limits.new_series_grace_seconds.into());
        let all = Arc::new(All { cap: limits.active_series, active: AtomicU64::new(0), known_at });
        let overflow = Arc::new(TenantSeries::new(caps, Arc::clone(&all)));
        Self { caps, all, tenants: RwLock::new(HashMap::new()), overflow }
    }

    /// What a tenant may have that has no caps of its own.
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// The tenant's series, which `caps` hold for from now on.
    pub fn of(&self, tenant: &TenantId, caps: Caps) -> Arc<TenantSeries> {
        if let Some(series) = self.tenants.read().get(tenant) {
            series.cap.store(caps.active, Ordering::Relaxed);
            series.new_per_minute.store(caps.new_per_minute, Ordering::Relaxed);
            return Arc::clone(series);
        }
        let mut tenants = self.tenants.write();
        if tenants.len() >= MAX_TENANTS {
            return Arc::clone(&self.overflow);
        }
        let series =
            tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(TenantSeries::new(caps, Arc::clone(&self.all))));
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
        self.all.active.load(Ordering::Relaxed)
    }
}

impl TenantSeries {
    fn new(caps: Caps, all: Arc<All>) -> Self {
        Self {
            cap: AtomicU64::new(caps.active),
            new_per_minute: AtomicU32::new(caps.new_per_minute),
            all,
            active: AtomicU64::new(0),
            new: Minute::default(),
            shards: Default::default(),
        }
    }

    pub fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// 0 = none.
    pub fn cap(&self) -> u64 {
        self.cap.load(Ordering::Relaxed)
    }

    pub fn new_in_last_minute(&self) -> u64 {
        self.new.in_last_minute(Instant::now())
    }

    fn new_per_minute(&self) -> u32 {
        self.new_per_minute.load(Ordering::Relaxed)
    }

    /// Lets a series in if it is active or there is room.
    ///
    /// # Errors
    /// Which cap is reached.
    #[inline]
    pub fn admit(&self, id: MetricId) -> Result<(), Full> {
        if self.cap() == 0 && self.all.cap == 0 && self.new_per_minute() == 0 {
            return Ok(());
        }
        // Shard and slot come from different bits; ids are hashes already.
        let hash = id.0 as u64;
        let shard = (id.0 >> 64) as usize % SHARDS;
        let mut shard = self.shards[shard].lock();
        if shard.current.find(hash, |known| *known == hash).is_some() {
            return Ok(());
        }
        let is_active = shard.previous.find(hash, |known| *known == hash).is_some();
        if !is_active {
            self.take_room()?;
        }
        shard.current.insert_unique(hash, hash, |known| *known);
        Ok(())
    }

    fn take_room(&self) -> Result<(), Full> {
        let cap = self.cap();
        if !grow(&self.active, cap) {
            return Err(Full::Tenant { cap });
        }
        if !grow(&self.all.active, self.all.cap) {
            self.active.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::All { cap: self.all.cap });
        }
        let (now, per_minute) = (Instant::now(), self.new_per_minute());
        let limit = (per_minute > 0 && now >= self.all.known_at).then_some(per_minute);
        if !self.new.take(limit, now) {
            self.active.fetch_sub(1, Ordering::Relaxed);
            self.all.active.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::New { per_minute });
        }
        Ok(())
    }

    fn turn_over(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            let current = std::mem::take(&mut shard.current);
            let previous = std::mem::replace(&mut shard.previous, current);
            let gone =
                previous.iter().filter(|hash| shard.previous.find(**hash, |kept| kept == *hash).is_none()).count();
            self.active.fetch_sub(gone as u64, Ordering::Relaxed);
            self.all.active.fetch_sub(gone as u64, Ordering::Relaxed);
        }
    }
}

/// One more, unless there are `cap` already; 0 = none.
fn grow(active: &AtomicU64, cap: u64) -> bool {
    let grown = |active: u64| (cap == 0 || active < cap).then_some(active + 1);
    active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
}

#[cfg(test)]
mod tests;
