//! `sort` and `sort_desc`. They order instant queries only, as in Prometheus.

use std::cmp::Ordering;

use super::{Function, arg};
use crate::ValueType::Vector;
use crate::eval::Evaluator;
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::value::{Cell, Series, Value};
use crate::{Call, EvalError, Expr, SampleValue};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::custom("sort", &[Vector], |evaluator, call, steps| sorted(evaluator, call, steps, ascending)),
    Function::custom("sort_desc", &[Vector], |evaluator, call, steps| sorted(evaluator, call, steps, descending)),
];

fn sorted(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    steps: &Steps,
    order: fn(f64, f64) -> Ordering,
) -> Result<Value, EvalError> {
    let mut vector = evaluator.vector(arg(call, 0)?, steps)?;
    // A subquery has a range even where its grid has one step in it.
    if steps.step_ms > 0 && !call.args.iter().all(Expr::is_step_invariant) {
        let mut noted = NoteSet::default();
        noted.add(Note::SortOverRange);
        evaluator.notes.take(noted, "");
    }
    let is_float = |cell: &Cell| matches!(cell, Some(SampleValue::Float(_)));
    vector.iter_mut().flat_map(|series| &mut series.cells).filter(|cell| !is_float(cell)).for_each(|cell| *cell = None);
    if steps.count == 1 {
        // Only floats have an order.
        vector.retain(|series| matches!(series.cells.first(), Some(Some(SampleValue::Float(_)))));
        vector.sort_by(|a, b| order(first(a), first(b)));
    }
    Ok(Value::Vector(vector))
}

fn first(series: &Series) -> f64 {
    match series.cells.first() {
        Some(Some(SampleValue::Float(value))) => *value,
        _ => f64::NAN,
    }
}

/// NaN last.
pub(crate) fn ascending(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// NaN last.
pub(crate) fn descending(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
