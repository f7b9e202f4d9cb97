//! `deriv` and `predict_linear`: a straight line through the samples.

use super::{Function, Implementation, RangeFunction, Subject};
use crate::kahan::KahanSum;
use crate::notes::{Note, NoteSet};
use crate::track::RangeView;
use crate::{SampleValue, ValueType};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::range("deriv", |view, _, notes| derivative(view, notes)),
    Function::of(
        "predict_linear",
        &[ValueType::Matrix, ValueType::Scalar],
        Implementation::Range(RangeFunction {
            keeps_name: false,
            subject: Subject::Anything,
            apply: |view, seconds, notes| prediction(view, seconds, notes),
            of_points: None,
        }),
    ),
];

/// The least-squares line through the samples: slope per second, and value at
/// a time.
struct Line {
    slope: f64,
    intercept: f64,
}

/// The line, with its intercept at `origin_ms`; `None`: fewer than two floats.
fn regression(view: &RangeView<'_>, origin_ms: i64, notes: &mut NoteSet) -> Option<Line> {
    if view.floats.has_blocks() || view.floats.is_cut() {
        notes.add(Note::EverySample);
    }
    let points = || view.floats.known_points().chain(view.deltas.iter().copied());
    let first = points().next()?.value;
    if !(view.histograms.is_empty() && view.distributions.is_empty()) {
        notes.add(Note::HistogramIgnored);
    }
    let mut n = 0.0;
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [KahanSum::default(); 4];
    let mut is_constant = true;
    for point in points() {
        let x = (point.time_ms - origin_ms) as f64 / 1000.0;
        is_constant &= n == 0.0 || point.value == first;
        n += 1.0;
        sum_x.add(x);
        sum_y.add(point.value);
        sum_xy.add(x * point.value);
        sum_xx.add(x * x);
    }
    if n < 2.0 {
        return None;
    }
    if is_constant && first.is_infinite() {
        return Some(Line { slope: f64::NAN, intercept: f64::NAN });
    }
    if is_constant {
        return Some(Line { slope: 0.0, intercept: first });
    }
    let [sum_x, sum_y, sum_xy, sum_xx] = [sum_x, sum_y, sum_xy, sum_xx].map(|sum| sum.value());
    let slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n);
    Some(Line { slope, intercept: sum_y / n - slope * sum_x / n })
}

fn derivative(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    let origin_ms = view.floats.first().or(view.deltas.first().copied())?.time_ms;
    Some(SampleValue::Float(regression(view, origin_ms, notes)?.slope))
}

/// The line's value some seconds after the step's time.
fn prediction(view: &RangeView<'_>, seconds: f64, notes: &mut NoteSet) -> Option<SampleValue> {
    let line = regression(view, view.step_ms, notes)?;
    Some(SampleValue::Float(line.slope * seconds + line.intercept))
}
