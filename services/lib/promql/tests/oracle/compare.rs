//! Our answer beside the oracle's.

use std::collections::BTreeMap;

use tidegate_promql::{
    Evaluated, HistogramValue, Limits, QueryValue, Range, SampleValue, SeriesSource, Shape, evaluate, parse,
};

use crate::wire::{self, Answer, Query};

/// Relative difference that two orders of the same sum may have.
const TOLERANCE: f64 = 1e-12;

type Points = Vec<(i64, SampleValue)>;
type BySeries = BTreeMap<Vec<(String, String)>, Points>;

/// Depends on hints that Prometheus' chunks hold and windows do not.
const OF_CHUNKS: &str = "conflicting counter resets";

/// What differs; `None` when nothing does. Of errors and annotations only that
/// there are any is compared.
pub fn difference(query: &Query, source: &dyn SeriesSource, wanted: &Answer) -> Option<String> {
    let got = match (ask(query, source), wanted.kind.as_str()) {
        (Err(_), "error") => return None,
        (Err(error), _) => return Some(format!("we fail: {error}")),
        (Ok(_), "error") => return Some(format!("the oracle fails: {}", wanted.text)),
        (Ok(got), _) => got,
    };
    values(&got.value, wanted).or_else(|| annotations(&got, wanted))
}

fn ask(query: &Query, source: &dyn SeriesSource) -> Result<Evaluated, String> {
    let expr = parse(&query.expr).map_err(|error| error.to_string())?;
    let range = Range { start_ms: query.start_ms, end_ms: query.end_ms, step_ms: query.step_ms };
    evaluate(&expr, &range, source, &Limits::default()).map_err(|error| error.to_string())
}

fn annotations(got: &Evaluated, wanted: &Answer) -> Option<String> {
    let differ = |got: &[String], wanted: &[String]| {
        let mut wanted = wanted.iter().filter(|text| !text.contains(OF_CHUNKS));
        got.is_empty() != wanted.next().is_none()
    };
    // Of all annotations that an operator gives at a step Prometheus keeps one.
    let has_any = !(wanted.warnings.is_empty() && wanted.infos.is_empty());
    let has_less =
        (got.warnings.is_empty() && !wanted.warnings.is_empty()) || (got.infos.is_empty() && !wanted.infos.is_empty());
    if has_any && !has_less {
        return None;
    }
    if differ(&got.warnings, &wanted.warnings) || differ(&got.infos, &wanted.infos) {
        return Some(format!(
            "annotations: warnings {:?} and {:?}, infos {:?} and {:?}",
            got.warnings, wanted.warnings, got.infos, wanted.infos
        ));
    }
    None
}

fn values(got: &QueryValue, wanted: &Answer) -> Option<String> {
    let (kind, got): (_, BySeries) = match got {
        QueryValue::String(text) => {
            return (wanted.kind != "string" || *text != wanted.text).then(|| format!("{text:?} and {wanted:?}"));
        }
        QueryValue::Scalar(numbers) => {
            let points = numbers.iter().map(|(time_ms, number)| (*time_ms, SampleValue::Float(*number))).collect();
            // Over a range the oracle shows a scalar as a matrix.
            (if numbers.len() == 1 && wanted.kind == "scalar" { "scalar" } else { "matrix" }, [(vec![], points)].into())
        }
        QueryValue::Vector(vector) => {
            let sample = |sample: &tidegate_promql::InstantSample| {
                (pairs(&sample.labels), vec![(sample.time_ms, sample.value.clone())])
            };
            ("vector", vector.iter().map(sample).collect())
        }
        QueryValue::Matrix(matrix) => {
            ("matrix", matrix.iter().map(|series| (pairs(&series.labels), series.points.clone())).collect())
        }
    };
    if kind != wanted.kind {
        return Some(format!("a {kind} where the oracle gives a {}", wanted.kind));
    }
    let wanted: BTreeMap<_, _> = wanted
        .series
        .iter()
        .map(|series| {
            let mut points: Vec<&wire::Point> = series.points.iter().collect();
            points.sort_by_key(|point| point.t);
            (series.labels.clone().into_iter().collect::<Vec<_>>(), points)
        })
        .collect();
    if let Some((labels, points)) = wanted.iter().find(|(labels, _)| !got.contains_key(*labels)) {
        return Some(format!("{labels:?} is missing: {points:?}"));
    }
    got.iter().find_map(|(labels, points)| {
        let Some(wanted) = wanted.get(labels) else { return Some(format!("{labels:?} is too much: {points:?}")) };
        points_differ(points, wanted).map(|difference| format!("{labels:?} {difference}"))
    })
}

fn pairs(labels: &tidegate_model::Labels) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn points_differ(got: &Points, wanted: &[&wire::Point]) -> Option<String> {
    let times = |mut times: Vec<i64>| {
        times.truncate(30);
        times
    };
    let got_times: Vec<_> = got.iter().map(|(time_ms, _)| *time_ms).collect();
    let wanted_times: Vec<_> = wanted.iter().map(|point| point.t).collect();
    if got_times != wanted_times {
        return Some(format!("has points at {:?}, wanted {:?}", times(got_times), times(wanted_times)));
    }
    got.iter().zip(wanted).find_map(|((time_ms, value), point)| {
        let same = match (value, &point.f, &point.h) {
            (SampleValue::Float(got), Some(wire::Number(wanted)), None) => same_float(*got, *wanted, 0.0),
            (SampleValue::Histogram(got), None, Some(wanted)) => same_histogram(got, wanted),
            _ => false,
        };
        (!same).then(|| format!("at {time_ms} is {value:?}, wanted {point:?}"))
    })
}

/// `scale`: what the number was made from, where that may be much larger.
fn same_float(got: f64, wanted: f64, scale: f64) -> bool {
    got == wanted
        || (got.is_nan() && wanted.is_nan())
        || (got - wanted).abs() <= TOLERANCE * got.abs().max(wanted.abs()).max(scale)
}

fn same_histogram(got: &HistogramValue, wanted: &wire::Histogram) -> bool {
    let scale = wanted.count.0.abs();
    let close = |got: f64, wanted: wire::Number| same_float(got, wanted.0, scale);
    let buckets = |got: &[(i32, f64)], wanted: &[wire::Bucket]| {
        let mut all: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
        got.iter().for_each(|(index, count)| all.entry(*index).or_default().0 = *count);
        wanted.iter().for_each(|bucket| all.entry(bucket.i).or_default().1 = bucket.n.0);
        // Stored histograms hold empty buckets; infinitely many times zero is NaN.
        all.values().all(|(got, wanted)| same_float(*got, *wanted, scale) || (*got == 0.0 && wanted.is_nan()))
    };
    if !close(got.count, wanted.count) || !same_float(got.sum, wanted.sum.0, 0.0) {
        return false;
    }
    match &got.shape {
        Shape::Exponential(e) => {
            e.schema == wanted.schema
                && same_float(e.zero_threshold, wanted.zero_threshold.0, 0.0)
                && close(e.zero_count, wanted.zero_count)
                && buckets(&e.positive, &wanted.positive)
                && buckets(&e.negative, &wanted.negative)
        }
        Shape::Custom(c) => {
            wanted.schema == -53
                && c.bounds.iter().copied().eq(wanted.bounds.iter().map(|bound| bound.0))
                && buckets(&c.counts, &wanted.positive)
        }
        Shape::Distribution(_) => false,
    }
}
