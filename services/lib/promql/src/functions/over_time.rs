//! Aggregates over a range: the `_over_time` family.

use super::{Function, Implementation, RangeFunction, Subject};
use crate::histogram::{HistogramValue, Incompatible};
use crate::kahan::{self, KahanMean, KahanSum, Variance};
use crate::notes::{Note, NoteSet};
use crate::track::RangeView;
use crate::{SampleValue, ValueType};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::range("avg_over_time", |view, _, notes| avg(view, notes)),
    Function::range("sum_over_time", |view, _, notes| sum(view, notes)),
    Function::range("min_over_time", |view, _, notes| extreme(view, |new, old| new < old, |block| block.min, notes)),
    Function::range("max_over_time", |view, _, notes| extreme(view, |new, old| new > old, |block| block.max, notes)),
    Function::range("count_over_time", |view, _, notes| count(view, notes)),
    Function::range("present_over_time", |view, _, _| (!view.is_empty()).then_some(SampleValue::Float(1.0))),
    Function::range("stddev_over_time", |view, _, notes| variance(view, notes).map(f64::sqrt).map(SampleValue::Float)),
    Function::range("stdvar_over_time", |view, _, notes| variance(view, notes).map(SampleValue::Float)),
    keeping_name("last_over_time", |view, _, notes| edge(view, Edge::Last, notes)),
    keeping_name("first_over_time", |view, _, notes| edge(view, Edge::First, notes)),
    Function::of(
        "quantile_over_time",
        &[ValueType::Scalar, ValueType::Matrix],
        Implementation::Range(RangeFunction {
            keeps_name: false,
            subject: Subject::Anything,
            apply: |view, phi, notes| quantile(view, phi, notes),
            of_points: None,
        }),
    ),
];

const fn keeping_name(
    name: &'static str,
    apply: fn(&RangeView<'_>, f64, &mut NoteSet) -> Option<SampleValue>,
) -> Function {
    Function::of(
        name,
        &[ValueType::Matrix],
        Implementation::Range(RangeFunction { keeps_name: true, subject: Subject::Anything, apply, of_points: None }),
    )
}

fn has_floats(view: &RangeView<'_>) -> bool {
    !view.floats.is_empty() || !view.deltas.is_empty()
}

fn histograms<'a>(view: &RangeView<'a>) -> impl Iterator<Item = &'a HistogramValue> + use<'a> {
    view.histograms.iter().chain(view.distributions).map(|point| &*point.value)
}

fn note_cut(view: &RangeView<'_>, notes: &mut NoteSet) {
    if view.floats.is_cut() {
        notes.add(Note::CutWindow);
    }
}

/// Floats and histograms cannot be added up; true when the range has both.
fn is_mixed(view: &RangeView<'_>, notes: &mut NoteSet) -> bool {
    let mixed = has_floats(view) && histograms(view).next().is_some();
    if mixed {
        notes.add(Note::MixedKinds);
    }
    mixed
}

fn sum(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    note_cut(view, notes);
    if is_mixed(view, notes) {
        return None;
    }
    if !has_floats(view) {
        return histogram_sum(view, notes).map(|(sum, _)| SampleValue::histogram(sum));
    }
    let mut sum = KahanSum::default();
    for part in view.floats.parts() {
        sum.add(part.block.map_or(part.last.value, |block| block.sum));
    }
    view.deltas.iter().for_each(|point| sum.add(point.value));
    Some(SampleValue::Float(sum.value()))
}

fn avg(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    note_cut(view, notes);
    if is_mixed(view, notes) {
        return None;
    }
    if !has_floats(view) {
        return histogram_sum(view, notes).map(|(sum, count)| SampleValue::histogram(sum.divided(count)));
    }
    let mut mean = KahanMean::default();
    for part in view.floats.parts() {
        match part.block {
            Some(block) => mean.add_many(block.sum, f64::from(block.count)),
            None => mean.add(part.last.value),
        }
    }
    view.deltas.iter().for_each(|point| mean.add(point.value));
    Some(SampleValue::Float(mean.value()))
}

fn histogram_sum(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<(HistogramValue, f64)> {
    let mut values = histograms(view);
    let mut sum = values.next()?.clone();
    let mut count = 1.0;
    for value in values {
        sum = match sum.add(value, notes) {
            Ok(sum) => sum,
            Err(Incompatible) => {
                notes.add(Note::IncompatibleHistograms);
                return None;
            }
        };
        count += 1.0;
    }
    Some((sum, count))
}

/// NaN only when all samples are.
fn extreme(
    view: &RangeView<'_>,
    is_better: impl Fn(f64, f64) -> bool,
    of_block: impl Fn(&tidegate_model::FloatWindow) -> f64,
    notes: &mut NoteSet,
) -> Option<SampleValue> {
    note_cut(view, notes);
    note_ignored(view, notes);
    let floats = view.floats.parts().map(|part| part.block.map_or(part.last.value, &of_block));
    let all = floats.chain(view.deltas.iter().map(|point| point.value));
    all.reduce(|old, new| if is_better(new, old) || old.is_nan() { new } else { old }).map(SampleValue::Float)
}

fn note_ignored(view: &RangeView<'_>, notes: &mut NoteSet) {
    if has_floats(view) && histograms(view).next().is_some() {
        notes.add(Note::HistogramIgnored);
    }
}

fn count(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    note_cut(view, notes);
    let others = view.deltas.len() + view.histograms.len() + view.distributions.len();
    let total = view.floats.count() + others as u64;
    (total > 0).then_some(SampleValue::Float(total as f64))
}

/// The samples that are known, when a function wants every one.
fn known_values(view: &RangeView<'_>, notes: &mut NoteSet) -> Vec<f64> {
    if view.floats.has_blocks() || view.floats.is_cut() {
        notes.add(Note::EverySample);
    }
    note_ignored(view, notes);
    let floats = view.floats.known_points();
    floats.chain(view.deltas.iter().copied()).map(|point| point.value).collect()
}

fn variance(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<f64> {
    let values = known_values(view, notes);
    let mut variance = Variance::default();
    values.iter().for_each(|value| variance.add(*value));
    (!values.is_empty()).then(|| variance.value())
}

fn quantile(view: &RangeView<'_>, phi: f64, notes: &mut NoteSet) -> Option<SampleValue> {
    let mut values = known_values(view, notes);
    if !values.is_empty() && !(0.0..=1.0).contains(&phi) {
        notes.add(Note::BadQuantile);
    }
    (!values.is_empty()).then(|| SampleValue::Float(kahan::quantile(phi, &mut values)))
}

#[derive(Clone, Copy, PartialEq)]
enum Edge {
    First,
    Last,
}

fn edge(view: &RangeView<'_>, edge: Edge, notes: &mut NoteSet) -> Option<SampleValue> {
    note_cut(view, notes);
    let float = match edge {
        Edge::First => view.floats.first(),
        Edge::Last => view.floats.last(),
    };
    let at = |count: usize| if edge == Edge::First { 0 } else { count.wrapping_sub(1) };
    let delta = view.deltas.get(at(view.deltas.len())).copied();
    let histogram = |points: &[crate::track::HistogramPoint]| {
        points.get(at(points.len())).map(|point| (point.time_ms, SampleValue::Histogram(point.value.clone())))
    };
    let candidates = [
        float.map(|point| (point.time_ms, SampleValue::Float(point.value))),
        delta.map(|point| (point.time_ms, SampleValue::Float(point.value))),
        histogram(view.histograms),
        histogram(view.distributions),
    ];
    let found = candidates.into_iter().flatten().reduce(|best, next| {
        let is_better = if edge == Edge::First { next.0 < best.0 } else { next.0 > best.0 };
        if is_better { next } else { best }
    });
    found.map(|(_, value)| value)
}
