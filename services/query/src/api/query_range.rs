//! `query_range`: the value of an expression at each step of a range.

use std::sync::Arc;

use axum::response::Response;
use tidegate_model::Labels;
use tidegate_promql::{Evaluated, QueryValue, Range, RangeSeries, SampleValue, ValueType};

use super::Ask;
use super::json::explained;
use super::query::truncate;
use crate::error::Error;
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let expr = Arc::new(ask.expr()?);
    let range = range(&ask, query.config.max_points)?;
    if let kind @ (ValueType::Matrix | ValueType::String) = expr.value_type() {
        return Err(Error::NotRanged(kind.describe()));
    }
    let timeout = ask.timeout(query.config.timeout())?;
    let limit = ask.limit("limit")?;
    let explain = ask.flag("explain")?;
    let _held = ask.begin_query()?;
    let (tenant, principal) = (ask.tenant.clone(), ask.principal.clone());
    let task = Task { purpose: Purpose::Query, tenant, expr, range, cut: Cut::None, timeout, principal };
    let (mut evaluated, took) = query.run_explained(task).await?;
    evaluated.value = as_matrix(evaluated.value);
    if truncate(&mut evaluated.value, limit) {
        evaluated.warnings.push(super::TRUNCATED.into());
    }
    let Evaluated { value, warnings, infos } = evaluated;
    explained(&query, |json| json.value(&value, range.end_ms), &warnings, &infos, explain.then_some(&took))
}

fn range(ask: &Ask, max_points: usize) -> Result<Range, Error> {
    let missing = |name| Error::Parameter { name, reason: "it is missing".into() };
    let start_ms = ask.time_ms("start")?.ok_or_else(|| missing("start"))?;
    let end_ms = ask.time_ms("end")?.ok_or_else(|| missing("end"))?;
    let step_ms = ask.duration_ms("step")?.ok_or_else(|| missing("step"))?;
    if end_ms < start_ms {
        return Err(Error::Parameter { name: "end", reason: "it lies before start".into() });
    }
    if step_ms <= 0 {
        return Err(Error::Parameter { name: "step", reason: "it must be positive".into() });
    }
    let steps = ((end_ms - start_ms) / step_ms) as u64 + 1;
    if steps > max_points as u64 {
        return Err(Error::TooManyPoints { steps, limit: max_points });
    }
    Ok(Range { start_ms, end_ms, step_ms })
}

/// Prometheus answers a range query with a matrix whatever the expression is,
/// also where the range has one step only.
fn as_matrix(value: QueryValue) -> QueryValue {
    match value {
        QueryValue::Scalar(points) => {
            let points = points.into_iter().map(|(time_ms, value)| (time_ms, SampleValue::Float(value))).collect();
            QueryValue::Matrix(vec![RangeSeries { labels: Labels::empty(), points }])
        }
        QueryValue::Vector(samples) => {
            let series = samples
                .into_iter()
                .map(|sample| RangeSeries { labels: sample.labels, points: vec![(sample.time_ms, sample.value)] });
            QueryValue::Matrix(series.collect())
        }
        other => other,
    }
}
