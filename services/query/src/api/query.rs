//! `query`: the value of an expression at one time.

use std::sync::Arc;

use axum::response::Response;
use tidegate_promql::{Evaluated, QueryValue, Range};

use super::Ask;
use super::json::explained;
use crate::error::Error;
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let expr = Arc::new(ask.expr()?);
    let time_ms = ask.time_ms("time")?.unwrap_or_else(|| query.now_ms());
    let timeout = ask.timeout(query.config.timeout())?;
    let limit = ask.limit("limit")?;
    let explain = ask.flag("explain")?;
    let range = Range { start_ms: time_ms, end_ms: time_ms, step_ms: 0 };
    let _held = ask.begin_query()?;
    let (tenant, principal) = (ask.tenant.clone(), ask.principal.clone());
    let task = Task { purpose: Purpose::Query, tenant, expr, range, cut: Cut::None, timeout, principal };
    let (mut evaluated, took) = query.run_explained(task).await?;
    if truncate(&mut evaluated.value, limit) {
        evaluated.warnings.push(super::TRUNCATED.into());
    }
    let Evaluated { value, warnings, infos } = evaluated;
    explained(&query, |json| json.value(&value, time_ms), &warnings, &infos, explain.then_some(&took))
}

/// `true` when something was cut off.
pub(super) fn truncate(value: &mut QueryValue, limit: usize) -> bool {
    match value {
        QueryValue::Vector(samples) => shorten(samples, limit),
        QueryValue::Matrix(series) => shorten(series, limit),
        QueryValue::Scalar(_) | QueryValue::String(_) => false,
    }
}

fn shorten<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let cut = items.len() > limit;
    items.truncate(limit);
    cut
}
