//! Aggregation over series: `sum by (…) (…)` and its kin.

mod ranked;
mod state;

use std::ops::Range;

use hashbrown::HashMap;
use tidegate_model::Labels;

use crate::eval::{Evaluator, merge_equal};
use crate::format::plain;
use crate::labels::{group_key, is_label_name, push_group_key, with};
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::value::{Cell, Series};
use crate::{Aggregate, AggregateOp, EvalError, Expr, Grouping, SampleValue};

use state::State;

/// The series of one group, as places in the vector.
pub(crate) struct Group {
    pub labels: Labels,
    pub members: Vec<usize>,
}

pub(crate) fn eval(
    evaluator: &mut Evaluator<'_>,
    aggregate: &Aggregate,
    steps: &Steps,
) -> Result<Vec<Series>, EvalError> {
    let vector = evaluator.vector(&aggregate.expr, steps)?;
    let params = match &aggregate.param {
        Some(Expr::String(label)) => return count_values(evaluator, aggregate, label, vector, steps),
        Some(param) => evaluator.scalar(param, steps)?,
        None => Vec::new(),
    };
    let groups = groups(&vector, &aggregate.grouping);
    let mut noted = NoteSet::default();
    let result = match aggregate.op {
        AggregateOp::Topk | AggregateOp::Bottomk => {
            ranked::select(aggregate.op, &params, vector, &groups, steps, &mut noted)?
        }
        _ => {
            evaluator.spend(groups.len(), steps)?;
            if aggregate.op == AggregateOp::Quantile && params.iter().any(|phi| !(0.0..=1.0).contains(phi)) {
                noted.add(Note::BadQuantile);
            }
            fold(evaluator, aggregate.op, &params, &vector, groups, steps, &mut noted)
        }
    };
    evaluator.notes.take(noted, "");
    Ok(result)
}

fn groups(vector: &[Series], grouping: &Grouping) -> Vec<Group> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut key = Vec::new();
    for (index, series) in vector.iter().enumerate() {
        key.clear();
        push_group_key(&mut key, &series.labels, grouping);
        let place = *places.entry_ref(&key[..]).or_insert_with(|| {
            groups.push(Group { labels: group_key(&series.labels, grouping), members: Vec::new() });
            groups.len() - 1
        });
        groups[place].members.push(index);
    }
    groups
}

/// In parts of some steps each, so that the members of a group are added in
/// their order whoever does it.
fn fold(
    evaluator: &Evaluator<'_>,
    op: AggregateOp,
    params: &[f64],
    vector: &[Series],
    groups: Vec<Group>,
    steps: &Steps,
    noted: &mut NoteSet,
) -> Vec<Series> {
    let (workers, cells) = (evaluator.budget.workers(), vector.len().saturating_mul(steps.count));
    let share = steps.count.div_ceil(workers.parts_of(cells)).max(1);
    let parts: Vec<Range<usize>> =
        (0..steps.count).step_by(share).map(|from| from..(from + share).min(steps.count)).collect();
    let folded = workers.map(parts, cells, |part| {
        let mut noted = NoteSet::default();
        let of_group = |group: &Group| fold_steps(op, params, vector, group, part.clone(), &mut noted);
        let cells: Vec<Vec<Cell>> = groups.iter().map(of_group).collect();
        (cells, noted)
    });
    let mut series: Vec<Series> = groups
        .into_iter()
        .map(|group| Series { labels: group.labels, cells: Vec::with_capacity(steps.count) })
        .collect();
    for (cells, noted_there) in folded {
        noted.add_all(noted_there);
        for (series, mut cells) in series.iter_mut().zip(cells) {
            series.cells.append(&mut cells);
        }
    }
    series
}

fn fold_steps(
    op: AggregateOp,
    params: &[f64],
    vector: &[Series],
    group: &Group,
    steps: Range<usize>,
    noted: &mut NoteSet,
) -> Vec<Cell> {
    let mut states: Vec<State> = steps.clone().map(|_| State::new(op)).collect();
    for member in &group.members {
        for (state, cell) in states.iter_mut().zip(&vector[*member].cells[steps.clone()]) {
            if let Some(value) = cell {
                state.add(value, noted);
            }
        }
    }
    steps.zip(states).map(|(step, state)| state.finish(params.get(step).copied(), noted)).collect()
}

/// How many members of a group have a value, per value; the value becomes a
/// label.
fn count_values(
    evaluator: &mut Evaluator<'_>,
    aggregate: &Aggregate,
    label: &str,
    vector: Vec<Series>,
    steps: &Steps,
) -> Result<Vec<Series>, EvalError> {
    if !is_label_name(label) {
        return Err(EvalError::BadLabelName { function: "count_values", name: label.to_owned() });
    }
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut counted: Vec<Series> = Vec::new();
    for series in &vector {
        let key = group_key(&series.labels, &aggregate.grouping);
        for (step, cell) in series.cells.iter().enumerate() {
            let value = match cell {
                Some(SampleValue::Float(value)) => plain(*value),
                Some(SampleValue::Histogram(histogram)) => histogram.to_string(),
                None => continue,
            };
            let labels = with(&key, label, &value);
            let place = match places.get(&labels) {
                Some(place) => *place,
                None => {
                    evaluator.spend(1, steps)?;
                    evaluator.budget.series(counted.len() + 1)?;
                    counted.push(Series { labels: labels.clone(), cells: vec![None; steps.count] });
                    places.insert(labels, counted.len() - 1);
                    counted.len() - 1
                }
            };
            let count = &mut counted[place].cells[step];
            let before = if let Some(SampleValue::Float(before)) = count { *before } else { 0.0 };
            *count = Some(SampleValue::Float(before + 1.0));
        }
    }
    merge_equal(counted)
}
