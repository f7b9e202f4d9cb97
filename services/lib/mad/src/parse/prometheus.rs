//! Prometheus' remote write, version 1.

use tidegate_codec::ingest::prometheus::{label, sample};
use tidegate_codec::ingest::protobuf::{Key, Reader, WireError, bytes_key};
use tidegate_codec::ingest::{Encoding, decompress};

use super::units::{InputUnit, quantity};
use super::{ParseError, one_metric, one_sample, repeated};
use crate::config::PrometheusParser;
use crate::{Dimensions, Kind, Record};

const FORMAT: &str = "a remote write request";

const TIME_SERIES: Key = bytes_key(1);
const LABELS: Key = bytes_key(1);
const SAMPLES: Key = bytes_key(2);

/// What names of parts of an aggregation end in.
const AGGREGATIONS: [&str; 5] = ["total", "bucket", "sum", "avg", "count"];

/// `limit_bytes` holds after decompression.
///
/// # Errors
/// [`ParseError::Malformed`].
pub fn parse(config: &PrometheusParser, body: &[u8], limit_bytes: usize) -> Result<Vec<Record>, ParseError> {
    let mut buffer = Vec::new();
    let message = decompress(Encoding::Snappy, body, limit_bytes, &mut buffer);
    let message = message.map_err(|error| ParseError::malformed(FORMAT, error))?;
    let mut records = Vec::new();
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key().map_err(wire)? {
        match key {
            TIME_SERIES => series(config, reader.bytes().map_err(wire)?, &mut records)?,
            other => reader.skip(other).map_err(wire)?,
        }
    }
    Ok(records)
}

fn wire(error: WireError) -> ParseError {
    ParseError::malformed(FORMAT, error)
}

/// A record for each finite sample.
fn series(config: &PrometheusParser, message: &[u8], records: &mut Vec<Record>) -> Result<(), ParseError> {
    let (labels, samples) = take_apart(message).map_err(wire)?;
    let labels = texts(&labels)?;
    let values_of =
        |wanted: &'static str| labels.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| *value);
    if values_of("le").next().is_some() {
        return Ok(());
    }
    let name = values_of("__name__").next_back().unwrap_or_default().trim_matches(|c| c <= ' ');
    let aggregation = name.rfind('_').filter(|at| AGGREGATIONS.contains(&&name[at + 1..]));
    if aggregation.is_some() && !config.reserved_name_whitelist.iter().any(|kept| kept == name) {
        return Ok(());
    }
    if name.is_empty() {
        return Err(ParseError::malformed(FORMAT, "a series without a name"));
    }
    let unit = if config.interpret_units { unit_of(&name[..aggregation.unwrap_or(name.len())]) } else { None };
    let others = || labels.iter().copied().filter(|(name, _)| *name != "__name__");
    if let Some(twice) = repeated(others().map(|(name, _)| name)) {
        return Err(ParseError::malformed(FORMAT, format!("label {twice:?} twice in {name}")));
    }
    let dimensions: Dimensions = others().collect();
    for (time_ms, value) in samples.into_iter().filter(|(_, value)| value.is_finite()) {
        let metric = one_sample(Kind::Gauge, quantity(value, unit));
        records.push(one_metric(time_ms, dimensions.clone(), name, metric));
    }
    Ok(())
}

/// By the last word of a name.
fn unit_of(name: &str) -> Option<InputUnit> {
    match name.rsplit('_').next().unwrap_or_default() {
        "seconds" => Some(InputUnit::SECOND),
        // Java's spelling, which no Prometheus name has.
        "celcius" => Some(InputUnit::CELSIUS),
        "bytes" => Some(InputUnit::BYTE),
        "bits" => Some(InputUnit::BIT),
        _ => None,
    }
}

/// Names and values, as they come.
type RawLabels<'a> = Vec<(&'a [u8], &'a [u8])>;

/// Labels, and times with their values, wherever they stand.
fn take_apart(message: &[u8]) -> Result<(RawLabels<'_>, Vec<(i64, f64)>), WireError> {
    let (mut labels, mut samples) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match key {
            LABELS => labels.push(label(reader.bytes()?)?),
            SAMPLES => samples.push(sample(reader.bytes()?)?),
            other => reader.skip(other)?,
        }
    }
    Ok((labels, samples))
}

fn texts<'a>(labels: &RawLabels<'a>) -> Result<Vec<(&'a str, &'a str)>, ParseError> {
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).map_err(|error| ParseError::malformed(FORMAT, error));
    labels.iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect()
}

#[cfg(test)]
mod tests;
