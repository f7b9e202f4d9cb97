//! Change over a range: `rate`, `increase`, `delta`, `irate`, `idelta`,
//! `deriv`, `resets`, `changes`.

use super::{Function, Implementation, RangeFunction};
use crate::histogram::{Incompatible, merge_distributions};
use crate::kahan::KahanSum;
use crate::notes::{Note, NoteSet};
use crate::track::{FloatPoint, HistogramPoint, RangeView};
use crate::{HistogramValue, SampleValue, ValueType};

pub(super) const FUNCTIONS: &[Function] = &[
    of_counters("rate", |view, _, notes| change(view, Change::Rate, notes)),
    of_counters("increase", |view, _, notes| change(view, Change::Increase, notes)),
    of_counters("irate", |view, _, notes| instant_change(view, true, notes)),
    Function::range("delta", |view, _, notes| change(view, Change::Delta, notes)),
    Function::range("idelta", |view, _, notes| instant_change(view, false, notes)),
    Function::range("deriv", |view, _, notes| derivative(view, notes)),
    Function::range("resets", |view, _, notes| resets(view, notes)),
    Function::range("changes", |view, _, notes| changes(view, notes)),
];

const fn of_counters(
    name: &'static str,
    apply: fn(&RangeView<'_>, f64, &mut NoteSet) -> Option<SampleValue>,
) -> Function {
    Function::of(
        name,
        &[ValueType::Matrix],
        Implementation::Range(RangeFunction { keeps_name: false, of_counters: true, apply }),
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Change {
    Rate,
    Increase,
    Delta,
}

fn change(view: &RangeView<'_>, change: Change, notes: &mut NoteSet) -> Option<SampleValue> {
    if view.is_mixed() {
        notes.add(Note::MixedKinds);
        return None;
    }
    if view.floats.is_cut() {
        notes.add(Note::CutWindow);
    }
    if !view.floats.is_empty() {
        return float_change(view, change);
    }
    if !view.histograms.is_empty() {
        return histogram_change(view, change, notes);
    }
    delta_change(view, change)
}

fn float_change(view: &RangeView<'_>, change: Change) -> Option<SampleValue> {
    let (first, last) = (view.floats.first()?, view.floats.last()?);
    let mut growth = last.value - first.value;
    if change != Change::Delta {
        growth += view.floats.correction();
    }
    let samples = Samples {
        first_ms: first.time_ms,
        last_ms: last.time_ms,
        count: view.floats.count(),
        cut_edges: view.floats.cut_edges(),
    };
    let zero = (change != Change::Delta && growth > 0.0 && first.value >= 0.0).then(|| first.value / growth);
    Some(SampleValue::Float(growth * extrapolation(view, &samples, zero, change)?))
}

/// Deltas add up; nothing is extrapolated, since nothing lies between them.
fn delta_change(view: &RangeView<'_>, change: Change) -> Option<SampleValue> {
    if change == Change::Delta {
        return gauge_delta(view);
    }
    let per = if change == Change::Rate { view.range_s() } else { 1.0 };
    if let Some(sum) =
        merge_distributions(view.distributions.iter().map(|point| &*point.value), view.distribution_counts)
    {
        return Some(SampleValue::histogram(if change == Change::Rate { sum.divided(per) } else { sum }));
    }
    if view.deltas.is_empty() {
        return None;
    }
    let mut sum = KahanSum::default();
    view.deltas.iter().for_each(|point| sum.add(point.value));
    Some(SampleValue::Float(sum.value() / per))
}

/// `delta` of a delta series: of the gauge of its windows' sums.
fn gauge_delta(view: &RangeView<'_>) -> Option<SampleValue> {
    let (first, last) = (view.deltas.first()?, view.deltas.last()?);
    let count = view.deltas.len() as u64;
    let samples = Samples { first_ms: first.time_ms, last_ms: last.time_ms, count, cut_edges: (false, false) };
    Some(SampleValue::Float((last.value - first.value) * extrapolation(view, &samples, None, Change::Delta)?))
}

struct Samples {
    first_ms: i64,
    last_ms: i64,
    count: u64,
    /// Whether there are unknown samples up to the start, and to the end.
    cut_edges: (bool, bool),
}

/// The factor that carries the growth between the first and last sample to the
/// edges of the range: up to an edge that lies within 1.1 mean distances, half
/// a distance past the samples otherwise, and for counters not past the zero
/// that `zero_distance` (first value / growth) puts before the first sample. An
/// edge that cuts a block has samples up to it.
fn extrapolation(view: &RangeView<'_>, samples: &Samples, zero_distance: Option<f64>, change: Change) -> Option<f64> {
    if samples.count < 2 || samples.last_ms <= samples.first_ms {
        return None;
    }
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(samples.first_ms, samples.last_ms);
    let mean_distance = sampled / (samples.count - 1) as f64;
    let threshold = mean_distance * 1.1;
    let mut to_start = seconds(view.start_ms, samples.first_ms);
    if to_start >= threshold && !samples.cut_edges.0 {
        to_start = mean_distance / 2.0;
    }
    if let Some(distance) = zero_distance {
        to_start = to_start.min(sampled * distance);
    }
    let mut to_end = seconds(samples.last_ms, view.end_ms);
    if to_end >= threshold && !samples.cut_edges.1 {
        to_end = mean_distance / 2.0;
    }
    let factor = (sampled + to_start + to_end) / sampled;
    Some(if change == Change::Rate { factor / view.range_s() } else { factor })
}

fn histogram_change(view: &RangeView<'_>, change: Change, notes: &mut NoteSet) -> Option<SampleValue> {
    let [first, .., last] = view.histograms else { return None };
    let grown = match histogram_growth(view.histograms, change != Change::Delta, notes) {
        Ok(grown) => grown,
        Err(Incompatible) => {
            notes.add(Note::IncompatibleHistograms);
            return None;
        }
    };
    let count = view.histograms.len() as u64;
    let samples = Samples { first_ms: first.time_ms, last_ms: last.time_ms, count, cut_edges: (false, false) };
    let zero = (change != Change::Delta && grown.count > 0.0 && first.value.count >= 0.0)
        .then(|| first.value.count / grown.count);
    let factor = extrapolation(view, &samples, zero, change)?;
    Some(SampleValue::histogram(grown.scaled(factor)))
}

fn histogram_growth(
    points: &[HistogramPoint],
    is_counter: bool,
    notes: &mut NoteSet,
) -> Result<HistogramValue, Incompatible> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Err(Incompatible) };
    let mut grown = last.value.subtract(&first.value)?;
    if points.iter().skip(1).any(|point| point.after_gap) {
        notes.add(Note::HistogramGap);
    }
    if is_counter {
        if points.iter().any(|point| point.value.reset_hint == tidegate_model::ResetHint::Gauge) {
            notes.add(Note::GaugeHistogram);
        }
        for pair in points.windows(2) {
            if pair[1].value.is_reset_from(&pair[0].value) {
                grown = grown.add(&pair[0].value)?;
            }
        }
    }
    Ok(grown)
}

/// Between the last two samples.
fn instant_change(view: &RangeView<'_>, is_rate: bool, notes: &mut NoteSet) -> Option<SampleValue> {
    if view.is_mixed() {
        notes.add(Note::MixedKinds);
        return None;
    }
    if view.floats.is_cut() || view.floats.has_blocks() {
        notes.add(Note::EverySample);
    }
    if let [.., before, last] = view.histograms {
        return instant_histogram_change(before, last, is_rate, notes);
    }
    if let [.., before, last] = view.distributions
        && is_rate
    {
        let seconds = (last.time_ms - before.time_ms) as f64 / 1000.0;
        return (seconds > 0.0).then(|| SampleValue::histogram(last.value.divided(seconds)));
    }
    if !view.deltas.is_empty() {
        let [.., before, last] = view.deltas else {
            notes.add(Note::NeedsTwoDeltas);
            return None;
        };
        let seconds = (last.time_ms - before.time_ms) as f64 / 1000.0;
        let value = if is_rate { last.value / seconds } else { last.value - before.value };
        return (seconds > 0.0).then_some(SampleValue::Float(value));
    }
    let mut latest = view.floats.parts().rev();
    let part = latest.next()?;
    let before = match part.block {
        Some(_) => part.first,
        None => latest.next()?.last,
    };
    float_instant_change(before, part.last, is_rate)
}

fn float_instant_change(before: FloatPoint, last: FloatPoint, is_rate: bool) -> Option<SampleValue> {
    let seconds = (last.time_ms - before.time_ms) as f64 / 1000.0;
    if seconds <= 0.0 {
        return None;
    }
    let value = if !is_rate {
        last.value - before.value
    } else if last.value < before.value {
        last.value / seconds
    } else {
        (last.value - before.value) / seconds
    };
    Some(SampleValue::Float(value))
}

fn instant_histogram_change(
    before: &HistogramPoint,
    last: &HistogramPoint,
    is_rate: bool,
    notes: &mut NoteSet,
) -> Option<SampleValue> {
    let seconds = (last.time_ms - before.time_ms) as f64 / 1000.0;
    if seconds <= 0.0 {
        return None;
    }
    let was_reset = is_rate && last.value.is_reset_from(&before.value);
    let grown = if was_reset { Ok((*last.value).clone()) } else { last.value.subtract(&before.value) };
    match grown {
        Ok(grown) => Some(SampleValue::histogram(if is_rate { grown.divided(seconds) } else { grown })),
        Err(Incompatible) => {
            notes.add(Note::IncompatibleHistograms);
            None
        }
    }
}

/// Slope of the least-squares line through the samples, per second.
fn derivative(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    if view.floats.has_blocks() || view.floats.is_cut() {
        notes.add(Note::EverySample);
    }
    let points = || view.floats.known_points().chain(view.deltas.iter().copied());
    let origin = points().next()?;
    let mut n = 0.0;
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_xx] = [KahanSum::default(); 4];
    let mut is_constant = true;
    for point in points() {
        let x = (point.time_ms - origin.time_ms) as f64 / 1000.0;
        is_constant &= point.value == origin.value;
        n += 1.0;
        sum_x.add(x);
        sum_y.add(point.value);
        sum_xy.add(x * point.value);
        sum_xx.add(x * x);
    }
    if n < 2.0 {
        return None;
    }
    if is_constant {
        return Some(SampleValue::Float(if origin.value.is_infinite() { f64::NAN } else { 0.0 }));
    }
    let covariance = sum_xy.value() - sum_x.value() * sum_y.value() / n;
    let variance = sum_xx.value() - sum_x.value() * sum_x.value() / n;
    Some(SampleValue::Float(covariance / variance))
}

fn resets(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    let histograms = view.histograms.windows(2).filter(|pair| pair[1].value.is_reset_from(&pair[0].value)).count();
    let step = |before: f64, after: f64| after < before;
    count_steps(view, step, |block| block.resets, histograms, notes)
}

fn changes(view: &RangeView<'_>, notes: &mut NoteSet) -> Option<SampleValue> {
    let differ = |points: &[HistogramPoint]| points.windows(2).filter(|pair| pair[1].value != pair[0].value).count();
    let histograms = differ(view.histograms) + differ(view.distributions);
    let step = |before: f64, after: f64| after != before && !(after.is_nan() && before.is_nan());
    count_steps(view, step, |block| block.changes, histograms, notes)
}

/// Counts steps between neighbouring samples: within blocks from what they
/// keep, between them by `counts`.
fn count_steps(
    view: &RangeView<'_>,
    counts: impl Fn(f64, f64) -> bool,
    within: impl Fn(&tidegate_model::FloatWindow) -> u32,
    others: usize,
    notes: &mut NoteSet,
) -> Option<SampleValue> {
    if view.is_empty() {
        return None;
    }
    if view.floats.is_cut() {
        notes.add(Note::CutWindow);
    }
    let mut total = others as u64;
    let mut before: Option<f64> = None;
    for part in view.floats.parts() {
        total += u64::from(before.is_some_and(|before| counts(before, part.first.value)));
        total += part.block.map_or(0, |block| u64::from(within(block)));
        before = Some(part.last.value);
    }
    total += view.deltas.windows(2).filter(|pair| counts(pair[0].value, pair[1].value)).count() as u64;
    Some(SampleValue::Float(total as f64))
}
