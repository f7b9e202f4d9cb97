//! `status/…`: what clients speak to, and which labels make many series.

use std::sync::Arc;

use axum::response::Response;

use super::within::Within;
use super::{Ask, Json, success};
use crate::error::Error;
use crate::index::Cardinality;
use crate::select::in_background;
use crate::service::Query;

/// Entries of each list of `status/tsdb`, unless `limit` says otherwise.
const TOP: usize = 10;

pub(super) async fn buildinfo(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    let write = |json: &mut Json| {
        json.raw(r#"{"application":"tidegate","version":"#);
        json.string(env!("CARGO_PKG_VERSION"));
        json.raw(r#","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}"#);
    };
    success(&query, write, &[], &[])
}

/// Of the tenant's indexed series, those that `start`, `end` and `match[]`
/// select; without them all of the hot days.
pub(super) async fn tsdb(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let within = Within::read(&query, &ask)?;
    let top = match ask.get("limit") {
        Some(_) => ask.limit("limit")?,
        None => TOP,
    };
    let index = query.index.tenant(&ask.tenant);
    let looking_up = async {
        let held = ask.begin_query()?;
        in_background(move || {
            let _held = held;
            let Some(index) = index else { return Ok(Cardinality::default()) };
            let index = index.read();
            Ok(index.cardinality(&within.indexed(&index), top))
        })
        .await
    };
    let counted = query.look_up(ask.principal.as_ref(), looking_up).await?;
    success(&query, |json| json.cardinality(&counted), &[], &[])
}

impl Json {
    fn cardinality(&mut self, counted: &Cardinality) {
        self.raw(r#"{"headStats":{"numSeries":"#);
        self.raw(&counted.series.to_string());
        self.raw(r#","numLabelPairs":"#);
        self.raw(&counted.label_pairs.to_string());
        self.raw("}");
        let lists = [
            ("seriesCountByMetricName", &counted.series_by_metric),
            ("labelValueCountByLabelName", &counted.values_by_label),
            ("memoryInBytesByLabelName", &counted.value_bytes_by_label),
            ("seriesCountByLabelValuePair", &counted.series_by_pair),
        ];
        for (name, counts) in lists {
            self.raw(",");
            self.string(name);
            self.raw(":[");
            self.list(counts, |json, (name, count)| {
                json.raw(r#"{"name":"#);
                json.string(name);
                json.raw(r#","value":"#);
                json.raw(&count.to_string());
                json.raw("}");
            });
            self.raw("]");
        }
        self.raw("}");
    }
}
