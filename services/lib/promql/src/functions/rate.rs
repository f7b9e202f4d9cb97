//! Change over a range: `rate`, `increase`, `delta`, `irate`, `idelta`.

use std::sync::Arc;

use tidegate_model::{Point, ResetHint};

use super::{Function, Implementation, OfPoints, RangeFunction, Subject};
use crate::histogram::{Incompatible, merge_distributions};
use crate::kahan::KahanSum;
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::track::{FloatPoint, HistogramPoint, RangeView, advance};
use crate::value::Cell;
use crate::{HistogramValue, SampleValue, ValueType};

pub(super) const FUNCTIONS: &[Function] = &[
    of_counters(
        "rate",
        |view, _, notes| change(view, Change::Rate, notes),
        |points, ends, range_ms| changes_of_points(points, ends, range_ms, Change::Rate),
    ),
    of_counters(
        "increase",
        |view, _, notes| change(view, Change::Increase, notes),
        |points, ends, range_ms| changes_of_points(points, ends, range_ms, Change::Increase),
    ),
    Function::range("irate", |view, _, notes| instant_change(view, true, notes)),
    Function::range("delta", |view, _, notes| change(view, Change::Delta, notes)),
    Function::range("idelta", |view, _, notes| instant_change(view, false, notes)),
];

const fn of_counters(
    name: &'static str,
    apply: fn(&RangeView<'_>, f64, &mut NoteSet) -> Option<SampleValue>,
    of_points: OfPoints,
) -> Function {
    let of_points = Some(of_points);
    Function::of(
        name,
        &[ValueType::Matrix],
        Implementation::Range(RangeFunction { keeps_name: false, subject: Subject::Counters, apply, of_points }),
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
    let samples = Samples {
        first_ms: first.time_ms,
        last_ms: last.time_ms,
        count: view.floats.count(),
        cut_edges: view.floats.cut_edges(),
    };
    let range = (view.start_ms, view.end_ms);
    float_growth(range, first.value, last.value, &samples, change, |growth| view.floats.corrected(growth))
}

fn float_growth(
    range: (i64, i64),
    first: f64,
    last: f64,
    samples: &Samples,
    change: Change,
    corrected: impl FnOnce(f64) -> f64,
) -> Option<SampleValue> {
    let mut growth = last - first;
    if change != Change::Delta {
        growth = corrected(growth);
    }
    let zero = (change != Change::Delta && growth > 0.0 && first >= 0.0).then(|| first / growth);
    Some(SampleValue::Float(growth * extrapolation(range, samples, zero, change)?))
}

/// [`change`] at each step. The edges of the range only move on, so each
/// sample is passed twice in all.
fn changes_of_points(points: &[Point], ends: &Steps, range_ms: i64, change: Change) -> Vec<Cell> {
    // Samples below the one before them, with what a reset there adds.
    let pairs = points.windows(2).enumerate();
    let dropped = pairs.filter(|(_, pair)| pair[1].value < pair[0].value && pair[0].value != 0.0);
    let resets: Vec<(usize, f64)> = dropped.map(|(index, pair)| (index + 1, pair[0].value)).collect();
    let (mut low, mut high, mut reset) = (0, 0, 0);
    let cell = |step| {
        let end_ms = ends.time_ms(step);
        let start_ms = end_ms.saturating_sub(range_ms);
        advance(&mut low, points, |point| point.time_ms <= start_ms);
        advance(&mut high, points, |point| point.time_ms <= end_ms);
        let [first, .., last] = points.get(low..high)? else { return None };
        advance(&mut reset, &resets, |(index, _)| *index < low);
        let samples = Samples {
            first_ms: first.time_ms,
            last_ms: last.time_ms,
            count: (high - low) as u64,
            cut_edges: (false, false),
        };
        float_growth((start_ms, end_ms), first.value, last.value, &samples, change, |growth| {
            let within = resets[reset..].iter().take_while(|(index, _)| *index < high);
            // As a sum over all that is noted of a reset: a zero changes the sign of -0.
            within.fold(growth, |sum, (index, before)| if *index > low { sum + before + 0.0 } else { sum + 0.0 })
        })
    };
    (0..ends.count).map(cell).collect()
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
    Some(SampleValue::Float(
        (last.value - first.value) * extrapolation((view.start_ms, view.end_ms), &samples, None, Change::Delta)?,
    ))
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
fn extrapolation(
    (start_ms, end_ms): (i64, i64),
    samples: &Samples,
    zero_distance: Option<f64>,
    change: Change,
) -> Option<f64> {
    if samples.count < 2 || samples.last_ms <= samples.first_ms {
        return None;
    }
    let seconds = |from_ms: i64, to_ms: i64| (to_ms - from_ms) as f64 / 1000.0;
    let sampled = seconds(samples.first_ms, samples.last_ms);
    let mean_distance = sampled / (samples.count - 1) as f64;
    let threshold = mean_distance * 1.1;
    let mut to_start = seconds(start_ms, samples.first_ms);
    if to_start >= threshold && !samples.cut_edges.0 {
        to_start = mean_distance / 2.0;
    }
    if let Some(distance) = zero_distance {
        to_start = to_start.min(sampled * distance);
    }
    let mut to_end = seconds(samples.last_ms, end_ms);
    if to_end >= threshold && !samples.cut_edges.1 {
        to_end = mean_distance / 2.0;
    }
    let factor = (sampled + to_start + to_end) / sampled;
    Some(if change == Change::Rate { factor / seconds(start_ms, end_ms) } else { factor })
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
    let factor = extrapolation((view.start_ms, view.end_ms), &samples, zero, change)?;
    Some(SampleValue::histogram(grown.scaled(factor)))
}

fn histogram_growth(
    points: &[HistogramPoint],
    is_counter: bool,
    notes: &mut NoteSet,
) -> Result<HistogramValue, Incompatible> {
    let [first, middle @ .., last] = points else { return Err(Incompatible) };
    if points.iter().skip(1).any(|point| point.after_gap) {
        notes.add(Note::HistogramGap);
    }
    if !is_counter {
        if [first, last].iter().any(|point| point.value.reset_hint != ResetHint::Gauge) {
            notes.add(Note::NotAGauge);
        }
        let coarsest = [first, last].iter().filter_map(|point| point.value.schema()).min().unwrap_or(0);
        let last = last.value.at_schema(coarsest);
        return last.subtract(&first.value, notes).map(HistogramValue::into_gauge);
    }
    if points.iter().any(|point| point.value.reset_hint == ResetHint::Gauge) {
        notes.add(Note::GaugeHistogram);
    }
    // A reset right after the first sample makes its buckets irrelevant.
    let second = &middle.first().unwrap_or(last).value;
    let begin = if second.is_reset_from(&first.value) { Arc::new(second.emptied()) } else { first.value.clone() };
    let schemas = middle.iter().map(|point| &point.value).chain([&begin, &last.value]).map(|value| value.schema());
    // Mixed kinds are in no order that an addition would notice.
    let (some, none): (Vec<_>, Vec<_>) = schemas.partition(Option::is_some);
    if !some.is_empty() && !none.is_empty() {
        return Err(Incompatible);
    }
    let coarsest = some.into_iter().flatten().min().unwrap_or(0);
    let mut grown = last.value.at_schema(coarsest).subtract(&begin, notes)?;
    let mut before = &begin;
    for point in &points[1..] {
        if point.value.is_reset_from(before) {
            grown = grown.add(before, notes)?;
        }
        before = &point.value;
    }
    Ok(grown.into_gauge())
}

/// Between the last two samples.
fn instant_change(view: &RangeView<'_>, is_rate: bool, notes: &mut NoteSet) -> Option<SampleValue> {
    if view.floats.is_cut() || view.floats.has_blocks() {
        notes.add(Note::EverySample);
    }
    match last_two(view) {
        Some([Last::Histogram(before), Last::Histogram(last)]) => {
            return instant_histogram_change(before, last, is_rate, notes);
        }
        Some([Last::Float, Last::Float]) => {}
        Some(_) => {
            notes.add(Note::MixedKinds);
            return None;
        }
        None if view.is_mixed() => {
            notes.add(Note::MixedKinds);
            return None;
        }
        None => {}
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

enum Last<'a> {
    Float,
    Histogram(&'a HistogramPoint),
}

/// The last two samples of a range of floats and native histograms.
fn last_two<'a>(view: &RangeView<'a>) -> Option<[Last<'a>; 2]> {
    if view.histograms.is_empty() || !view.deltas.is_empty() || !view.distributions.is_empty() {
        return None;
    }
    let floats = view.floats.parts().rev().flat_map(|part| [part.last.time_ms, part.first.time_ms]).take(3);
    let mut all: Vec<_> = floats.map(|time_ms| (time_ms, Last::Float)).collect();
    // The ends of a part of one sample are the same.
    all.dedup_by_key(|(time_ms, _)| *time_ms);
    all.extend(view.histograms.iter().rev().take(2).map(|point| (point.time_ms, Last::Histogram(point))));
    all.sort_by_key(|(time_ms, _)| *time_ms);
    let (last, before) = (all.pop()?, all.pop()?);
    Some([before.1, last.1])
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
    let is_gauge = |point: &HistogramPoint| point.value.reset_hint == ResetHint::Gauge;
    if is_rate && (is_gauge(before) || is_gauge(last)) {
        notes.add(Note::GaugeHistogram);
    }
    if !(is_rate || is_gauge(before) && is_gauge(last)) {
        notes.add(Note::NotAGauge);
    }
    let was_reset = is_rate && last.value.is_reset_from(&before.value);
    let grown = if was_reset { Ok((*last.value).clone()) } else { last.value.subtract(&before.value, notes) };
    match grown.map(HistogramValue::into_gauge) {
        Ok(grown) => Some(SampleValue::histogram(if is_rate { grown.divided(seconds) } else { grown })),
        Err(Incompatible) => {
            notes.add(Note::IncompatibleHistograms);
            None
        }
    }
}
