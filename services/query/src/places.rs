//! Who may evaluate: places of the process and of each tenant, and a line of
//! bounded length and time in front of them. Queries and steps of streams have
//! places of their own, so that neither can keep the other from being answered.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tidegate_model::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::Config;
use crate::error::Error;

/// How many places there are, and who may wait for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub of_process: usize,
    /// Of them, those of one tenant.
    pub of_tenant: usize,
    /// Of a tenant, beside those that have a place.
    pub waiting_of_tenant: usize,
    pub wait: Duration,
}

impl Bounds {
    pub fn of_queries(config: &Config) -> Self {
        Self {
            of_process: config.max_concurrent_queries,
            of_tenant: config.max_concurrent_queries_per_tenant,
            waiting_of_tenant: config.max_waiting_queries_per_tenant,
            wait: Duration::from_millis(config.queue_wait_ms),
        }
    }

    /// An expression evaluates one step at a time, so no more of them can wait
    /// than a tenant has; and a step waits as long as it may take.
    pub fn of_streams(config: &Config) -> Self {
        Self {
            of_process: config.max_concurrent_stream_steps,
            of_tenant: config.max_concurrent_stream_steps_per_tenant,
            waiting_of_tenant: config.max_stream_expressions_per_tenant,
            wait: config.timeout(),
        }
    }
}

pub(crate) struct Places {
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<TenantId, Tenant>>,
    bounds: Bounds,
}

/// A tenant that has queries in the process.
struct Tenant {
    places: Arc<Semaphore>,
    /// Running and waiting.
    inside: usize,
}

/// The right to evaluate one query, until it is dropped.
pub(crate) struct Place {
    // In this order: the place is free before the tenant is forgotten.
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _inside: Inside,
}

/// Counted among the tenant's queries.
struct Inside {
    places: Arc<Places>,
    tenant: TenantId,
}

impl Places {
    pub fn new(bounds: Bounds) -> Self {
        Self { all: Arc::new(Semaphore::new(bounds.of_process)), tenants: Mutex::default(), bounds }
    }

    /// Waits for a place of the tenant, then for one of the process, so that a
    /// tenant that waits for itself holds up no other.
    ///
    /// # Errors
    /// [`Error::TenantBusy`] when the tenant's line is full or did not move,
    /// [`Error::Busy`] when the process has no place in time.
    pub async fn take(self: &Arc<Self>, tenant: &TenantId) -> Result<Place, Error> {
        let until = Instant::now() + self.bounds.wait;
        let (inside, own) = self.enter(tenant)?;
        let own = timeout_at(until, own.acquire_owned()).await;
        let own = own.map_err(|_| self.tenant_busy())?.map_err(|_| Error::Stopping)?;
        let all = timeout_at(until, self.all.clone().acquire_owned()).await;
        let all = all.map_err(|_| Error::Busy { limit: self.bounds.of_process })?.map_err(|_| Error::Stopping)?;
        Ok(Place { _all: all, _own: own, _inside: inside })
    }

    fn enter(self: &Arc<Self>, tenant: &TenantId) -> Result<(Inside, Arc<Semaphore>), Error> {
        let mut tenants = self.tenants.lock();
        let new = || Tenant { places: Arc::new(Semaphore::new(self.bounds.of_tenant)), inside: 0 };
        let entry = tenants.entry(tenant.clone()).or_insert_with(new);
        if entry.inside >= self.bounds.of_tenant.saturating_add(self.bounds.waiting_of_tenant) {
            return Err(self.tenant_busy());
        }
        entry.inside += 1;
        Ok((Inside { places: self.clone(), tenant: tenant.clone() }, entry.places.clone()))
    }

    fn tenant_busy(&self) -> Error {
        Error::TenantBusy { running: self.bounds.of_tenant, waiting: self.bounds.waiting_of_tenant }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut tenants = self.places.tenants.lock();
        if let Some(tenant) = tenants.get_mut(&self.tenant) {
            tenant.inside -= 1;
            if tenant.inside == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests;
