//! Answers in the JSON of the Prometheus API. Written by hand: results run to
//! millions of numbers, and their form is Go's.

use std::io::Write;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use tidegate_model::Labels;
use tidegate_promql::{HistogramValue, InstantSample, QueryValue, RangeSeries, SampleValue};

use crate::error::Error;
use crate::explain::Explained;
use crate::service::Query;

/// A JSON text being written. Lists end where it grows beyond its limit; what
/// it is then is of no use.
pub(crate) struct Json {
    bytes: Vec<u8>,
    limit_bytes: usize,
}

/// An answer with `data`.
///
/// # Errors
/// [`Error::AnswerTooLarge`].
pub(crate) fn success(
    query: &Query,
    data: impl FnOnce(&mut Json),
    warnings: &[String],
    infos: &[String],
) -> Result<Response, Error> {
    explained(query, data, warnings, infos, None)
}

/// Likewise, with what it took where that was asked for.
///
/// # Errors
/// [`Error::AnswerTooLarge`].
pub(super) fn explained(
    query: &Query,
    data: impl FnOnce(&mut Json),
    warnings: &[String],
    infos: &[String],
    explained: Option<&Explained>,
) -> Result<Response, Error> {
    let limit_bytes = query.config.max_answer_bytes;
    let mut json = Json { bytes: Vec::new(), limit_bytes };
    json.raw(r#"{"status":"success","data":"#);
    data(&mut json);
    json.notes("warnings", warnings);
    json.notes("infos", infos);
    if let Some(explained) = explained {
        json.raw(r#","explain":"#);
        explained.write(&mut json);
    }
    json.raw("}");
    if json.is_full() {
        return Err(Error::AnswerTooLarge { limit_bytes });
    }
    let content_type = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, content_type)], json.bytes).into_response())
}

impl Default for Json {
    /// Without a limit.
    fn default() -> Self {
        Self { bytes: Vec::new(), limit_bytes: usize::MAX }
    }
}

impl Json {
    fn is_full(&self) -> bool {
        self.bytes.len() > self.limit_bytes
    }

    pub fn into_string(self) -> String {
        // Only UTF-8 is ever written.
        String::from_utf8(self.bytes).unwrap_or_default()
    }

    pub fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub fn string(&mut self, text: &str) {
        // Writing to memory does not fail.
        serde_json::to_writer(&mut self.bytes, text).ok();
    }

    /// `items` with commas between.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (index, item) in items.into_iter().enumerate() {
            if self.is_full() {
                return;
            }
            if index > 0 {
                self.raw(",");
            }
            write(self, item);
        }
    }

    pub fn strings<'a>(&mut self, texts: impl IntoIterator<Item = &'a String>) {
        self.raw("[");
        self.list(texts, |json, text| json.string(text));
        self.raw("]");
    }

    /// `,"name":[…]`, left out when there are none.
    pub fn notes(&mut self, name: &str, notes: &[String]) {
        if !notes.is_empty() {
            self.raw(",");
            self.string(name);
            self.raw(":");
            self.strings(notes);
        }
    }

    pub fn labels(&mut self, labels: &Labels) {
        self.raw("{");
        self.list(labels.iter(), |json, (name, value)| {
            json.string(name);
            json.raw(":");
            json.string(value);
        });
        self.raw("}");
    }

    /// Seconds; a fraction has three digits.
    pub fn time(&mut self, time_ms: i64) {
        let sign = if time_ms < 0 { "-" } else { "" };
        let (seconds, millis) = (time_ms.unsigned_abs() / 1_000, time_ms.unsigned_abs() % 1_000);
        match millis {
            0 => write!(self.bytes, "{sign}{seconds}").ok(),
            _ => write!(self.bytes, "{sign}{seconds}.{millis:03}").ok(),
        };
    }

    /// The shortest digits that read back as the same number, in quotes; very
    /// large and very small ones with an exponent of two digits or more.
    pub fn number(&mut self, value: f64) {
        self.raw("\"");
        let size = value.abs();
        if value.is_nan() {
            self.raw("NaN");
        } else if value.is_infinite() {
            self.raw(if value > 0.0 { "+Inf" } else { "-Inf" });
        } else if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            write!(self.bytes, "{digits}e{sign}{exponent:0>2}").ok();
        } else {
            write!(self.bytes, "{value}").ok();
        }
        self.raw("\"");
    }

    fn point(&mut self, time_ms: i64, value: impl FnOnce(&mut Self)) {
        self.raw("[");
        self.time(time_ms);
        self.raw(",");
        value(self);
        self.raw("]");
    }

    pub fn histogram(&mut self, histogram: &HistogramValue) {
        self.raw(r#"{"count":"#);
        self.number(histogram.count);
        self.raw(r#","sum":"#);
        self.number(histogram.sum);
        let buckets = histogram.buckets();
        if !buckets.is_empty() {
            self.raw(r#","buckets":["#);
            self.list(buckets, |json, bucket| {
                write!(json.bytes, "[{}", bucket.boundary_rule()).ok();
                for number in [bucket.lower, bucket.upper, bucket.count] {
                    json.raw(",");
                    json.number(number);
                }
                json.raw("]");
            });
            self.raw("]");
        }
        self.raw("}");
    }

    /// `{"resultType":…,"result":…}` of an evaluation at `time_ms`, which only
    /// strings do not know themselves.
    pub fn value(&mut self, value: &QueryValue, time_ms: i64) {
        let (kind, open, close) = match value {
            QueryValue::Scalar(_) => ("scalar", "", ""),
            QueryValue::String(_) => ("string", "", ""),
            QueryValue::Vector(_) => ("vector", "[", "]"),
            QueryValue::Matrix(_) => ("matrix", "[", "]"),
        };
        write!(self.bytes, r#"{{"resultType":"{kind}","result":{open}"#).ok();
        match value {
            QueryValue::Scalar(points) => match points.first() {
                Some((time_ms, value)) => self.point(*time_ms, |json| json.number(*value)),
                None => self.raw("null"),
            },
            QueryValue::String(text) => self.point(time_ms, |json| json.string(text)),
            QueryValue::Vector(samples) => self.list(samples, Self::instant_sample),
            QueryValue::Matrix(series) => self.list(series, Self::range_series),
        }
        self.raw(close);
        self.raw("}");
    }

    fn instant_sample(&mut self, sample: &InstantSample) {
        self.raw(r#"{"metric":"#);
        self.labels(&sample.labels);
        match &sample.value {
            SampleValue::Float(value) => {
                self.raw(r#","value":"#);
                self.point(sample.time_ms, |json| json.number(*value));
            }
            SampleValue::Histogram(histogram) => {
                self.raw(r#","histogram":"#);
                self.point(sample.time_ms, |json| json.histogram(histogram));
            }
        }
        self.raw("}");
    }

    fn range_series(&mut self, series: &RangeSeries) {
        self.raw(r#"{"metric":"#);
        self.labels(&series.labels);
        let floats = series.points.iter().filter_map(|(time_ms, value)| match value {
            SampleValue::Float(value) => Some((*time_ms, *value)),
            SampleValue::Histogram(_) => None,
        });
        let histograms = series.points.iter().filter_map(|(time_ms, value)| match value {
            SampleValue::Float(_) => None,
            SampleValue::Histogram(histogram) => Some((*time_ms, histogram)),
        });
        if floats.clone().next().is_some() {
            self.raw(r#","values":["#);
            self.list(floats, |json, (time_ms, value)| json.point(time_ms, |json| json.number(value)));
            self.raw("]");
        }
        if histograms.clone().next().is_some() {
            self.raw(r#","histograms":["#);
            self.list(histograms, |json, (time_ms, value)| json.point(time_ms, |json| json.histogram(value)));
            self.raw("]");
        }
        self.raw("}");
    }
}

#[cfg(test)]
mod tests;
