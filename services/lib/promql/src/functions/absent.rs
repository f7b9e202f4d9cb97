//! `absent` and `absent_over_time`: 1 where there is nothing.

use tidegate_model::{Labels, METRIC_NAME};

use super::{Function, arg};
use crate::ValueType::{Matrix, Vector};
use crate::eval::Evaluator;
use crate::steps::Steps;
use crate::track::Cursor;
use crate::value::{Series, Value};
use crate::{Call, EvalError, Expr, MatchOp, Matcher, SampleValue};

pub(super) const FUNCTIONS: &[Function] =
    &[Function::custom("absent", &[Vector], absent), Function::custom("absent_over_time", &[Matrix], absent_over_time)];

fn absent(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let expr = arg(call, 0)?;
    let vector = evaluator.vector(expr, steps)?;
    let mut present = vec![false; steps.count];
    for series in &vector {
        for (seen, cell) in present.iter_mut().zip(&series.cells) {
            *seen |= cell.is_some();
        }
    }
    let labels = match expr {
        Expr::Vector(selector) => known_labels(&selector.matchers),
        _ => Labels::empty(),
    };
    Ok(absence(labels, &present))
}

fn absent_over_time(evaluator: &mut Evaluator<'_>, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
    let expr = arg(call, 0)?;
    let input = evaluator.range_input(expr, steps)?;
    evaluator.spend(input.series.len(), steps)?;
    let mut present = vec![false; steps.count];
    for held in input.series {
        let (_, track) = held.lay_out();
        let mut cursor = Cursor::default();
        for (step, seen) in present.iter_mut().enumerate() {
            let end_ms = input.ends.time_ms(step);
            *seen |= !cursor.view(&track, end_ms.saturating_sub(input.range_ms), end_ms).is_empty();
        }
    }
    let labels = match expr {
        Expr::Matrix(matrix) => known_labels(&matrix.vector.matchers),
        _ => Labels::empty(),
    };
    Ok(absence(labels, &present))
}

fn absence(labels: Labels, present: &[bool]) -> Value {
    let cells = present.iter().map(|seen| (!seen).then_some(SampleValue::Float(1.0))).collect();
    Value::Vector(vec![Series { labels, cells }])
}

/// What the absent series would be called: labels that the matchers fix. One
/// that has any other matcher after that has no known value.
fn known_labels(matchers: &[Matcher]) -> Labels {
    let mut known: Vec<(&str, &str)> = Vec::new();
    let mut fixed: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != METRIC_NAME) {
        let name = matcher.name.as_str();
        if matcher.op == MatchOp::Equal && !fixed.contains(&name) {
            fixed.push(name);
            known.push((name, &matcher.value));
        } else {
            known.retain(|(known, _)| *known != name);
        }
    }
    Labels::from_pairs(known).unwrap_or_else(|_| Labels::empty())
}
