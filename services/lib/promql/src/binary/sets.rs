//! `and`, `or`, `unless`.

use hashbrown::HashMap;
use tidegate_model::Labels;

use crate::eval::merge_equal;
use crate::labels::group_key;
use crate::steps::Steps;
use crate::value::Series;
use crate::{BinaryOp, EvalError, Grouping};

/// Per match group, at which steps any series has a value.
type Presence = HashMap<Labels, Vec<bool>>;

pub(super) fn combine(
    op: BinaryOp,
    on: &Grouping,
    mut left: Vec<Series>,
    mut right: Vec<Series>,
    steps: &Steps,
) -> Result<Vec<Series>, EvalError> {
    match op {
        BinaryOp::And => retain(&mut left, on, &presence(&right, on, steps), true),
        BinaryOp::Unless => retain(&mut left, on, &presence(&right, on, steps), false),
        _ => {
            retain(&mut right, on, &presence(&left, on, steps), false);
            left.append(&mut right);
            left = merge_equal(left)?;
        }
    }
    Ok(left)
}

fn presence(vector: &[Series], on: &Grouping, steps: &Steps) -> Presence {
    let mut presence = Presence::with_capacity(vector.len());
    for series in vector {
        let seen = presence.entry(group_key(&series.labels, on)).or_insert_with(|| vec![false; steps.count]);
        for (seen, cell) in seen.iter_mut().zip(&series.cells) {
            *seen |= cell.is_some();
        }
    }
    presence
}

/// Keeps the cells at whose step the other side is present, or is not.
fn retain(vector: &mut Vec<Series>, on: &Grouping, other: &Presence, wanted: bool) {
    vector.retain_mut(|series| {
        let Some(present) = other.get(&group_key(&series.labels, on)) else { return !wanted };
        for (cell, present) in series.cells.iter_mut().zip(present) {
            if *present != wanted {
                *cell = None;
            }
        }
        !series.is_empty()
    });
}
