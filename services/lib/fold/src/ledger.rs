//! What became of every sample, by the hour of its own time.

use std::collections::BTreeMap;

use tidegate_model::{LedgerEntry, LedgerKey};

use crate::fragment::hour_end_ms;

#[derive(Clone, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<LedgerKey, LedgerEntry>,
}

impl Ledger {
    pub fn new(entries: BTreeMap<LedgerKey, LedgerEntry>) -> Self {
        Self { entries }
    }

    pub fn add(&mut self, key: LedgerKey, entry: LedgerEntry) {
        let sum = self.entries.entry(key).or_default();
        sum.counted += entry.counted;
        sum.duplicate += entry.duplicate;
        sum.poison += entry.poison;
        sum.gap += entry.gap;
    }

    pub fn entries(&self) -> BTreeMap<LedgerKey, LedgerEntry> {
        self.entries.clone()
    }

    /// Removes the hours that ended at or before `before_ms`.
    pub fn take_before(&mut self, before_ms: i64) -> Vec<(LedgerKey, LedgerEntry)> {
        self.entries.extract_if(.., |key, _| hour_end_ms(key.hour) <= before_ms).collect()
    }
}
