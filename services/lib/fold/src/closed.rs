//! A fragment that is complete and waits to be stored.

use tidegate_model::time::{MINUTE_MS, MINUTES_PER_HOUR, minute_start_ms};
use tidegate_model::{Clock, MetricId, TenantId, Touch, Window};

use crate::fragment::{OpenFragment, Tenants, Unpublished};
use crate::series_table::{Gathered, SeriesTable};
use crate::windows;

/// A closed fragment. It owns its samples, so it can be turned into rows bit
/// by bit while the fold goes on.
#[derive(Clone)]
pub struct ClosedFragment {
    pub(crate) minute: u32,
    pub(crate) fragment: u32,
    pub(crate) close: Clock,
    samples: u64,
    pub(crate) series: SeriesTable,
    pub(crate) tenants: Tenants,
    pub(crate) unpublished: Unpublished,
    next: Option<usize>,
    gathered: Gathered,
    windows: Vec<Window>,
    totals: Vec<Window>,
}

/// One row: a series' part of the fragment.
#[derive(Clone, Copy, Debug)]
pub struct RowOut<'a> {
    pub tenant: &'a TenantId,
    pub metric_id: MetricId,
    /// Minutes since the epoch.
    pub minute: u32,
    pub era: u32,
    pub fragment: u32,
    /// Stale markers included.
    pub samples: u32,
    /// Ascending by (start, kind); only those that have samples.
    pub windows: &'a [Window],
    /// One per kind that occurs.
    pub totals: &'a [Window],
}

impl ClosedFragment {
    pub(crate) fn new(open: OpenFragment, era: u32) -> Self {
        Self {
            minute: open.minute,
            fragment: open.placement.fragment,
            close: Clock { era, effective_ms: open.placement.close_ms },
            samples: open.entry.counted,
            series: open.series,
            tenants: open.tenants,
            unpublished: open.unpublished,
            next: None,
            gathered: Gathered::default(),
            windows: Vec::new(),
            totals: Vec::new(),
        }
    }

    /// What writing it does to its hour.
    pub fn touch(&self) -> Touch {
        let late = (self.fragment != 0).then_some(self.close);
        Touch { hour: self.minute / MINUTES_PER_HOUR, closed: self.close, late }
    }

    /// Minutes since the epoch, of the samples' own times.
    pub fn minute(&self) -> u32 {
        self.minute
    }

    /// 0 for samples that came on time, else minute of arrival + 1.
    pub fn fragment(&self) -> u32 {
        self.fragment
    }

    /// The clock at which the fragment closes: the same for every owner.
    pub fn close(&self) -> Clock {
        self.close
    }

    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Number of rows in all.
    pub fn series(&self) -> usize {
        self.series.slots.len()
    }

    /// The next rows, ascending by metric id, `max_rows` at most. Returns how
    /// many are left.
    pub fn rows(&mut self, max_rows: usize, mut out: impl FnMut(RowOut<'_>)) -> usize {
        let begin = match self.next {
            Some(next) => next,
            None => {
                self.series.seal();
                // The indices of the slots changed.
                self.unpublished = Unpublished::default();
                0
            }
        };
        let end = self.series.slots.len().min(begin.saturating_add(max_rows));
        let start_ms = minute_start_ms(self.minute);
        for index in begin..end {
            let slot = &self.series.slots[index];
            self.series.gather(slot, 0, MINUTE_MS as u16, &mut self.gathered);
            windows::windows(&self.gathered, &self.series.large, start_ms, &mut self.windows);
            windows::totals(&self.gathered, &self.series.large, start_ms, &mut self.totals);
            out(RowOut {
                tenant: &self.tenants.names[slot.tenant as usize],
                metric_id: slot.id(),
                minute: self.minute,
                era: self.close.era,
                fragment: self.fragment,
                samples: self.gathered.readings.len() as u32,
                windows: &self.windows,
                totals: &self.totals,
            });
        }
        self.next = Some(end);
        self.series.slots.len() - end
    }
}
