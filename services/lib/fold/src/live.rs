//! Windows for those who follow the present.
//!
//! A window is given out one second after its end and again, once a second at
//! most, while late samples make it fuller. What is published need not be the
//! same for every owner: of one key the fullest window counts.

use tidegate_model::time::{WINDOW_MS, minute_start_ms};
use tidegate_model::{MetricId, TenantId, Window};

use crate::closed::ClosedFragment;
use crate::fragment::{OpenFragment, Tenants, Unpublished, windows_ended};
use crate::series_table::{Gathered, SeriesTable};
use crate::windows;

/// How long after its end a window is first published.
pub(crate) const DELAY_MS: i64 = 1_000;
/// Windows that ended longer ago are for the store alone.
pub(crate) const HORIZON_MS: i64 = 180_000;

/// A window to publish; its key is (series, window start, source, era,
/// fragment).
#[derive(Clone, Copy, Debug)]
pub struct LiveOut<'a> {
    pub tenant: &'a TenantId,
    pub metric_id: MetricId,
    pub era: u32,
    pub fragment: u32,
    pub window: &'a Window,
}

/// Bits of the windows of `minute` that are too old to be published.
pub(crate) fn outdated(minute: u32, effective_ms: i64) -> u16 {
    windows_ended(minute, effective_ms - HORIZON_MS)
}

#[derive(Clone, Default)]
pub(crate) struct Publisher {
    gathered: Gathered,
    windows: Vec<Window>,
}

/// What of a fragment is published now.
struct Due {
    windows: u16,
    outdated: u16,
    minute: u32,
    era: u32,
    fragment: u32,
}

impl Publisher {
    pub fn open(&mut self, of: &mut OpenFragment, era: u32, effective_ms: i64, out: &mut impl FnMut(LiveOut<'_>)) {
        let due = Due {
            windows: windows_ended(of.minute, effective_ms - DELAY_MS),
            outdated: outdated(of.minute, effective_ms),
            minute: of.minute,
            era,
            fragment: of.placement.fragment,
        };
        self.publish(&due, &mut of.series, &of.tenants, &mut of.unpublished, out);
    }

    /// Nothing more comes, so even windows that lie ahead are given out.
    pub fn closed(&mut self, of: &mut ClosedFragment, effective_ms: i64, out: &mut impl FnMut(LiveOut<'_>)) {
        let due = Due {
            windows: u16::MAX,
            outdated: outdated(of.minute, effective_ms),
            minute: of.minute,
            era: of.close.era,
            fragment: of.fragment,
        };
        self.publish(&due, &mut of.series, &of.tenants, &mut of.unpublished, out);
    }

    fn publish(
        &mut self,
        due: &Due,
        series: &mut SeriesTable,
        tenants: &Tenants,
        unpublished: &mut Unpublished,
        out: &mut impl FnMut(LiveOut<'_>),
    ) {
        if unpublished.windows & due.windows == 0 {
            return;
        }
        let mut left = 0;
        unpublished.slots.retain(|index| {
            let slot = &mut series.slots[*index as usize];
            let now = slot.unpublished & due.windows & !due.outdated;
            slot.unpublished &= !(due.windows | due.outdated);
            left |= slot.unpublished;
            let keep = slot.unpublished != 0;
            if now != 0 {
                self.series(due, now, series, tenants, *index, out);
            }
            keep
        });
        unpublished.windows = left;
    }

    fn series(
        &mut self,
        due: &Due,
        now: u16,
        series: &SeriesTable,
        tenants: &Tenants,
        index: u32,
        out: &mut impl FnMut(LiveOut<'_>),
    ) {
        let slot = &series.slots[index as usize];
        let from_ms = now.trailing_zeros() as u16 * WINDOW_MS as u16;
        let to_ms = (u16::BITS - now.leading_zeros()) as u16 * WINDOW_MS as u16;
        series.gather(slot, from_ms, to_ms, &mut self.gathered);
        self.gathered.readings.retain(|reading| now & (1 << (reading.at_ms / WINDOW_MS as u16)) != 0);
        windows::windows(&self.gathered, &series.large, minute_start_ms(due.minute), &mut self.windows);
        for window in &self.windows {
            out(LiveOut {
                tenant: &tenants.names[slot.tenant as usize],
                metric_id: slot.id(),
                era: due.era,
                fragment: due.fragment,
                window,
            });
        }
    }
}
