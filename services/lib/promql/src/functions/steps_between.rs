//! `resets` and `changes`: steps between neighbouring samples.

use tidegate_model::FloatWindow;

use super::Function;
use crate::notes::{Note, NoteSet};
use crate::track::{HistogramPoint, RangeView};
use crate::{HistogramValue, SampleValue};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::range("resets", |view, _, notes| resets(view, notes)),
    Function::range("changes", |view, _, notes| changes(view, notes)),
];

fn resets(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    let steps = Steps {
        of_floats: |before, after| after < before,
        of_histograms: |before, after| after.is_reset_from(before),
        within: |block| block.resets,
    };
    steps.count(view, notes)
}

fn changes(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    let steps = Steps {
        of_floats: |before, after| after != before && !(after.is_nan() && before.is_nan()),
        of_histograms: |before, after| !after.is_same(before),
        within: |block| block.changes,
    };
    steps.count(view, notes)
}

/// Which steps between neighbouring samples count, and how many a block keeps.
struct Steps {
    of_floats: fn(f64, f64) -> bool,
    of_histograms: fn(&HistogramValue, &HistogramValue) -> bool,
    within: fn(&FloatWindow) -> u32,
}

impl Steps {
    fn count(&self, view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
        if view.is_empty() {
            return None;
        }
        if view.floats.is_cut() {
            notes.add(Note::CutWindow);
        }
        let total = if view.floats.is_empty() || view.histograms.is_empty() {
            let of_floats = self.between_floats(view) + self.between_deltas(view);
            of_floats + self.between_histograms(view.histograms) + self.between_histograms(view.distributions)
        } else {
            self.between_kinds(view)
        };
        Some(SampleValue::Float(total as f64))
    }

    fn between_floats(&self, view: &RangeView<'_>) -> u64 {
        let mut total = 0;
        let mut before: Option<f64> = None;
        for part in view.floats.parts() {
            total += u64::from(before.is_some_and(|before| (self.of_floats)(before, part.first.value)));
            total += part.block.map_or(0, |block| u64::from((self.within)(block)));
            before = Some(part.last.value);
        }
        total
    }

    fn between_deltas(&self, view: &RangeView<'_>) -> u64 {
        view.deltas.windows(2).filter(|pair| (self.of_floats)(pair[0].value, pair[1].value)).count() as u64
    }

    fn between_histograms(&self, points: &[HistogramPoint]) -> u64 {
        points.windows(2).filter(|pair| (self.of_histograms)(&pair[0].value, &pair[1].value)).count() as u64
    }

    /// Floats and native histograms in turn: a step from one kind to the other
    /// always counts.
    fn between_kinds(&self, view: &RangeView<'_>) -> u64 {
        let floats = view.floats.known_points().map(|point| (point.time_ms, SampleValue::Float(point.value)));
        let histograms = view.histograms.iter();
        let histograms = histograms.map(|point| (point.time_ms, SampleValue::Histogram(point.value.clone())));
        let mut all: Vec<_> = floats.chain(histograms).collect();
        all.sort_by_key(|(time_ms, _)| *time_ms);
        let counts = |pair: &&[(i64, SampleValue)]| match (&pair[0].1, &pair[1].1) {
            (SampleValue::Float(before), SampleValue::Float(after)) => (self.of_floats)(*before, *after),
            (SampleValue::Histogram(before), SampleValue::Histogram(after)) => (self.of_histograms)(before, after),
            _ => true,
        };
        all.windows(2).filter(counts).count() as u64
    }
}
