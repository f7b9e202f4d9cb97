//! `label_replace` and `label_join`.

use super::{Arity, Function, arg, string_arg};
use crate::ValueType::{String as Text, Vector};
use crate::eval::{Evaluator, merge_equal};
use crate::labels::{is_label_name, with};
use crate::matcher::anchored;
use crate::steps::Steps;
use crate::value::Value;
use crate::{Call, EvalError};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::custom("label_replace", &[Vector, Text, Text, Text, Text], label_replace),
    Function::custom("label_join", &[Vector, Text, Text, Text], label_join).taking(Arity::LastRepeats),
];

/// label_replace(v, dst, replacement, src, regex).
fn label_replace(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let target = target_name(call, "label_replace")?;
    let replacement = string_arg(call, 2)?;
    let source = string_arg(call, 3)?;
    let regex = anchored(string_arg(call, 4)?)?;
    let mut vector = evaluator.vector(arg(call, 0)?, steps)?;
    for series in &mut vector {
        let value = series.labels.get(source).unwrap_or("");
        if let Some(captures) = regex.captures(value) {
            let mut replaced = String::new();
            captures.expand(replacement, &mut replaced);
            series.labels = with(&series.labels, target, &replaced);
        }
    }
    Ok(Value::Vector(merge_equal(vector)?))
}

/// label_join(v, dst, separator, src…).
fn label_join(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let target = target_name(call, "label_join")?;
    let separator = string_arg(call, 2)?;
    let sources = (3..call.args.len()).map(|index| string_arg(call, index)).collect::<Result<Vec<_>, _>>()?;
    let mut vector = evaluator.vector(arg(call, 0)?, steps)?;
    for series in &mut vector {
        let values: Vec<_> = sources.iter().map(|source| series.labels.get(source).unwrap_or("")).collect();
        series.labels = with(&series.labels, target, &values.join(separator));
    }
    Ok(Value::Vector(merge_equal(vector)?))
}

fn target_name<'a>(call: &'a Call, function: &'static str) -> Result<&'a str, EvalError> {
    let name = string_arg(call, 1)?;
    if is_label_name(name) { Ok(name) } else { Err(EvalError::BadLabelName { function, name: name.to_owned() }) }
}
