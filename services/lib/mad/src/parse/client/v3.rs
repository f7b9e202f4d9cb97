//! Version 3: samples, and histograms that the client has made of samples.

use std::collections::{BTreeMap, HashMap};

use tidegate_proto::mad::client_v3::identifier::Value;
use tidegate_proto::mad::client_v3::metric_data_entry::Data;
use tidegate_proto::mad::client_v3::{AugmentedHistogram, DimensionEntry, Identifier, MetricDataEntry, Request};

use super::{check_id, decode};
use crate::parse::{ParseError, repeated};
use crate::{Dimensions, Histogram, Kind, Metric, Quantity, Record};

const FORMAT: &str = "a ClientV3 request";

/// Bits of a double that a packed bucket leaves out.
const LOWER_BITS: u32 = 45;

/// # Errors
/// [`ParseError::Unexpected`] for an id that is no UUID, else
/// [`ParseError::Malformed`].
pub fn parse(body: &[u8]) -> Result<Vec<Record>, ParseError> {
    let request: Request = decode(FORMAT, body)?;
    let one = |raw: tidegate_proto::mad::client_v3::Record| {
        check_id(FORMAT, &raw.id)?;
        let request_time_ms = (raw.request_millis_since_epoch != 0).then_some(raw.request_millis_since_epoch);
        Ok(Record {
            time_ms: raw.end_millis_since_epoch,
            request_time_ms,
            dimensions: dimensions(&raw.dimensions)?,
            metrics: metrics(raw.data)?,
        })
    };
    request.records.into_iter().map(one).collect()
}

fn text(identifier: Option<&Identifier>) -> Result<&str, ParseError> {
    match identifier.and_then(|identifier| identifier.value.as_ref()) {
        Some(Value::StringValue(text)) => Ok(text),
        None => Err(ParseError::malformed(FORMAT, "an identifier is not set")),
    }
}

fn dimensions(entries: &[DimensionEntry]) -> Result<Dimensions, ParseError> {
    let pairs: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| Ok((text(entry.name.as_ref())?, text(entry.value.as_ref())?)))
        .collect::<Result<_, ParseError>>()?;
    if let Some(name) = repeated(pairs.iter().map(|(name, _)| *name)) {
        return Err(ParseError::malformed(FORMAT, format!("dimension {name:?} twice")));
    }
    Ok(pairs.into_iter().collect())
}

/// Entries of one name come together. Those without data are passed over, but
/// must have a name.
fn metrics(entries: Vec<MetricDataEntry>) -> Result<Vec<(Box<str>, Metric)>, ParseError> {
    let mut metrics: Vec<(Box<str>, Metric)> = Vec::with_capacity(entries.len());
    let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let name = text(entry.name.as_ref())?;
        let Some(Data::NumericalData(data)) = entry.data else { continue };
        if data.samples.is_empty() && data.statistics.is_none() {
            continue;
        }
        let place = *places.entry(name.into()).or_insert_with(|| {
            metrics.push((name.into(), Metric { kind: Kind::Gauge, samples: Vec::new(), histograms: Vec::new() }));
            metrics.len() - 1
        });
        let metric = &mut metrics[place].1;
        metric.samples.extend(data.samples.into_iter().map(Quantity::plain));
        metric.histograms.extend(data.statistics.as_ref().map(histogram));
    }
    Ok(metrics)
}

fn histogram(raw: &AugmentedHistogram) -> Histogram {
    let mut entries = BTreeMap::new();
    for entry in &raw.entries {
        let count: &mut u64 = entries.entry((entry.bucket << LOWER_BITS).cast_unsigned()).or_default();
        *count = count.wrapping_add(entry.count);
    }
    Histogram { entries, min: raw.min, max: raw.max, sum: raw.sum, unit: None }
}
