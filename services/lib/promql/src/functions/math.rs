//! Functions of one value at a time.

use super::{Arity, Function, arg};
use crate::ValueType::{Scalar, Vector};
use crate::eval::Evaluator;
use crate::steps::Steps;
use crate::value::Value;
use crate::{Call, EvalError};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::math("abs", f64::abs),
    Function::math("ceil", f64::ceil),
    Function::math("floor", f64::floor),
    Function::math("exp", f64::exp),
    Function::math("ln", f64::ln),
    Function::math("log2", f64::log2),
    Function::math("log10", f64::log10),
    Function::math("sqrt", f64::sqrt),
    Function::math("sgn", sign),
    Function::custom("round", &[Vector, Scalar], round).taking(Arity::LastOptional),
    Function::custom("clamp", &[Vector, Scalar, Scalar], clamp),
    Function::custom("clamp_min", &[Vector, Scalar], clamp_min),
    Function::custom("clamp_max", &[Vector, Scalar], clamp_max),
];

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// To the nearest multiple; halves go up.
fn round(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let vector = evaluator.vector(arg(call, 0)?, steps)?;
    let nearest = match call.args.get(1) {
        Some(nearest) => evaluator.scalar(nearest, steps)?,
        None => vec![1.0; steps.count],
    };
    let vector = evaluator.map_floats(vector, |value, step| {
        // Dividing by the inverse keeps 0.1 and the like exact.
        let inverse = 1.0 / nearest[step];
        (value * inverse + 0.5).floor() / inverse
    })?;
    Ok(Value::Vector(vector))
}

/// Nothing when the lower bound is above the upper one.
fn clamp(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let vector = evaluator.vector(arg(call, 0)?, steps)?;
    let low = evaluator.scalar(arg(call, 1)?, steps)?;
    let high = evaluator.scalar(arg(call, 2)?, steps)?;
    let mut clamped = evaluator.map_floats(vector, |value, step| at_least(at_most(value, high[step]), low[step]))?;
    for series in &mut clamped {
        for (step, cell) in series.cells.iter_mut().enumerate() {
            if low[step] > high[step] {
                *cell = None;
            }
        }
    }
    Ok(Value::Vector(clamped))
}

fn clamp_min(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let vector = evaluator.vector(arg(call, 0)?, steps)?;
    let low = evaluator.scalar(arg(call, 1)?, steps)?;
    Ok(Value::Vector(evaluator.map_floats(vector, |value, step| at_least(value, low[step]))?))
}

fn clamp_max(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let vector = evaluator.vector(arg(call, 0)?, steps)?;
    let high = evaluator.scalar(arg(call, 1)?, steps)?;
    Ok(Value::Vector(evaluator.map_floats(vector, |value, step| at_most(value, high[step]))?))
}

/// As Go's `math.Max`: a NaN on either side stays, unless the other is +Inf.
fn at_least(value: f64, low: f64) -> f64 {
    match (value.is_nan() || low.is_nan(), value == f64::INFINITY || low == f64::INFINITY) {
        (_, true) => f64::INFINITY,
        (true, false) => f64::NAN,
        (false, false) => value.max(low),
    }
}

fn at_most(value: f64, high: f64) -> f64 {
    -at_least(-value, -high)
}
