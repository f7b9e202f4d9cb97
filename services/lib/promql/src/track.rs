//! A series as evaluation reads it: windows turned into points where they are
//! exact, kept as blocks where they are not, with cursors over ranges.

mod view;

use std::sync::Arc;

use tidegate_model::{FloatWindow, Histogram, HistogramWindow, Point, Window, WindowValue};

use crate::notes::{Note, NoteSet};
use crate::source::LOOKBACK_MS;
use crate::value::Cell;
use crate::{HistogramValue, SampleValue, Windows};

pub(crate) use view::{Cursor, RangeView};

/// All that is known of one series, by kind, each ascending in time.
#[derive(Debug, Default)]
pub(crate) struct Track {
    pub floats: Floats,
    /// Sums of delta windows at the time of their last sample.
    pub deltas: Vec<FloatPoint>,
    /// Native histograms.
    pub histograms: Vec<HistogramPoint>,
    /// Distributions of delta windows at the time of their last sample.
    pub distributions: Vec<HistogramPoint>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FloatPoint {
    pub time_ms: i64,
    pub value: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct HistogramPoint {
    pub time_ms: i64,
    pub value: Arc<HistogramValue>,
    /// Samples between the one before and this one were not kept.
    pub after_gap: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Floats {
    pub entries: Vec<Entry>,
    /// Windows of more than two samples, which entries point into.
    pub blocks: Vec<FloatWindow>,
    /// What counter resets add to last − first; entries without are left out.
    pub corrections: Vec<Correction>,
    /// Times of stale markers.
    pub stale_ms: Vec<i64>,
}

/// One sample, or a block of more than two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub first: FloatPoint,
    pub last: FloatPoint,
    /// Index into `blocks`.
    pub block: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    pub entry: usize,
    /// For the step from the entry before to this one.
    pub before: f64,
    /// For resets within the entry.
    pub within: f64,
}

impl Track {
    pub fn of(windows: &Windows) -> Self {
        match windows {
            Windows::Points(points) => {
                let mut track = Self::default();
                track.floats.entries.reserve_exact(points.len());
                points.iter().for_each(|point| track.floats.push_point(float_point(point)));
                track
            }
            Windows::Any(windows) => Self::of_any(windows),
        }
    }

    fn of_any(windows: &[Window]) -> Self {
        let mut track = Self::default();
        if let Some(Window { value: WindowValue::Float(_), .. }) = windows.first() {
            track.floats.entries.reserve(windows.len());
        }
        for window in windows {
            match &window.value {
                WindowValue::Float(float) => track.floats.push_window(float),
                WindowValue::Histogram(histogram) => track.push_histogram_window(histogram),
                WindowValue::DeltaFloat(delta) => {
                    track.deltas.push(FloatPoint { time_ms: delta.last_ms, value: delta.sum });
                }
                WindowValue::DeltaDistribution(delta) => track.distributions.push(HistogramPoint {
                    time_ms: delta.last_ms,
                    value: Arc::new(HistogramValue::from(&delta.distribution)),
                    after_gap: false,
                }),
            }
        }
        track
    }

    /// The values that an expression took at ascending times.
    pub fn of_cells(cells: impl Iterator<Item = (i64, Cell)>) -> Self {
        let mut track = Self::default();
        for (time_ms, cell) in cells {
            match cell {
                Some(SampleValue::Float(value)) => track.floats.push_point(FloatPoint { time_ms, value }),
                Some(SampleValue::Histogram(value)) => {
                    track.histograms.push(HistogramPoint { time_ms, value, after_gap: false });
                }
                None => {}
            }
        }
        track
    }

    fn push_histogram_window(&mut self, window: &HistogramWindow) {
        let point = |point: &Point<Arc<Histogram>>, after_gap| HistogramPoint {
            time_ms: point.time_ms,
            value: Arc::new(HistogramValue::from(&*point.value)),
            after_gap,
        };
        if window.count == 0 {
            return;
        }
        self.histograms.push(point(&window.first, false));
        if window.count > 1 && window.last.time_ms > window.first.time_ms {
            self.histograms.push(point(&window.last, window.count > 2));
        }
    }
}

impl Floats {
    fn push_window(&mut self, window: &FloatWindow) {
        if window.stale.count > 0 {
            self.stale_ms.push(window.stale.last_ms);
        }
        let (first, last) = (float_point(&window.first), float_point(&window.last));
        match window.count {
            0 => {}
            1 => self.push_point(first),
            2 => {
                self.push_point(first);
                // Of two samples of the same millisecond the first counts.
                if last.time_ms > first.time_ms {
                    self.push_point(last);
                }
            }
            _ => {
                let within = if window.resets > 0 { window.increase - (last.value - first.value) } else { 0.0 };
                let block = u32::try_from(self.blocks.len()).ok();
                self.blocks.push(*window);
                // NaN samples hide the resets next to them, as in raw data.
                self.push(Entry { first, last, block }, if within.is_nan() { 0.0 } else { within });
            }
        }
    }

    /// Whether a time within the entry has a sample within the look-back, as far
    /// as can be told: in a window longer than that, the first may be too old
    /// while others are not.
    fn is_dense(&self, entry: &Entry) -> bool {
        let block = entry.block.and_then(|index| self.blocks.get(index as usize));
        block.is_some_and(|block| {
            let steps = i64::from(block.count.saturating_sub(1)).max(1);
            (entry.last.time_ms - entry.first.time_ms) / steps < LOOKBACK_MS
        })
    }

    pub fn push_point(&mut self, point: FloatPoint) {
        self.push(Entry { first: point, last: point, block: None }, 0.0);
    }

    fn push(&mut self, entry: Entry, within: f64) {
        let before = match self.entries.last() {
            Some(previous) if entry.first.value < previous.last.value => previous.last.value,
            _ => 0.0,
        };
        if before != 0.0 || within != 0.0 {
            self.corrections.push(Correction { entry: self.entries.len(), before, within });
        }
        self.entries.push(entry);
    }
}

fn float_point(point: &Point) -> FloatPoint {
    FloatPoint { time_ms: point.time_ms, value: point.value }
}

/// Finds, for ascending times, the sample that an instant selector shows.
#[derive(Default)]
pub(crate) struct InstantCursor {
    float: usize,
    delta: usize,
    histogram: usize,
    distribution: usize,
    stale: usize,
}

impl InstantCursor {
    /// The latest sample in (time − look-back, time] and its own time, unless a
    /// stale marker came after it.
    pub fn at(&mut self, track: &Track, time_ms: i64, notes: &mut NoteSet) -> Option<(i64, SampleValue)> {
        let mut latest: Option<(i64, SampleValue)> = None;
        let mut offer = |at_ms: i64, value: SampleValue| {
            if latest.as_ref().is_none_or(|(best_ms, _)| at_ms > *best_ms) {
                latest = Some((at_ms, value));
            }
        };
        let entries = &track.floats.entries;
        advance(&mut self.float, entries, |entry| entry.first.time_ms <= time_ms);
        let mut amid_samples = false;
        if let Some(entry) = self.float.checked_sub(1).map(|index| &entries[index]) {
            let point = if entry.last.time_ms <= time_ms {
                entry.last
            } else {
                notes.add(Note::CutWindow);
                amid_samples = track.floats.is_dense(entry);
                entry.first
            };
            offer(point.time_ms, SampleValue::Float(point.value));
        }
        advance(&mut self.delta, &track.deltas, |point| point.time_ms <= time_ms);
        if let Some(point) = self.delta.checked_sub(1).map(|index| &track.deltas[index]) {
            offer(point.time_ms, SampleValue::Float(point.value));
        }
        for (cursor, points) in
            [(&mut self.histogram, &track.histograms), (&mut self.distribution, &track.distributions)]
        {
            advance(cursor, points, |point| point.time_ms <= time_ms);
            if let Some(point) = cursor.checked_sub(1).map(|index| &points[index]) {
                offer(point.time_ms, SampleValue::Histogram(point.value.clone()));
            }
        }
        advance(&mut self.stale, &track.floats.stale_ms, |stale_ms| *stale_ms <= time_ms);
        let stale_ms = self.stale.checked_sub(1).map(|index| track.floats.stale_ms[index]);
        latest.filter(|(at_ms, _)| {
            let recent = amid_samples || *at_ms > time_ms.saturating_sub(LOOKBACK_MS);
            recent && stale_ms.is_none_or(|stale_ms| stale_ms <= *at_ms)
        })
    }
}

/// Moves an index past the items that are `before`. The first jump is a search,
/// the rest are short.
pub(crate) fn advance<T>(index: &mut usize, items: &[T], before: impl Fn(&T) -> bool) {
    if *index == 0 {
        *index = items.partition_point(&before);
        return;
    }
    while items.get(*index).is_some_and(&before) {
        *index += 1;
    }
}
