//! A fragment while it is open.

use hashbrown::HashMap;
use tidegate_model::time::{WINDOW_MS, WINDOWS_PER_MINUTE, hour_start_ms, minute_start_ms};
use tidegate_model::{Clock, LedgerEntry, MetricId, TenantId};

use crate::fold::Placed;
use crate::rules::Placement;
use crate::series_table::{Large, Reading, SeriesTable};

/// Where a replay must begin to see all that a fragment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub offset: u64,
    /// Before the record at `offset`.
    pub clock: Clock,
}

#[derive(Clone)]
pub(crate) struct OpenFragment {
    pub minute: u32,
    pub placement: Placement,
    pub opened: Opened,
    /// What the ledger gets at the close.
    pub entry: LedgerEntry,
    pub series: SeriesTable,
    pub tenants: Tenants,
    pub unpublished: Unpublished,
}

/// Slots that have samples which were not published yet.
#[derive(Clone, Default)]
pub(crate) struct Unpublished {
    pub slots: Vec<u32>,
    /// Union of their windows.
    pub windows: u16,
}

/// The tenants in a fragment, by the index that slots hold.
#[derive(Clone, Default)]
pub(crate) struct Tenants {
    pub names: Vec<TenantId>,
    by_name: HashMap<TenantId, u32>,
}

impl Tenants {
    fn index(&mut self, tenant: &TenantId) -> u32 {
        // Nearly always the tenant of the series before.
        if self.names.last() == Some(tenant) {
            return (self.names.len() - 1) as u32;
        }
        if let Some(index) = self.by_name.get(tenant) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(tenant.clone());
        self.by_name.insert(tenant.clone(), index);
        index
    }
}

impl OpenFragment {
    pub fn new(minute: u32, placement: Placement, opened: Opened) -> Self {
        Self {
            minute,
            placement,
            opened,
            entry: LedgerEntry::default(),
            series: SeriesTable::default(),
            tenants: Tenants::default(),
            unpublished: Unpublished::default(),
        }
    }

    /// The slot of a series, and whether this made it.
    pub fn slot(&mut self, id: MetricId, tenant: &TenantId) -> (u32, Placed) {
        let (slot, new) = self.series.slot(id, || self.tenants.index(tenant));
        (slot, if new { Placed::NewInFragment } else { Placed::Known })
    }

    pub fn large(&mut self, value: Large) -> u64 {
        self.series.large.push(value);
        (self.series.large.len() - 1) as u64
    }

    /// Adds a sample to a slot; `publish` has the bits of the windows that are
    /// still worth publishing.
    pub fn push(&mut self, index: u32, reading: Reading, publish: u16) {
        self.entry.counted += 1;
        let slot = self.series.push(index, reading);
        let window = 1 << (reading.at_ms / WINDOW_MS as u16) & publish;
        if window != 0 {
            if slot.unpublished == 0 {
                self.unpublished.slots.push(index);
            }
            slot.unpublished |= window;
            self.unpublished.windows |= window;
        }
    }
}

/// Bits of the windows of `minute` whose end is at or before `time_ms`.
pub(crate) fn windows_ended(minute: u32, time_ms: i64) -> u16 {
    let ended = (time_ms - minute_start_ms(minute)).div_euclid(WINDOW_MS).clamp(0, WINDOWS_PER_MINUTE as i64);
    ((1u32 << ended) - 1) as u16
}

/// End of the hour, in milliseconds.
pub(crate) fn hour_end_ms(hour: u32) -> i64 {
    hour_start_ms(hour) + tidegate_model::time::HOUR_MS
}
