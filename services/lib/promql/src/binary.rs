//! Binary operators: scalars, a vector with a scalar, vectors matched by labels.

mod matched;
mod sets;

use crate::eval::{Evaluator, merge_equal};
use crate::labels::without_name;
use crate::notes::NoteSet;
use crate::operators::{Outcome, apply, arithmetic};
use crate::steps::Steps;
use crate::value::{Series, Value};
use crate::{Binary, EvalError, SampleValue};

/// The value of an operation whose left side has been evaluated.
pub(crate) fn eval(
    evaluator: &mut Evaluator<'_>,
    binary: &Binary,
    left: Value,
    steps: &Steps,
) -> Result<Value, EvalError> {
    let right = evaluator.eval(&binary.right, steps)?;
    let mut noted = NoteSet::default();
    let value = match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            Value::Scalar(left.into_iter().zip(right).map(|(a, b)| arithmetic(binary.op, a, b)).collect())
        }
        (Value::Vector(vector), Value::Scalar(numbers)) => {
            Value::Vector(with_scalar(binary, vector, &numbers, ScalarSide::Right, &mut noted)?)
        }
        (Value::Scalar(numbers), Value::Vector(vector)) => {
            Value::Vector(with_scalar(binary, vector, &numbers, ScalarSide::Left, &mut noted)?)
        }
        (Value::Vector(left), Value::Vector(right)) if binary.op.is_set() => {
            Value::Vector(sets::combine(binary.op, &binary.matching.on, left, right, steps)?)
        }
        (Value::Vector(left), Value::Vector(right)) => {
            evaluator.spend(left.len().max(right.len()), steps)?;
            Value::Vector(matched::combine(binary, left, right, steps, &mut noted)?)
        }
        _ => return Err(EvalError::Type { expected: "numbers or vectors", context: "a binary operation" }),
    };
    evaluator.notes.take(noted, "");
    Ok(value)
}

#[derive(Clone, Copy, PartialEq)]
enum ScalarSide {
    Left,
    Right,
}

fn with_scalar(
    binary: &Binary,
    mut vector: Vec<Series>,
    numbers: &[f64],
    side: ScalarSide,
    noted: &mut NoteSet,
) -> Result<Vec<Series>, EvalError> {
    for series in &mut vector {
        if drops_name(binary) {
            series.labels = without_name(&series.labels);
        }
        for (cell, number) in series.cells.iter_mut().zip(numbers) {
            let Some(value) = cell.take() else { continue };
            let number = SampleValue::Float(*number);
            let (left, right) = if side == ScalarSide::Left { (&number, &value) } else { (&value, &number) };
            *cell = match (apply(binary.op, left, right, noted), binary.returns_bool) {
                (Outcome::Impossible, _) => None,
                (outcome, true) => Some(as_bool(&outcome)),
                (Outcome::Filtered, false) => None,
                // A filter shows the vector's value, whichever side it is on.
                (Outcome::Value(_), false) if binary.op.is_comparison() => Some(value),
                (Outcome::Value(result), false) => Some(result),
            };
        }
    }
    vector.retain(|series| !series.is_empty());
    merge_equal(vector)
}

/// Whether the result is no longer what the metric's name says.
fn drops_name(binary: &Binary) -> bool {
    binary.returns_bool || !(binary.op.is_comparison() || binary.op.is_set() || binary.op.is_trim())
}

/// 0 or 1 of a comparison.
fn as_bool(outcome: &Outcome) -> SampleValue {
    SampleValue::Float(if matches!(outcome, Outcome::Value(_)) { 1.0 } else { 0.0 })
}
