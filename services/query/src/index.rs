//! Which series exist: per tenant, from label values to series, and on which
//! days each was seen.

mod cardinality;
mod load;
mod postings;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::RwLock;
use tidegate_model::{Labels, MetricId, SeriesRow, TenantId};
use tidegate_promql::{MatchOp, Matcher};

pub(crate) use cardinality::Cardinality;
pub(crate) use load::{Rotation, load_all, refresh};
pub(crate) use postings::{Days, TenantIndex};

use crate::metrics::Metrics;

/// The index of all tenants. Holds `limit` series at most; those beyond are
/// left out, counted and said in the log.
pub(crate) struct SeriesIndex {
    tenants: RwLock<HashMap<TenantId, Arc<RwLock<TenantIndex>>>>,
    series: AtomicUsize,
    limit: usize,
    metrics: Arc<Metrics>,
}

/// A series that a selection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub id: MetricId,
    pub labels: Labels,
}

impl SeriesIndex {
    pub fn new(limit: usize, metrics: Arc<Metrics>) -> Self {
        Self { tenants: RwLock::default(), series: AtomicUsize::new(0), limit, metrics }
    }

    pub fn tenant(&self, tenant: &TenantId) -> Option<Arc<RwLock<TenantIndex>>> {
        self.tenants.read().get(tenant).cloned()
    }

    pub fn len(&self) -> usize {
        self.series.load(Ordering::Relaxed)
    }

    /// Series were refused, so answers may be incomplete.
    pub fn is_full(&self) -> bool {
        self.metrics.index_refused.get() > 0
    }

    /// Those with the most series, and how many they have.
    pub fn largest_tenants(&self, top: usize) -> Vec<(String, usize)> {
        let tenants = self.tenants.read();
        let count =
            |(name, index): (&TenantId, &Arc<RwLock<TenantIndex>>)| (name.to_string(), index.read().series_count());
        let mut counts: Vec<_> = tenants.iter().map(count).collect();
        counts.sort_by(|(a, a_series), (b, b_series)| b_series.cmp(a_series).then_with(|| a.cmp(b)));
        counts.truncate(top);
        counts
    }

    pub fn insert(&self, rows: Vec<SeriesRow>) {
        let mut refused = 0u64;
        let mut current: Option<(TenantId, Arc<RwLock<TenantIndex>>)> = None;
        for row in rows {
            let index = match &current {
                Some((tenant, index)) if *tenant == row.tenant => index.clone(),
                _ => {
                    let index = self.tenants.write().entry(row.tenant.clone()).or_default().clone();
                    current = Some((row.tenant.clone(), index.clone()));
                    index
                }
            };
            let mut index = index.write();
            if index.mark_seen(row.metric_id, row.day) {
                continue;
            }
            if self.len() >= self.limit {
                refused += 1;
                continue;
            }
            index.insert(row.metric_id, row.labels, row.day);
            self.series.fetch_add(1, Ordering::Relaxed);
        }
        if refused > 0 {
            if !self.is_full() {
                tracing::error!(limit = self.limit, "the series index is full: queries will miss series");
            }
            self.metrics.index_refused.inc_by(refused);
        }
        self.metrics.index_series.set(self.len() as i64);
    }

    /// Forgets days before `day`, and series that were seen on no later one.
    pub fn forget_before(&self, day: u32) {
        let tenants: Vec<_> = self.tenants.read().values().cloned().collect();
        for index in tenants {
            let removed = index.write().forget_before(day);
            self.series.fetch_sub(removed, Ordering::Relaxed);
        }
        self.metrics.index_series.set(self.len() as i64);
    }

    /// The days of `days` on which the tenant had any series, from the first
    /// to the last; `None` when there is none.
    pub fn known_days(&self, tenant: &TenantId, days: Days) -> Option<Days> {
        self.tenant(tenant)?.read().known_days(days)
    }

    /// [`SeriesIndex::select`] where that takes microseconds: `most` series at
    /// most, of given values of labels, and nobody to wait for. `None`: find out
    /// elsewhere.
    pub fn select_at_once(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        days: Days,
        most: usize,
    ) -> Option<Vec<Found>> {
        if !matchers.iter().all(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty()) {
            return None;
        }
        let Some(index) = self.tenants.try_read()?.get(tenant).cloned() else { return Some(Vec::new()) };
        let index = index.try_read()?;
        let found = index.select(matchers, days);
        let is_few = found.len() <= most as u64;
        is_few.then(|| found.iter().filter_map(|number| index.series(number)).cloned().collect())
    }

    /// Series that all matchers accept and that were seen on one of `days`, in
    /// the order in which the index met them; `Err` tells how many there are
    /// when that is more than `limit`.
    pub fn select(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        days: Days,
        limit: usize,
    ) -> Result<Vec<Found>, usize> {
        let Some(index) = self.tenant(tenant) else { return Ok(Vec::new()) };
        let index = index.read();
        let found = index.select(matchers, days);
        if found.len() > limit as u64 {
            return Err(found.len() as usize);
        }
        Ok(found.iter().filter_map(|number| index.series(number)).cloned().collect())
    }
}

#[cfg(test)]
mod tests;
