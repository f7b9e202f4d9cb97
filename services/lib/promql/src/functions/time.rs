//! `time`, `timestamp`, and turning scalars into vectors and back.

use tidegate_model::Labels;

use super::{Function, arg};
use crate::ValueType::{Scalar, Vector};
use crate::eval::Evaluator;
use crate::labels::without_name;
use crate::steps::Steps;
use crate::value::{Series, Value};
use crate::{Call, EvalError, Expr, SampleValue};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::custom("time", &[], time).returning(Scalar),
    Function::custom("timestamp", &[Vector], timestamp),
    Function::custom("scalar", &[Vector], scalar).returning(Scalar),
    Function::custom("vector", &[Scalar], vector),
];

fn seconds(time_ms: i64) -> f64 {
    time_ms as f64 / 1000.0
}

fn time(_: &mut Evaluator<'_>, _: &Call, steps: &Steps) -> Result<Value, EvalError> {
    Ok(Value::Scalar((0..steps.count).map(|step| seconds(steps.time_ms(step))).collect()))
}

/// Of a selector: each sample's own time. Of anything else: the step's.
fn timestamp(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let mut vector = match arg(call, 0)? {
        Expr::Vector(selector) => {
            evaluator.instant_with(selector, steps, |time_ms, _| SampleValue::Float(seconds(time_ms)))?
        }
        other => {
            let mut vector = evaluator.vector(other, steps)?;
            for series in &mut vector {
                for (step, cell) in series.cells.iter_mut().enumerate() {
                    *cell = cell.take().map(|_| SampleValue::Float(seconds(steps.time_ms(step))));
                }
            }
            vector
        }
    };
    vector.iter_mut().for_each(|series| series.labels = without_name(&series.labels));
    Ok(Value::Vector(crate::eval::merge_equal(vector)?))
}

/// The only float of a step, else NaN.
fn scalar(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let vector = evaluator.vector(arg(call, 0)?, steps)?;
    let only = |step: usize| {
        let mut floats = vector.iter().filter_map(|series| match series.cells[step] {
            Some(SampleValue::Float(value)) => Some(value),
            _ => None,
        });
        match (floats.next(), floats.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    Ok(Value::Scalar((0..steps.count).map(only).collect()))
}

fn vector(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let numbers = evaluator.scalar(arg(call, 0)?, steps)?;
    let cells = numbers.into_iter().map(|number| Some(SampleValue::Float(number))).collect();
    Ok(Value::Vector(vec![Series { labels: Labels::empty(), cells }]))
}
