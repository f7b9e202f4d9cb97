//! Functions of histograms: classic ones (series with `le`), native ones and
//! distributions.

use hashbrown::HashMap;
use tidegate_model::Labels;

use super::{Function, arg};
use crate::ValueType::{Scalar, Vector};
use crate::eval::{Evaluator, merge_equal};
use crate::histogram::{ClassicBucket, HistogramValue, classic_fraction, classic_quantile};
use crate::labels::{with, without_name};
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
    Function::custom("histogram_stddev", &[Vector], |evaluator, call, steps| {
        field(evaluator, call, steps, |h| h.variance().sqrt())
    }),
    Function::custom("histogram_stdvar", &[Vector], |evaluator, call, steps| {
        field(evaluator, call, steps, HistogramValue::variance)
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
        &|step, histogram, noted| histogram.quantile_noted(phi[step], noted),
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
        &|step, histogram, noted| histogram.fraction_noted(lower[step], upper[step], noted),
        None,
    )?;
    Ok(Value::Vector(vector))
}

/// The buckets of one classic histogram: series and their upper bounds.
struct Classic {
    /// With the metric's name, without `le`.
    labels: Labels,
    buckets: Vec<(f64, Vec<Cell>)>,
}

/// A number of each histogram, classic (gathered by labels without `le`) or not.
fn each_histogram(
    evaluator: &mut Evaluator<'_>,
    expr: &Expr,
    steps: &Steps,
    of_classic: &dyn Fn(usize, &mut Vec<ClassicBucket>, &mut NoteSet) -> f64,
    of_native: &dyn Fn(usize, &HistogramValue, &mut NoteSet) -> f64,
    always: Option<Note>,
) -> Result<Vec<Series>, EvalError> {
    let vector = evaluator.vector(expr, steps)?;
    let mut noted = NoteSet::default();
    if let Some(note) = always {
        noted.add(note);
    }
    let (mut natives, classics) = split(vector, &mut noted);
    evaluator.spend(classics.len(), steps)?;
    let mut results = Vec::with_capacity(natives.len() + classics.len());
    let mut scratch = Vec::new();
    for Classic { labels, buckets } in classics {
        let native = natives.iter_mut().find(|native| native.labels == labels);
        let mut native_cells = native.map(|native| native.cells.as_mut_slice());
        let mut of_step = NoteSet::default();
        let cell = |step: usize| {
            scratch.clear();
            scratch.extend(buckets.iter().filter_map(|(upper, cells)| match cells[step] {
                Some(SampleValue::Float(count)) => Some(ClassicBucket { upper: *upper, count }),
                _ => None,
            }));
            if scratch.is_empty() {
                return None;
            }
            // Two histograms of the same labels: neither is shown.
            if let Some(cells) = &mut native_cells
                && cells[step].take().is_some()
            {
                noted.add(Note::ClassicAndNative);
                return None;
            }
            Some(SampleValue::Float(of_classic(step, &mut scratch, &mut of_step)))
        };
        let cells = (0..steps.count).map(cell).collect();
        evaluator.notes.take(of_step, labels.metric_name());
        results.push(Series { labels: without_name(&labels), cells });
    }
    for Series { labels, cells } in natives {
        let mut of_step = NoteSet::default();
        let of_cell = |(step, cell): (usize, &Cell)| match cell {
            Some(SampleValue::Histogram(histogram)) => {
                Some(SampleValue::Float(of_native(step, histogram, &mut of_step)))
            }
            _ => None,
        };
        let cells = cells.iter().enumerate().map(of_cell).collect();
        evaluator.notes.take(of_step, labels.metric_name());
        results.push(Series { labels: without_name(&labels), cells });
    }
    evaluator.notes.take(noted, "");
    merge_equal(results)
}

/// Native histograms, and the floats as buckets of classic ones.
fn split(vector: Vec<Series>, noted: &mut NoteSet) -> (Vec<Series>, Vec<Classic>) {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut classics: Vec<Classic> = Vec::new();
    let mut natives = Vec::new();
    for series in vector {
        let is_native = |cell: &Cell| matches!(cell, Some(SampleValue::Histogram(_)));
        if series.cells.iter().any(is_native) {
            let cells = series.cells.iter().map(|cell| cell.clone().filter(|_| is_native(cell))).collect();
            natives.push(Series { labels: series.labels.clone(), cells });
        }
        let Series { labels, cells } = series;
        if !cells.iter().any(|cell| matches!(cell, Some(SampleValue::Float(_)))) {
            continue;
        }
        let Some(upper) = labels.get(BUCKET_LABEL).and_then(parse_bound) else {
            noted.add(Note::BadBucketLabel);
            continue;
        };
        let place = *places.entry(with(&labels, BUCKET_LABEL, "")).or_insert_with_key(|key| {
            classics.push(Classic { labels: key.clone(), buckets: Vec::new() });
            classics.len() - 1
        });
        classics[place].buckets.push((upper, cells));
    }
    (natives, classics)
}

fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok().filter(|bound: &f64| !bound.is_nan())
}
