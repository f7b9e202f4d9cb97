//! What collectd's write_http posts as JSON.

use serde_json::{Map, Value};

use super::lenient_json::{double, first_value_with_non_numbers, text};
use super::{ParseError, one_sample};
use crate::{Dimensions, Kind, Metric, Quantity, Record};

const FORMAT: &str = "collectd JSON";

/// Headers whose names begin so are dimensions.
const TAG_PREFIX: &str = "x-tag-";

/// `headers` are names and values; names of tags may come in any case.
///
/// # Errors
/// [`ParseError::Malformed`]; [`ParseError::Unexpected`] for null in place of
/// the list or of one of its records.
pub fn parse<'a>(
    body: &[u8],
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Record>, ParseError> {
    let tags: Vec<(String, &str)> = headers.into_iter().filter_map(tag).collect();
    let list = match first_value_with_non_numbers(body).map_err(|error| ParseError::malformed(FORMAT, error))? {
        Value::Array(list) => list,
        Value::Null => return Err(ParseError::unexpected(FORMAT, "null")),
        _ => return Err(ParseError::malformed(FORMAT, "no list")),
    };
    // What is wrong with any is found before the nulls are fallen over.
    let read = list.iter().map(Reading::read).collect::<Result<Vec<_>, _>>()?;
    let mut records = Vec::with_capacity(read.len());
    for reading in read {
        let reading = reading.ok_or_else(|| ParseError::unexpected(FORMAT, "a record that is null"))?;
        records.extend(reading.record(&tags));
    }
    Ok(records)
}

fn tag<'a>((name, value): (&'a str, &'a str)) -> Option<(String, &'a str)> {
    let name = name.to_ascii_lowercase();
    Some((name.strip_prefix(TAG_PREFIX)?.to_owned(), value))
}

/// One element of the list.
struct Reading {
    host: String,
    time_seconds: f64,
    /// Without that of the data source.
    name: String,
    /// Name, type and value of each data source.
    sources: Vec<(String, Kind, Option<f64>)>,
}

impl Reading {
    /// `None` for null.
    fn read(value: &Value) -> Result<Option<Self>, ParseError> {
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Null => return Ok(None),
            _ => return Err(ParseError::malformed(FORMAT, "a record that is no object")),
        };
        let mut name = required(fields, "plugin")?;
        let (plugin_instance, kind) = (required(fields, "plugin_instance")?, required(fields, "type")?);
        let type_instance = required(fields, "type_instance")?;
        for (part, always) in [(plugin_instance, false), (kind, true), (type_instance, false)] {
            if always || !part.is_empty() {
                name.push('/');
                name.push_str(&part);
            }
        }
        let time = fields.get("time").map(|time| double(time).map_err(|reason| wrong("time", reason))).transpose()?;
        Ok(Some(Self {
            host: required(fields, "host")?,
            time_seconds: time.flatten().ok_or_else(|| wrong("time", "missing"))?,
            name,
            sources: sources(fields)?,
        }))
    }

    /// None where there are no values.
    fn record(self, tags: &[(String, &str)]) -> Option<Record> {
        let mut metrics: Vec<(Box<str>, Metric)> = Vec::with_capacity(self.sources.len());
        for (source, kind, value) in self.sources {
            let Some(value) = value else { continue };
            let name = if matches!(source.as_str(), "" | "value") {
                self.name.clone()
            } else {
                format!("{}/{source}", self.name)
            };
            let metric = one_sample(kind, Quantity::plain(value));
            // Java keeps a set of metrics under each name, and adds their samples up.
            match metrics.iter_mut().find(|(other, _)| **other == *name) {
                None => metrics.push((name.into(), metric)),
                Some((_, other)) => {
                    let same = |sample: &Quantity| sample.value.to_bits() == value.to_bits();
                    if other.kind != kind || !other.samples.iter().any(same) {
                        other.samples.extend(metric.samples);
                    }
                }
            }
        }
        let own = tags.iter().map(|(name, value)| (name.as_str(), *value));
        let dimensions: Dimensions = own.chain([("host", self.host.as_str())]).collect();
        // As Java's Math.round does.
        let time_ms = (self.time_seconds * 1_000.0 + 0.5).floor() as i64;
        (!metrics.is_empty()).then_some(Record { time_ms, request_time_ms: None, dimensions, metrics })
    }
}

fn wrong(key: &str, reason: &str) -> ParseError {
    ParseError::malformed(FORMAT, format!("{key}: {reason}"))
}

fn required(fields: &Map<String, Value>, key: &'static str) -> Result<String, ParseError> {
    let value = fields.get(key).map(text).transpose().map_err(|reason| wrong(key, reason))?.flatten();
    value.map(std::borrow::Cow::into_owned).ok_or_else(|| wrong(key, "missing"))
}

/// The three lists, which must be equally long or all be null.
fn sources(fields: &Map<String, Value>) -> Result<Vec<(String, Kind, Option<f64>)>, ParseError> {
    let list = |key: &'static str| match fields.get(key) {
        None => Ok(Some(&[][..])),
        Some(Value::Null) => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list.as_slice())),
        Some(_) => Err(wrong(key, "no list")),
    };
    let texts = |key: &'static str, list: &[Value]| -> Result<Vec<String>, ParseError> {
        let one = |value| match text(value).map_err(|reason| wrong(key, reason))? {
            Some(text) => Ok(text.into_owned()),
            None => Err(wrong(key, "null")),
        };
        list.iter().map(one).collect()
    };
    let lists = (list("values")?, list("dstypes")?, list("dsnames")?);
    let (values, types, names) = match lists {
        (None, None, None) => return Ok(Vec::new()),
        (Some(values), Some(types), Some(names)) if values.len() == types.len() && values.len() == names.len() => {
            (values, types, names)
        }
        _ => return Err(ParseError::malformed(FORMAT, "values, dstypes and dsnames differ in number")),
    };
    let values = values.iter().map(|value| double(value).map_err(|reason| wrong("values", reason)));
    let sources = texts("dsnames", names)?.into_iter().zip(texts("dstypes", types)?).zip(values);
    sources.map(|((name, kind), value)| Ok((name, kind_of(&kind), value?))).collect()
}

fn kind_of(source_type: &str) -> Kind {
    match source_type {
        "counter" | "derive" | "absolute" => Kind::Counter,
        _ => Kind::Gauge,
    }
}

#[cfg(test)]
mod tests;
