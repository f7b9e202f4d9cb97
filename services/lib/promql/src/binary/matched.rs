//! Arithmetic and comparison of two vectors. Series are matched once by their
//! labels; at each step a match has at most one value on its "one" side.

use hashbrown::HashMap;
use tidegate_model::Labels;

use super::{as_bool, drops_name};
use crate::labels::{drop, group_key, keep, with, without_name};
use crate::notes::NoteSet;
use crate::operators::{Outcome, apply};
use crate::steps::Steps;
use crate::value::{Cell, Series};
use crate::{Binary, Cardinality, EvalError, Grouping, eval::merge_equal};

/// Which operand the "many" side is.
#[derive(Clone, Copy, PartialEq)]
enum Many {
    Left,
    Right,
}

pub(super) fn combine(
    binary: &Binary,
    left: Vec<Series>,
    right: Vec<Series>,
    steps: &Steps,
    noted: &mut NoteSet,
) -> Result<Vec<Series>, EvalError> {
    let (many, ones, side) = match binary.matching.cardinality {
        Cardinality::OneToMany(_) => (right, left, Many::Right),
        Cardinality::OneToOne | Cardinality::ManyToOne(_) => (left, right, Many::Left),
    };
    let on = &binary.matching.on;
    let groups = groups(&ones, &many, on, side, steps)?;
    // What has found its match, by group and, where many match one, by result.
    let mut matched: HashMap<(Labels, Labels), Vec<bool>> = HashMap::new();
    let is_one_to_one = binary.matching.cardinality == Cardinality::OneToOne;
    let mut results = Vec::new();
    for series in &many {
        let key = group_key(&series.labels, on);
        let Some(candidates) = groups.get(&key) else { continue };
        for one in candidates {
            let labels = result_labels(binary, &series.labels, &one.labels);
            let told_apart_by = if is_one_to_one { Labels::empty() } else { labels.clone() };
            let taken = matched.entry((key.clone(), told_apart_by)).or_insert_with(|| vec![false; steps.count]);
            let mut cells: Vec<Cell> = vec![None; steps.count];
            for (step, cell) in cells.iter_mut().enumerate() {
                let (Some(many_value), Some(one_value)) = (&series.cells[step], &one.cells[step]) else { continue };
                let (left, right) = if side == Many::Left { (many_value, one_value) } else { (one_value, many_value) };
                let outcome = apply(binary.op, left, right, noted);
                if matches!(outcome, Outcome::Impossible) {
                    continue;
                }
                // Whether a comparison holds does not matter for that.
                if std::mem::replace(&mut taken[step], true) {
                    let error = if is_one_to_one { EvalError::ImplicitManyToOne } else { EvalError::AmbiguousGroup };
                    return Err(error);
                }
                *cell = match outcome {
                    outcome if binary.returns_bool => Some(as_bool(&outcome)),
                    Outcome::Value(value) => Some(value),
                    _ => None,
                };
            }
            let result = Series { labels, cells };
            if !result.is_empty() {
                results.push(result);
            }
        }
    }
    merge_equal(results)
}

/// The "one" side by match group; at each step a group has one value at most.
fn groups<'a>(
    ones: &'a [Series],
    many: &[Series],
    on: &Grouping,
    side: Many,
    steps: &Steps,
) -> Result<HashMap<Labels, Vec<&'a Series>>, EvalError> {
    let mut groups: HashMap<Labels, Vec<&Series>> = HashMap::with_capacity(ones.len());
    for series in ones {
        groups.entry(group_key(&series.labels, on)).or_default().push(series);
    }
    for (key, members) in groups.iter().filter(|(_, members)| members.len() > 1) {
        let present = |step: usize| members.iter().filter(|member| member.cells[step].is_some()).count();
        // Where the other side has nothing, nothing is matched.
        let is_asked = |step: usize| many.iter().any(|series| series.cells[step].is_some());
        if (0..steps.count).any(|step| present(step) > 1 && is_asked(step)) {
            let side = if side == Many::Left { "right" } else { "left" };
            return Err(EvalError::ManyToMany { group: key.to_string(), side });
        }
    }
    Ok(groups)
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let mut labels = if drops_name(binary) { without_name(many) } else { many.clone() };
    match &binary.matching.cardinality {
        Cardinality::OneToOne => match &binary.matching.on {
            Grouping::By(names) => keep(&labels, names),
            Grouping::Without(names) if names.is_empty() => labels,
            // An empty second name drops nothing more.
            Grouping::Without(names) => drop(&labels, names, ""),
        },
        Cardinality::ManyToOne(included) | Cardinality::OneToMany(included) => {
            for name in included {
                labels = with(&labels, name, one.get(name).unwrap_or(""));
            }
            labels
        }
    }
}
