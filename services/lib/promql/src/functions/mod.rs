//! The functions, a file per family. A family's table says what each of its
//! functions takes and gives; what is in no table is not supported.

mod absent;
mod calendar;
mod histogram;
mod labels;
mod math;
mod order;
mod over_time;
mod rate;
mod regression;
mod steps_between;
mod time;
mod trigonometry;

use std::fmt;

use tidegate_model::Point;

use crate::eval::Evaluator;
use crate::notes::NoteSet;
use crate::steps::Steps;
use crate::track::RangeView;
use crate::value::{Cell, Value};
use crate::{Call, EvalError, SampleValue, ValueType};

/// A function and what it takes.
pub struct Function {
    pub name: &'static str,
    pub args: &'static [ValueType],
    pub arity: Arity,
    pub returns: ValueType,
    pub(crate) implementation: Implementation,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    Fixed,
    LastOptional,
    /// Any number of the last, or none.
    LastRepeats,
}

pub(crate) enum Implementation {
    /// Of the samples in a range, series by series and step by step.
    Range(RangeFunction),
    /// Of one float at a time.
    Math(fn(f64) -> f64),
    /// Evaluates its arguments itself.
    Custom(fn(&mut Evaluator<'_>, &Call, &Steps) -> Result<Value, EvalError>),
}

/// A function of a range vector. Its other argument, if there is one, is a scalar
/// and handed over as `param`; else that is NaN.
pub(crate) struct RangeFunction {
    pub keeps_name: bool,
    pub subject: Subject,
    pub apply: fn(&RangeView<'_>, f64, &mut NoteSet) -> Option<SampleValue>,
    /// The same for all steps at once, where a series has nothing but single
    /// samples: to the bit what `apply` gives.
    pub of_points: Option<OfPoints>,
}

/// The ends of the ranges, and their length.
pub(crate) type OfPoints = fn(&[Point], &Steps, i64) -> Vec<Cell>;

/// What a range function is meant for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Subject {
    /// Floats of other names than counters have get an info.
    Counters,
    Anything,
}

impl Function {
    const fn range(name: &'static str, apply: fn(&RangeView<'_>, f64, &mut NoteSet) -> Option<SampleValue>) -> Self {
        let function = RangeFunction { keeps_name: false, subject: Subject::Anything, apply, of_points: None };
        Self::of(name, &[ValueType::Matrix], Implementation::Range(function))
    }

    const fn math(name: &'static str, map: fn(f64) -> f64) -> Self {
        Self::of(name, &[ValueType::Vector], Implementation::Math(map))
    }

    const fn custom(
        name: &'static str,
        args: &'static [ValueType],
        eval: fn(&mut Evaluator<'_>, &Call, &Steps) -> Result<Value, EvalError>,
    ) -> Self {
        Self::of(name, args, Implementation::Custom(eval))
    }

    const fn of(name: &'static str, args: &'static [ValueType], implementation: Implementation) -> Self {
        Self { name, args, arity: Arity::Fixed, returns: ValueType::Vector, implementation }
    }

    const fn taking(self, arity: Arity) -> Self {
        Self { arity, ..self }
    }

    const fn returning(self, returns: ValueType) -> Self {
        Self { returns, ..self }
    }
}

const FAMILIES: [&[Function]; 12] = [
    rate::FUNCTIONS,
    steps_between::FUNCTIONS,
    regression::FUNCTIONS,
    over_time::FUNCTIONS,
    math::FUNCTIONS,
    histogram::FUNCTIONS,
    labels::FUNCTIONS,
    absent::FUNCTIONS,
    order::FUNCTIONS,
    time::FUNCTIONS,
    trigonometry::FUNCTIONS,
    calendar::FUNCTIONS,
];

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FAMILIES.into_iter().flatten().find(|function| function.name == name)
}

/// The names of all functions that are there, by family.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    FAMILIES.into_iter().flatten().map(|function| function.name)
}

/// A string argument; the parser has checked its type.
fn string_arg(call: &Call, index: usize) -> Result<&str, EvalError> {
    match call.args.get(index) {
        Some(crate::Expr::String(text)) => Ok(text),
        _ => Err(EvalError::Type { expected: "a string", context: "an argument" }),
    }
}

fn arg(call: &Call, index: usize) -> Result<&crate::Expr, EvalError> {
    call.args.get(index).ok_or(EvalError::Type { expected: "another argument", context: "a function" })
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
