//! Lines of query logs, as the Java daemon's own library writes them: JSON of
//! version 2g. The versions before it (2c to 2f) are found in files only, which
//! are no source here; they are refused by name.

mod time;

use serde_json::{Map, Value};

use super::lenient_json::{double, first_value, text};
use super::units::{InputUnit, quantity};
use super::{ParseError, repeated};
use crate::{Dimensions, Kind, Metric, Quantity, Record};

const FORMAT: &str = "a query log line";

/// # Errors
/// [`ParseError::Malformed`].
pub fn parse(line: &[u8]) -> Result<Record, ParseError> {
    let value = first_value(line).map_err(malformed)?;
    let own = value.get("data").and_then(|data| data.get("version")).or_else(|| value.get("version"));
    match own.and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("2g") => version_2g(&value),
        Some(other) => Err(malformed(format!("version {other:?} is not read, only 2g is"))),
        None => Err(malformed("no version")),
    }
}

fn malformed(reason: impl ToString) -> ParseError {
    ParseError::malformed(FORMAT, reason)
}

fn version_2g(value: &Value) -> Result<Record, ParseError> {
    let time = |name: &'static str| {
        let text = value.get(name).and_then(Value::as_str).ok_or_else(|| malformed(format!("no {name}")))?;
        time::milliseconds(text).ok_or_else(|| malformed(format!("{name} is no time")))
    };
    value.get("id").and_then(Value::as_str).ok_or_else(|| malformed("no id"))?;
    time("start")?;
    let time_ms = time("end")?;
    texts(value, "annotations")?;
    let dimensions: Dimensions = texts(value, "dimensions")?.into_iter().collect();
    let mut metrics: Vec<(Box<str>, Metric)> = Vec::new();
    for (name, kind) in [("timers", Kind::Timer), ("counters", Kind::Counter), ("gauges", Kind::Gauge)] {
        for (metric, element) in object(value, name)?.into_iter().flatten() {
            metrics.push((metric.as_str().into(), Metric { kind, samples: samples(element)?, histograms: Vec::new() }));
        }
    }
    if let Some(name) = repeated(metrics.iter().map(|(name, _)| &**name)) {
        return Err(malformed(format!("metric {name:?} twice")));
    }
    Ok(Record { time_ms, request_time_ms: None, dimensions, metrics })
}

/// `None` where it is absent or null.
fn object<'a>(value: &'a Value, name: &'static str) -> Result<Option<&'a Map<String, Value>>, ParseError> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(entries)) => Ok(Some(entries)),
        Some(_) => Err(malformed(format!("{name} is no object"))),
    }
}

fn texts<'a>(value: &'a Value, name: &'static str) -> Result<Vec<(&'a str, String)>, ParseError> {
    let entries = object(value, name)?.ok_or_else(|| malformed(format!("no {name}")))?;
    let pair = |(key, value): (&'a String, &Value)| match text(value) {
        Ok(Some(text)) => Ok((key.as_str(), text.into_owned())),
        _ => Err(malformed(format!("{name} has something other than text"))),
    };
    entries.iter().map(pair).collect()
}

/// Those that are finite.
fn samples(element: &Value) -> Result<Vec<Quantity>, ParseError> {
    let values = element.get("values").and_then(Value::as_array).ok_or_else(|| malformed("a metric without values"))?;
    let mut samples = Vec::with_capacity(values.len());
    for sample in values.iter().filter(|sample| !sample.is_null()) {
        let value = sample.get("value").map(double).transpose().map_err(malformed)?.flatten();
        let value = value.ok_or_else(|| malformed("a sample without a value"))?;
        let unit = sample.get("unit").map(unit).transpose()?.flatten();
        if value.is_finite() {
            samples.push(quantity(value, unit));
        }
    }
    Ok(samples)
}

/// Of the first numerator; one that MAD does not know is none.
fn unit(value: &Value) -> Result<Option<InputUnit>, ParseError> {
    let list = match value.get("numerators") {
        None | Some(Value::Null) => return Ok(None),
        Some(list) => list.as_array().ok_or_else(|| malformed("numerators are no list"))?,
    };
    let Some(first) = list.first() else { return Ok(None) };
    let part = |name| {
        first
            .get(name)
            .filter(|part| !part.is_null())
            .map(|part| part.as_str().ok_or_else(|| malformed("a unit that is no text")))
    };
    let kind = part("type").transpose()?.ok_or_else(|| malformed("a unit without a type"))?.to_ascii_uppercase();
    let scale = part("scale").transpose()?.unwrap_or_default().to_ascii_uppercase();
    // The daemon spells it otherwise inside.
    let kind = if kind == "CELSIUS" { "CELCIUS" } else { kind.as_str() };
    let scale = if scale == "ONE" { "" } else { scale.as_str() };
    Ok(InputUnit::named(&format!("{scale}{kind}")))
}

#[cfg(test)]
mod tests;
