//! `topk` and `bottomk`: the members of each group with the largest or smallest
//! values, labels and all.

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
    let is_better = if op == AggregateOp::Topk { is_larger } else { is_smaller };
    // An instant vector comes in the order of the values.
    let mut in_order = Vec::new();
    for group in groups {
        for step in 0..steps.count {
            let wanted = params.get(step).copied().unwrap_or(0.0);
            let wanted = if wanted >= 1.0 { wanted as usize } else { 0 };
            let mut best = Best { places: Vec::new(), wanted, is_better };
            for &member in &group.members {
                match vector[member].cells[step].take() {
                    Some(SampleValue::Float(value)) => best.offer((member, value)),
                    Some(SampleValue::Histogram(_)) if wanted > 0 => noted.add(Note::HistogramIgnored),
                    _ => {}
                }
            }
            for &(member, value) in &best.places {
                vector[member].cells[step] = Some(SampleValue::Float(value));
            }
            if steps.count == 1 {
                best.places.sort_by(|a, b| is_better(b.1, a.1).cmp(&is_better(a.1, b.1)));
                in_order.extend(best.places.iter().map(|(member, _)| *member));
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

/// The best so far, as a heap with the worst of them on top. Of equal values it
/// keeps those that Prometheus keeps, whose heap moves in the same way.
struct Best {
    places: Vec<(usize, f64)>,
    wanted: usize,
    is_better: fn(f64, f64) -> bool,
}

impl Best {
    fn offer(&mut self, place: (usize, f64)) {
        if self.places.len() < self.wanted {
            self.places.push(place);
            self.rise(self.places.len() - 1);
        } else if self.places.first().is_some_and(|worst| (self.is_better)(place.1, worst.1)) {
            self.places[0] = place;
            self.sink();
        }
    }

    fn is_worse(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.places[a].1, self.places[b].1);
        a.is_nan() || (self.is_better)(b, a)
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.is_worse(at, (at - 1) / 2) {
            self.places.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            if left >= self.places.len() {
                return;
            }
            let right = left + 1;
            let child = if right < self.places.len() && self.is_worse(right, left) { right } else { left };
            if !self.is_worse(child, at) {
                return;
            }
            self.places.swap(at, child);
            at = child;
        }
    }
}

/// Anything is better than NaN, in both.
fn is_larger(a: f64, b: f64) -> bool {
    a > b || (b.is_nan() && !a.is_nan())
}

fn is_smaller(a: f64, b: f64) -> bool {
    a < b || (b.is_nan() && !a.is_nan())
}
