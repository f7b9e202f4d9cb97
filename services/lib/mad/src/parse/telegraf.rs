//! Telegraf's JSON: one measurement, or a batch as `{"metrics": […]}`.

use serde_json::{Map, Value};

use super::lenient_json::{first_value, text};
use super::{ParseError, number, one_sample};
use crate::config::{TelegrafParser, TimestampUnit};
use crate::{Dimensions, Kind, Metric, Quantity, Record};

const FORMAT: &str = "Telegraf JSON";

/// # Errors
/// [`ParseError::Malformed`]; [`ParseError::Unexpected`] for nulls in place of
/// measurements.
pub fn parse(config: TelegrafParser, line: &[u8]) -> Result<Vec<Record>, ParseError> {
    let value = first_value(line).map_err(|error| ParseError::malformed(FORMAT, error))?;
    match value.get("metrics") {
        None => Ok(vec![record(config, &value)?]),
        Some(Value::Array(batch)) => batch.iter().map(|one| record(config, one)).collect(),
        Some(Value::Null) => Err(ParseError::unexpected(FORMAT, "metrics are null")),
        Some(_) => Err(ParseError::malformed(FORMAT, "metrics are no list")),
    }
}

fn record(config: TelegrafParser, value: &Value) -> Result<Record, ParseError> {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Null => return Err(ParseError::unexpected(FORMAT, "a measurement that is null")),
        _ => return Err(ParseError::malformed(FORMAT, "a measurement that is no object")),
    };
    let malformed = |reason: &str| ParseError::malformed(FORMAT, reason);
    let name = fields.get("name").map(text).transpose().map_err(malformed)?.flatten();
    let name = name.ok_or_else(|| malformed("no name"))?;
    let timestamp = fields.get("timestamp").and_then(timestamp).filter(|timestamp| *timestamp >= 0);
    let timestamp = timestamp.ok_or_else(|| malformed("no timestamp"))?;
    let dimensions: Dimensions = texts(fields, "tags")?.into_iter().collect();
    let metric = |(field, value): (&str, String)| {
        let name = if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
        Some((name.into(), one_sample(Kind::Timer, Quantity::plain(sample(&value)?))))
    };
    let metrics: Vec<(Box<str>, Metric)> = texts(fields, "fields")?.into_iter().filter_map(metric).collect();
    Ok(Record { time_ms: milliseconds(config.timestamp_unit, timestamp), request_time_ms: None, dimensions, metrics })
}

/// A map of texts, empty when it is absent.
fn texts<'a>(fields: &'a Map<String, Value>, key: &'static str) -> Result<Vec<(&'a str, String)>, ParseError> {
    let wrong = |reason: &str| ParseError::malformed(FORMAT, format!("{key}: {reason}"));
    let pair = |(name, value): (&'a String, &Value)| match text(value).map_err(wrong)? {
        Some(text) => Ok((name.as_str(), text.into_owned())),
        None => Err(wrong("null")),
    };
    match fields.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Object(entries)) => entries.iter().map(pair).collect(),
        Some(_) => Err(wrong("no object")),
    }
}

/// The number that the text begins with, or what true and false stand for; other
/// text is no sample.
fn sample(text: &str) -> Option<f64> {
    number::prefix(text).or_else(|| {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        is("true").then_some(1.0).or_else(|| is("false").then_some(0.0))
    })
}

fn timestamp(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let cut = number.as_f64()?.trunc();
            (-9.2e18..9.2e18).contains(&cut).then_some(cut as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn milliseconds(unit: TimestampUnit, timestamp: i64) -> i64 {
    match unit {
        TimestampUnit::Seconds => timestamp.wrapping_mul(1_000),
        TimestampUnit::Milliseconds => timestamp,
        TimestampUnit::Microseconds => timestamp / 1_000,
        TimestampUnit::Nanoseconds => timestamp / 1_000_000,
    }
}

#[cfg(test)]
mod tests;
