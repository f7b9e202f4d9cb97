//! Metadata of metrics on its way from the log to the store.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use tidegate_model::{MetricMetadata, TenantId};

/// Clients send the same metadata again and again; only changes are written.
#[derive(Default)]
pub(crate) struct Metadata {
    known: HashMap<(TenantId, String), MetricMetadata>,
    pending: BTreeMap<TenantId, Vec<(String, MetricMetadata)>>,
}

/// Names remembered; beyond that everything is written anew once.
const MAX_KNOWN: usize = 50_000;

impl Metadata {
    pub fn seen(&mut self, tenant: &TenantId, metadata: Vec<(String, MetricMetadata)>) {
        for (name, what) in metadata {
            let key = (tenant.clone(), name);
            if self.known.get(&key) == Some(&what) {
                continue;
            }
            if self.known.len() >= MAX_KNOWN {
                self.known.clear();
            }
            self.pending.entry(key.0.clone()).or_default().push((key.1.clone(), what.clone()));
            self.known.insert(key, what);
        }
    }

    /// What is to be written, in the order in which it was seen.
    pub fn take_pending(&mut self) -> BTreeMap<TenantId, Vec<(String, MetricMetadata)>> {
        std::mem::take(&mut self.pending)
    }
}
