//! `series`: the label sets that selectors find.

use std::sync::Arc;

use axum::response::Response;

use super::within::Within;
use super::{Ask, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let within = Within::read(&query, &ask)?;
    if within.selectors.is_empty() {
        return Err(Error::Parameter { name: "match[]", reason: "it is missing".into() });
    }
    let limit = ask.limit("limit")?;
    let max_series = query.config.max_series;
    let index = query.index.tenant(&ask.tenant);
    let series = within.look_up(&query, &ask, move |within, mut series| {
        if let Some(index) = index {
            let index = index.read();
            let found = within.indexed(&index);
            if limit == usize::MAX && found.len() > max_series as u64 {
                return Err(Error::TooManySeries { found: found.len() as usize, limit: max_series });
            }
            // One more than asked shows that there are more.
            let wanted = found.iter().take(limit.saturating_add(1));
            series.extend(wanted.filter_map(|number| index.series(number)).map(|found| found.labels.clone()));
        }
        let mut series: Vec<_> = series.into_iter().collect();
        series.sort_unstable_by(|a, b| a.iter().cmp(b.iter()));
        Ok(series)
    });
    let series = series.await?;
    let warnings = if series.len() > limit { vec![super::TRUNCATED.to_owned()] } else { Vec::new() };
    let list = |json: &mut super::Json| {
        json.raw("[");
        json.list(series.iter().take(limit), |json, labels| json.labels(labels));
        json.raw("]");
    };
    success(&query, list, &warnings, &[])
}
