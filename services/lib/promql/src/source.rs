//! Where series come from.

use std::sync::Arc;

use tidegate_model::Labels;

use crate::steps::Steps;
use crate::{Expr, Matcher, Windows};

/// How far back an instant selector looks for a sample.
pub const LOOKBACK_MS: i64 = 300_000;

/// The times of a query: `start_ms`, then every `step_ms` up to `end_ms`. An
/// instant query has `start_ms == end_ms` and step 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start_ms: i64,
    pub end_ms: i64,
    pub step_ms: i64,
}

/// What a selector needs: series that all matchers match, with the windows that
/// reach into `(start_ms, end_ms]`. More windows do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub matchers: Vec<Matcher>,
    /// Exclusive.
    pub start_ms: i64,
    /// Inclusive.
    pub end_ms: i64,
}

/// A series and its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesData {
    pub labels: Labels,
    pub windows: Windows,
}

/// Reading failed; says what.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

pub trait SeriesSource {
    /// # Errors
    /// What could not be read. A source that holds nothing in the range gives
    /// no series, not an error.
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError>;
}

/// All selections that [`crate::evaluate`] will make, so that a caller can fetch
/// them first. Empty for a range that `evaluate` refuses.
pub fn selections(expr: &Expr, range: &Range) -> Vec<Selection> {
    let mut found = Vec::new();
    if let Some(steps) = Steps::of(range) {
        collect(expr, &steps, range, &mut found);
    }
    found
}

fn collect(expr: &Expr, steps: &Steps, range: &Range, found: &mut Vec<Selection>) {
    let mut add = |selection: Selection| {
        if !found.contains(&selection) {
            found.push(selection);
        }
    };
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => {
            let seen = steps.shifted(selector.at, selector.offset_ms, range);
            add(selection(&selector.matchers, &seen, LOOKBACK_MS));
        }
        Expr::Matrix(matrix) => {
            let seen = steps.shifted(matrix.vector.at, matrix.vector.offset_ms, range);
            add(selection(&matrix.vector.matchers, &seen, matrix.range_ms));
        }
        Expr::Subquery(subquery) => {
            let inner = steps.subquery(subquery, range);
            if inner.count > 0 {
                collect(&subquery.expr, &inner, range, found);
            }
        }
        Expr::Call(call) => call.args.iter().for_each(|arg| collect(arg, steps, range, found)),
        Expr::Aggregate(aggregate) => {
            collect(&aggregate.expr, steps, range, found);
            if let Some(param) = &aggregate.param {
                collect(param, steps, range, found);
            }
        }
        Expr::Binary(binary) => {
            let chain = binary.chain();
            collect(chain.last().map_or(&binary.left, |last| &last.left), steps, range, found);
            chain.iter().rev().for_each(|binary| collect(&binary.right, steps, range, found));
        }
        Expr::Negate(inner) => collect(inner, steps, range, found),
    }
}

/// What is needed to look back `extent_ms` from each of `seen`.
pub(crate) fn selection(matchers: &[Matcher], seen: &Steps, extent_ms: i64) -> Selection {
    Selection { matchers: matchers.to_vec(), start_ms: seen.start_ms.saturating_sub(extent_ms), end_ms: seen.end_ms() }
}
