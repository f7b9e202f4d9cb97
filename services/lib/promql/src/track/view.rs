//! The samples of a series within a range (start, end].

use tidegate_model::FloatWindow;

use crate::histogram::SlidingCounts;

use super::{Entry, FloatPoint, Floats, HistogramPoint, Track, advance};

/// Moves over a track as ranges move on in time.
#[derive(Default)]
pub(crate) struct Cursor {
    floats: (usize, usize),
    deltas: (usize, usize),
    histograms: (usize, usize),
    distributions: (usize, usize),
    /// Kept for functions that add distributions up.
    counts: Option<SlidingCounts>,
}

/// What a range function sees at one step.
#[derive(Clone, Copy)]
pub(crate) struct RangeView<'a> {
    pub floats: FloatView<'a>,
    pub deltas: &'a [FloatPoint],
    pub histograms: &'a [HistogramPoint],
    pub distributions: &'a [HistogramPoint],
    /// Counts of `distributions`, where the cursor keeps them.
    pub distribution_counts: Option<&'a SlidingCounts>,
    /// Exclusive.
    pub start_ms: i64,
    /// Inclusive.
    pub end_ms: i64,
    /// The step's own time: that of the end without offset or `@`.
    pub step_ms: i64,
}

impl Cursor {
    /// A cursor that counts the distributions of each range as it moves.
    pub fn counting(track: &Track) -> Self {
        let counts = SlidingCounts::over(track.distributions.iter().map(|point| &*point.value));
        Self { counts, ..Self::default() }
    }

    /// The samples in (start, end]; calls come with ascending times.
    pub fn view<'a>(&'a mut self, track: &'a Track, start_ms: i64, end_ms: i64) -> RangeView<'a> {
        let entries = &track.floats.entries;
        advance(&mut self.floats.0, entries, |entry| entry.last.time_ms <= start_ms);
        advance(&mut self.floats.1, entries, |entry| entry.first.time_ms <= end_ms);
        let points = &track.distributions;
        let distributions = slice(&mut self.distributions, points, |point| point.time_ms, start_ms, end_ms);
        if let Some(counts) = &mut self.counts {
            counts.advance(|index| &*points[index].value, self.distributions.0, self.distributions.1);
        }
        RangeView {
            floats: FloatView::new(&track.floats, self.floats, start_ms, end_ms),
            deltas: slice(&mut self.deltas, &track.deltas, |point| point.time_ms, start_ms, end_ms),
            histograms: slice(&mut self.histograms, &track.histograms, |point| point.time_ms, start_ms, end_ms),
            distributions,
            distribution_counts: self.counts.as_ref(),
            start_ms,
            end_ms,
            step_ms: end_ms,
        }
    }
}

fn slice<'a, T>(
    cursor: &mut (usize, usize),
    items: &'a [T],
    time_ms: impl Fn(&T) -> i64,
    start_ms: i64,
    end_ms: i64,
) -> &'a [T] {
    advance(&mut cursor.0, items, |item| time_ms(item) <= start_ms);
    advance(&mut cursor.1, items, |item| time_ms(item) <= end_ms);
    &items[cursor.0.min(cursor.1)..cursor.1]
}

impl RangeView<'_> {
    pub fn range_s(&self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0
    }

    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.deltas.is_empty() && self.histograms.is_empty() && self.distributions.is_empty()
    }

    /// More than one kind of sample.
    pub fn is_mixed(&self) -> bool {
        let present = [
            !self.floats.is_empty(),
            !self.deltas.is_empty(),
            !self.histograms.is_empty(),
            !self.distributions.is_empty(),
        ];
        present.into_iter().filter(|present| *present).count() > 1
    }
}

/// The float samples of a range. A block that an edge of the range cuts shows
/// only its sample on the inner side.
#[derive(Clone, Copy)]
pub(crate) struct FloatView<'a> {
    floats: &'a Floats,
    low: usize,
    high: usize,
    start_ms: i64,
    end_ms: i64,
}

/// Samples that follow each other: one, or a whole block.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub first: FloatPoint,
    pub last: FloatPoint,
    pub block: Option<&'a FloatWindow>,
}

impl<'a> FloatView<'a> {
    fn new(floats: &'a Floats, (low, high): (usize, usize), start_ms: i64, end_ms: i64) -> Self {
        let mut view = Self { floats, low: low.min(high), high, start_ms, end_ms };
        // A block that reaches out on both sides has no known sample inside.
        if view.high - view.low == 1
            && view.cuts_left(&floats.entries[view.low])
            && view.cuts_right(&floats.entries[view.low])
        {
            view.high = view.low;
        }
        view
    }

    fn cuts_left(&self, entry: &Entry) -> bool {
        entry.first.time_ms <= self.start_ms
    }

    fn cuts_right(&self, entry: &Entry) -> bool {
        entry.last.time_ms > self.end_ms
    }

    fn entries(&self) -> &'a [Entry] {
        &self.floats.entries[self.low..self.high]
    }

    pub fn is_empty(&self) -> bool {
        self.low == self.high
    }

    pub fn has_blocks(&self) -> bool {
        !self.floats.blocks.is_empty() && self.entries().iter().any(|entry| entry.block.is_some())
    }

    /// Whether an edge of the range cuts a block, so that samples are missing.
    pub fn is_cut(&self) -> bool {
        if self.is_empty() {
            // Inside of one block, of which neither end is known here.
            let around = self.floats.entries.get(self.low);
            return around.is_some_and(|entry| self.cuts_left(entry) && self.cuts_right(entry));
        }
        let (left, right) = self.cut_edges();
        left || right
    }

    /// Whether samples that are not known lie between the start of the range and
    /// the first known one, and between the last known one and the end.
    pub fn cut_edges(&self) -> (bool, bool) {
        let entries = self.entries();
        (
            entries.first().is_some_and(|entry| self.cuts_left(entry)),
            entries.last().is_some_and(|entry| self.cuts_right(entry)),
        )
    }

    pub fn first(&self) -> Option<FloatPoint> {
        self.entries().first().map(|entry| if self.cuts_left(entry) { entry.last } else { entry.first })
    }

    pub fn last(&self) -> Option<FloatPoint> {
        self.entries().last().map(|entry| if self.cuts_right(entry) { entry.first } else { entry.last })
    }

    /// Number of samples; a cut block counts as one.
    pub fn count(&self) -> u64 {
        if self.floats.blocks.is_empty() {
            return (self.high - self.low) as u64;
        }
        self.parts().map(|part| part.block.map_or(1, |block| u64::from(block.count))).sum()
    }

    pub fn parts(&self) -> impl DoubleEndedIterator<Item = Part<'a>> + use<'a> {
        let view = *self;
        self.entries().iter().map(move |entry| {
            if view.cuts_left(entry) {
                Part { first: entry.last, last: entry.last, block: None }
            } else if view.cuts_right(entry) {
                Part { first: entry.first, last: entry.first, block: None }
            } else {
                let block = entry.block.and_then(|index| view.floats.blocks.get(index as usize));
                Part { first: entry.first, last: entry.last, block }
            }
        })
    }

    /// `growth` with what counter resets add to it, in their order: sums of large
    /// numbers depend on it.
    pub fn corrected(&self, growth: f64) -> f64 {
        let corrections = &self.floats.corrections;
        if corrections.is_empty() {
            return growth;
        }
        let from = corrections.partition_point(|correction| correction.entry < self.low);
        let mut sum = growth;
        for correction in corrections[from..].iter().take_while(|correction| correction.entry < self.high) {
            if correction.entry > self.low {
                sum += correction.before;
            }
            let entry = &self.floats.entries[correction.entry];
            if !self.cuts_left(entry) && !self.cuts_right(entry) {
                sum += correction.within;
            }
        }
        sum
    }

    /// The known samples: ends of blocks, not what lies between.
    pub fn known_points(&self) -> impl Iterator<Item = FloatPoint> + use<'a> {
        self.parts().flat_map(|part| {
            let last = (part.last.time_ms > part.first.time_ms).then_some(part.last);
            std::iter::once(part.first).chain(last)
        })
    }
}
