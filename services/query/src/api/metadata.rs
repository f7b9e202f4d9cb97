//! `metadata`: type, unit and help of metrics, as their sources say.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use tidegate_model::MetricType;

use super::{Ask, Json, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let limit = ask.limit("limit")?;
    // Of each metric one description is kept, so any limit lets it through.
    ask.limit("limit_per_metric")?;
    let looking_up = async {
        let _held = ask.begin_query()?;
        Ok(query.store.read_metadata(&ask.tenant).await?)
    };
    let metadata = query.look_up(ask.principal.as_ref(), looking_up).await?;
    let wanted = ask.get("metric");
    let metadata: BTreeMap<_, _> =
        metadata.into_iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name)).collect();
    let write = |json: &mut Json| {
        json.raw("{");
        json.list(metadata.iter().take(limit), |json, (name, metadata)| {
            json.string(name);
            json.raw(r#":[{"type":"#);
            json.string(type_name(metadata.metric_type));
            json.raw(r#","help":"#);
            json.string(&metadata.help);
            json.raw(r#","unit":"#);
            json.string(&metadata.unit);
            json.raw("}]");
        });
        json.raw("}");
    };
    success(&query, write, &[], &[])
}

fn type_name(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Unknown => "unknown",
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::GaugeHistogram => "gaugehistogram",
        MetricType::Summary => "summary",
        MetricType::Info => "info",
        MetricType::StateSet => "stateset",
    }
}
