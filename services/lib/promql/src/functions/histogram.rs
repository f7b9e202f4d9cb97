//! Functions of histograms: classic ones (series with `le`), native ones and
//! distributions.

use hashbrown::HashMap;
use tidegate_model::{Labels, METRIC_NAME};

use super::{Function, arg};
use crate::ValueType::{Scalar, Vector};
use crate::eval::{Evaluator, merge_equal};
use crate::histogram::{ClassicBucket, HistogramValue, classic_fraction, classic_quantile};
use crate::labels::{drop, without_name};
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::value::{Cell, Series, Value};
use crate::{Call, EvalError, Expr, SampleValue};

/// The label of a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::custom("histogram_quantile", &[Scalar, Vector], quantile),
    Function::custom("histogram_fraction", &[Scalar, Scalar, Vector], fraction),
    Function::custom("histogram_count", &[Vector], |evaluator, call, steps| field(evaluator, call, steps, |h| h.count)),
    Function::custom("histogram_sum", &[Vector], |evaluator, call, steps| field(evaluator, call, steps, |h| h.sum)),
    Function::custom("histogram_avg", &[Vector], |evaluator, call, steps| {
        field(evaluator, call, steps, |h| h.sum / h.count)
    }),
];

/// A number of each histogram; floats are left out without a word, as in
/// Prometheus.
fn field(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    steps: &Steps,
    get: fn(&HistogramValue) -> f64,
) -> Result<Value, EvalError> {
    let mut vector = evaluator.vector(arg(call, 0)?, steps)?;
    for series in &mut vector {
        series.labels = without_name(&series.labels);
        for cell in &mut series.cells {
            *cell = match cell.take() {
                Some(SampleValue::Histogram(histogram)) => Some(SampleValue::Float(get(&histogram))),
                _ => None,
            };
        }
    }
    Ok(Value::Vector(merge_equal(vector)?))
}

fn quantile(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let phi = evaluator.scalar(arg(call, 0)?, steps)?;
    let out_of_range = phi.iter().any(|phi| !(0.0..=1.0).contains(phi));
    let classic = |step: usize, buckets: &mut Vec<ClassicBucket>, noted: &mut NoteSet| {
        let (value, forced) = classic_quantile(phi[step], buckets);
        if forced {
            noted.add(Note::ForcedMonotonic);
        }
        value
    };
    let vector = each_histogram(
        evaluator,
        arg(call, 1)?,
        steps,
        &classic,
        &|step, histogram| histogram.quantile(phi[step]),
        if out_of_range { Some(Note::BadQuantile) } else { None },
    )?;
    Ok(Value::Vector(vector))
}

fn fraction(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let lower = evaluator.scalar(arg(call, 0)?, steps)?;
    let upper = evaluator.scalar(arg(call, 1)?, steps)?;
    let vector = each_histogram(
        evaluator,
        arg(call, 2)?,
        steps,
        &|step, buckets, _| classic_fraction(lower[step], upper[step], buckets),
        &|step, histogram| histogram.fraction(lower[step], upper[step]),
        None,
    )?;
    Ok(Value::Vector(vector))
}

/// The buckets of one classic histogram: series and their upper bounds.
struct Classic {
    labels: Labels,
    name: String,
    buckets: Vec<(f64, Vec<Cell>)>,
}

/// A number of each histogram, classic (gathered by labels without `le`) or not.
fn each_histogram(
    evaluator: &mut Evaluator<'_>,
    expr: &Expr,
    steps: &Steps,
    of_classic: &dyn Fn(usize, &mut Vec<ClassicBucket>, &mut NoteSet) -> f64,
    of_native: &dyn Fn(usize, &HistogramValue) -> f64,
    always: Option<Note>,
) -> Result<Vec<Series>, EvalError> {
    let vector = evaluator.vector(expr, steps)?;
    let mut noted = NoteSet::default();
    if let Some(note) = always {
        noted.add(note);
    }
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut classics: Vec<Classic> = Vec::new();
    let mut results = Vec::new();
    for series in vector {
        let Series { labels, cells } = series;
        let is_native = |cell: &Cell| matches!(cell, Some(SampleValue::Histogram(_)));
        if cells.iter().any(is_native) {
            let of_cell = |(step, cell): (usize, &Cell)| match cell {
                Some(SampleValue::Histogram(histogram)) => Some(SampleValue::Float(of_native(step, histogram))),
                _ => None,
            };
            let cells = cells.iter().enumerate().map(of_cell).collect();
            results.push(Series { labels: without_name(&labels), cells });
        }
        if !cells.iter().any(|cell| matches!(cell, Some(SampleValue::Float(_)))) {
            continue;
        }
        let Some(upper) = labels.get(BUCKET_LABEL).and_then(parse_bound) else {
            noted.add(Note::BadBucketLabel);
            continue;
        };
        let key = drop(&labels, &[BUCKET_LABEL.to_owned()], METRIC_NAME);
        let name = labels.metric_name();
        let place = *places.entry(key).or_insert_with_key(|key| {
            classics.push(Classic { labels: key.clone(), name: name.to_owned(), buckets: Vec::new() });
            classics.len() - 1
        });
        classics[place].buckets.push((upper, cells));
    }
    evaluator.notes.take(noted, "");
    evaluator.spend(classics.len(), steps)?;
    let mut scratch = Vec::new();
    for classic in classics {
        let mut noted = NoteSet::default();
        let cell = |step: usize| {
            scratch.clear();
            scratch.extend(classic.buckets.iter().filter_map(|(upper, cells)| match cells[step] {
                Some(SampleValue::Float(count)) => Some(ClassicBucket { upper: *upper, count }),
                _ => None,
            }));
            let present = !scratch.is_empty();
            present.then(|| SampleValue::Float(of_classic(step, &mut scratch, &mut noted)))
        };
        let cells = (0..steps.count).map(cell).collect();
        evaluator.notes.take(noted, &classic.name);
        results.push(Series { labels: classic.labels, cells });
    }
    merge_equal(results)
}

fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}
