//! Which series of which hours were noted already, so that each is noted once.
//! Forgetting costs a write that changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use parking_lot::Mutex;
use tidegate_model::{MetricId, TenantId};

/// About 50 MB.
const MOST: usize = 1_000_000;

#[derive(Default)]
pub(crate) struct Seen {
    hours: Mutex<BTreeMap<u32, HashMap<TenantId, HashSet<MetricId>>>>,
}

impl Seen {
    pub fn contains(&self, hour: u32, tenant: &TenantId, metric_id: MetricId) -> bool {
        let hours = self.hours.lock();
        hours.get(&hour).and_then(|of_hour| of_hour.get(tenant)).is_some_and(|series| series.contains(&metric_id))
    }

    /// Once they are stored.
    pub fn add<'a>(&self, noted: impl Iterator<Item = (u32, &'a TenantId, MetricId)>) {
        let mut hours = self.hours.lock();
        for (hour, tenant, metric_id) in noted {
            hours.entry(hour).or_default().entry(tenant.clone()).or_default().insert(metric_id);
        }
        // The oldest first; late samples are rare.
        let size = |of_hour: &HashMap<TenantId, HashSet<MetricId>>| of_hour.values().map(HashSet::len).sum::<usize>();
        while hours.len() > 1 && hours.values().map(size).sum::<usize>() > MOST {
            hours.pop_first();
        }
    }
}
