//! Which windows changed after the watermark had passed them, so that what was
//! computed from them can be corrected.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use tidegate_model::TenantId;

/// Of each tenant, the latest change of each window start.
#[derive(Default)]
pub(crate) struct Late {
    latest: u64,
    tenants: HashMap<TenantId, BTreeMap<i64, Change>>,
}

#[derive(Clone, Copy)]
struct Change {
    number: u64,
    /// How far the furthest partition had come.
    noted_ms: i64,
}

/// Changes of a tenant's windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// Start of the earliest window that changed.
    pub first_start_ms: i64,
    /// Of the latest change; ask for those after it the next time.
    pub number: u64,
}

impl Late {
    /// The number of the latest change.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    pub(super) fn note(&mut self, tenant: &TenantId, starts: BTreeSet<i64>, noted_ms: i64) {
        if starts.is_empty() {
            return;
        }
        self.latest += 1;
        let change = Change { number: self.latest, noted_ms };
        let windows = self.tenants.entry_ref(tenant).or_default();
        windows.extend(starts.into_iter().map(|start_ms| (start_ms, change)));
    }

    /// What changed of a tenant after change `number`.
    pub fn after(&self, tenant: &TenantId, number: u64) -> Option<Changed> {
        let windows = self.tenants.get(tenant)?;
        let mut changed = windows.iter().filter(|(_, change)| change.number > number);
        let (first_start_ms, _) = changed.next()?;
        Some(Changed { first_start_ms: *first_start_ms, number: self.latest })
    }

    /// Start of the earliest window of a tenant that changed once a partition had
    /// come to `noted_ms`.
    pub fn first_since(&self, tenant: &TenantId, noted_ms: i64) -> Option<i64> {
        let windows = self.tenants.get(tenant)?;
        windows.iter().find(|(_, change)| change.noted_ms >= noted_ms).map(|(start_ms, _)| *start_ms)
    }

    pub(super) fn forget_before(&mut self, start_ms: i64) {
        self.tenants.retain(|_, windows| {
            *windows = windows.split_off(&start_ms);
            !windows.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_with_their_earliest_window() {
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        let mut late = Late::default();
        late.note(&a, BTreeSet::from([20, 10]), 100);
        late.note(&b, BTreeSet::from([5]), 110);
        late.note(&a, BTreeSet::new(), 115);
        assert_eq!(late.latest(), 2);
        assert_eq!(late.after(&a, 0), Some(Changed { first_start_ms: 10, number: 2 }));
        assert_eq!(late.after(&a, 2), None);
        late.note(&a, BTreeSet::from([20]), 120);
        assert_eq!(late.after(&a, 2), Some(Changed { first_start_ms: 20, number: 3 }));
        assert_eq!(late.after(&a, 0), Some(Changed { first_start_ms: 10, number: 3 }));
        assert_eq!(late.after(&TenantId::new("c").unwrap(), 0), None);
        let first = [100, 101, 120, 121].map(|noted_ms| late.first_since(&a, noted_ms));
        assert_eq!(first, [Some(10), Some(20), Some(20), None]);

        late.forget_before(11);
        assert_eq!(late.after(&a, 0), Some(Changed { first_start_ms: 20, number: 3 }));
        late.forget_before(21);
        assert_eq!((late.after(&a, 0), late.tenants.len(), late.latest()), (None, 0, 3));
    }
}
