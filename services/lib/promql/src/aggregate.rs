//! Aggregation over series: `sum by (…) (…)` and its kin.

mod ranked;
mod state;

use hashbrown::HashMap;
use tidegate_model::Labels;

use crate::eval::{Evaluator, merge_equal};
use crate::format::plain;
use crate::labels::{group_key, is_label_name, with};
use crate::notes::{Note, NoteSet};
use crate::steps::Steps;
use crate::value::Series;
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
            groups.into_iter().map(|group| fold(aggregate.op, &params, &vector, group, steps, &mut noted)).collect()
        }
    };
    evaluator.notes.take(noted, "");
    Ok(result)
}

fn groups(vector: &[Series], grouping: &Grouping) -> Vec<Group> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (index, series) in vector.iter().enumerate() {
        let key = group_key(&series.labels, grouping);
        let place = *places.entry(key).or_insert_with_key(|key| {
            groups.push(Group { labels: key.clone(), members: Vec::new() });
            groups.len() - 1
        });
        groups[place].members.push(index);
    }
    groups
}

fn fold(
    op: AggregateOp,
    params: &[f64],
    vector: &[Series],
    group: Group,
    steps: &Steps,
    noted: &mut NoteSet,
) -> Series {
    let mut states: Vec<State> = (0..steps.count).map(|_| State::new(op)).collect();
    for member in group.members {
        for (state, cell) in states.iter_mut().zip(&vector[member].cells) {
            if let Some(value) = cell {
                state.add(value, noted);
            }
        }
    }
    let finished = states.into_iter().enumerate();
    let cells = finished.map(|(step, state)| state.finish(params.get(step).copied(), noted)).collect();
    Series { labels: group.labels, cells }
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
