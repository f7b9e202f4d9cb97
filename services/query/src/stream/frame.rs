//! What a step gives, written once for all who get it.

use std::sync::Arc;

use tidegate_model::{Labels, MetricId, TenantId};
use tidegate_promql::{Evaluated, InstantSample, QueryValue, SampleValue};
use tidegate_runtime::Reservation;
use tokio::time::Instant;

use crate::api::Json;

const OVERHEAD_BYTES: usize = 128;

/// The series of a step, ascending by key. Steps that have the same ones share
/// one list.
#[derive(Debug, PartialEq)]
pub(crate) struct SeriesList(Vec<(u64, Labels)>);

/// The result of one step.
#[derive(Debug)]
pub(crate) struct Frame {
    pub step_ms: i64,
    /// Partitions that had not come to the step.
    pub missing: Vec<u16>,
    /// When it was evaluated.
    pub made: Instant,
    series: Arc<SeriesList>,
    /// All of the JSON after the series.
    rest: String,
    /// About what it takes in memory; series that it shares are not in it.
    pub size_bytes: usize,
    /// Its part of what all feeds may keep.
    pub held: Option<Reservation>,
}

impl Frame {
    /// `before` is the list of a step nearby, taken over where it is the same.
    pub fn new(
        tenant: &TenantId,
        step_ms: i64,
        evaluated: Evaluated,
        missing: Vec<u16>,
        before: Option<&Arc<SeriesList>>,
    ) -> Self {
        let samples = match evaluated.value {
            QueryValue::Vector(samples) => samples,
            QueryValue::Scalar(points) => points
                .into_iter()
                .map(|(time_ms, value)| (time_ms, SampleValue::Float(value)))
                .map(|(time_ms, value)| InstantSample { labels: Labels::empty(), time_ms, value })
                .collect(),
            // Refused when the stream was opened.
            QueryValue::Matrix(_) | QueryValue::String(_) => Vec::new(),
        };
        let mut json = Json::default();
        json.raw(r#""points":["#);
        let mut series = Vec::with_capacity(samples.len());
        json.list(samples, |json, InstantSample { labels, value, .. }| {
            let key = key(tenant, &labels);
            json.raw(&format!(r#"["{key:016x}","#));
            match &value {
                SampleValue::Float(value) => json.number(*value),
                SampleValue::Histogram(histogram) => json.histogram(histogram),
            }
            json.raw("]");
            series.push((key, labels));
        });
        json.raw("]");
        if !missing.is_empty() {
            json.raw(r#","missing_partitions":["#);
            json.list(&missing, |json, partition| json.raw(&partition.to_string()));
            json.raw("]");
        }
        json.notes("warnings", &evaluated.warnings);
        json.notes("infos", &evaluated.infos);
        json.raw("}");
        series.sort_unstable_by_key(|(key, _)| *key);
        let (series, rest) = (SeriesList(series), json.into_string());
        let mut size_bytes = OVERHEAD_BYTES + rest.len();
        let series = match before {
            Some(before) if **before == series => before.clone(),
            _ => {
                size_bytes += series.size_bytes();
                Arc::new(series)
            }
        };
        Self { step_ms, missing, made: Instant::now(), series, rest, size_bytes, held: None }
    }

    pub fn series(&self) -> &Arc<SeriesList> {
        &self.series
    }

    /// The data of an event. Series that `known` has are not told again.
    pub fn data(&self, known: Option<&Arc<SeriesList>>) -> String {
        let mut json = Json::default();
        json.raw(r#"{"time":"#);
        json.time(self.step_ms);
        json.raw(",");
        if known.is_none_or(|known| !Arc::ptr_eq(known, &self.series)) {
            let is_new = |(key, _): &&(u64, Labels)| {
                known.is_none_or(|known| known.0.binary_search_by_key(key, |(key, _)| *key).is_err())
            };
            let mut fresh = self.series.0.iter().filter(is_new).peekable();
            if fresh.peek().is_some() {
                json.raw(r#""series":{"#);
                json.list(fresh, |json, (key, labels)| {
                    json.raw(&format!(r#""{key:016x}":"#));
                    json.labels(labels);
                });
                json.raw("},");
            }
        }
        json.raw(&self.rest);
        json.into_string()
    }

    /// Whether a client that has `other` needs this one.
    pub fn differs(&self, other: &Self) -> bool {
        self.rest != other.rest
    }
}

impl SeriesList {
    fn size_bytes(&self) -> usize {
        self.0.iter().map(|(_, labels)| 32 + labels.as_bytes().len()).sum()
    }
}

/// Follows from tenant and labels alone, so it is the same on every replica
/// and after a restart.
fn key(tenant: &TenantId, labels: &Labels) -> u64 {
    (MetricId::of(tenant, labels).0 >> 64) as u64
}

#[cfg(test)]
mod tests;
