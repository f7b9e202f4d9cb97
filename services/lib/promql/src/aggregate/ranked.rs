//! `topk` and `bottomk`: the members of each group with the largest or smallest
//! values, labels and all.

use std::cmp::Ordering;

use super::Group;
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::value::Series;
use crate::{AggregateOp, EvalError, SampleValue};

pub(super) fn select(
    op: AggregateOp,
    params: &[f64],
    mut vector: Vec<Series>,
    groups: &[Group],
    steps: &Steps,
    noted: &mut NoteSet,
) -> Result<Vec<Series>, EvalError> {
    if params.iter().all(|wanted| *wanted < 1.0) {
        return Ok(Vec::new());
    }
    if params.iter().any(|wanted| wanted.is_nan() || wanted.abs() >= i64::MAX as f64) {
        return Err(EvalError::BadCount);
    }
    let order = if op == AggregateOp::Topk { largest_first } else { smallest_first };
    // An instant vector comes in the order of the values.
    let mut in_order = Vec::new();
    let mut ranked: Vec<(usize, f64)> = Vec::new();
    for group in groups {
        for step in 0..steps.count {
            let wanted = params.get(step).copied().unwrap_or(0.0);
            let wanted = if wanted >= 1.0 { wanted as usize } else { 0 };
            ranked.clear();
            for &member in &group.members {
                match &vector[member].cells[step] {
                    Some(SampleValue::Float(value)) => ranked.push((member, *value)),
                    Some(SampleValue::Histogram(_)) => {
                        if wanted > 0 {
                            noted.add(Note::HistogramIgnored);
                        }
                        vector[member].cells[step] = None;
                    }
                    None => {}
                }
            }
            // A stable sort: of equal values the earlier series stay.
            ranked.sort_by(|a, b| order(a.1, b.1));
            for &(member, _) in ranked.iter().skip(wanted) {
                vector[member].cells[step] = None;
            }
            if steps.count == 1 {
                in_order.extend(ranked.iter().take(wanted).map(|(member, _)| *member));
            }
        }
    }
    if steps.count == 1 {
        let mut places: Vec<_> = vector.into_iter().map(Some).collect();
        return Ok(in_order.into_iter().filter_map(|member| places[member].take()).collect());
    }
    vector.retain(|series| !series.is_empty());
    Ok(vector)
}

/// NaN last in both.
fn largest_first(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn smallest_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
