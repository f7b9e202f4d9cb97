//! Version 2, which is also what stands in topics.

use tidegate_proto::mad::client_v2::quantity::Value;
use tidegate_proto::mad::client_v2::{self, CompoundUnit, Entry, MetricEntry, RecordSet};

use super::{Pair, Raw, SCALES, TYPES, assemble, decode, entry, unit};
use crate::parse::ParseError;
use crate::parse::units::{InputUnit, quantity};
use crate::{Kind, Metric, Record};

const FORMAT: &str = "a ClientV2 record set";

impl Pair for Entry {
    fn pair(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }
}

/// # Errors
/// [`ParseError::Unexpected`] for an id that is no UUID, else
/// [`ParseError::Malformed`].
pub fn parse(body: &[u8]) -> Result<Vec<Record>, ParseError> {
    let set: RecordSet = decode(FORMAT, body)?;
    set.records.into_iter().map(|record| assemble(FORMAT, raw(record), metric)).collect()
}

fn raw(record: client_v2::Record) -> Raw<Entry, MetricEntry> {
    Raw {
        id: record.id,
        end_ms: record.end,
        annotations: record.annotations,
        dimensions: record.dimensions,
        counters: record.counters,
        timers: record.timers,
        gauges: record.gauges,
    }
}

/// Samples without a value are passed over.
fn metric(kind: Kind, entry: MetricEntry) -> Result<(Box<str>, Metric), ParseError> {
    let mut samples = Vec::with_capacity(entry.samples.len());
    for sample in &entry.samples {
        let value = match sample.value {
            Some(Value::DoubleValue(value)) => value,
            Some(Value::LongValue(value)) => value as f64,
            None => continue,
        };
        samples.push(quantity(value, input_unit(sample.unit.as_ref())?));
    }
    Ok((entry.name.into(), Metric { kind, samples, histograms: Vec::new() }))
}

/// Of the first numerator.
fn input_unit(compound: Option<&CompoundUnit>) -> Result<Option<InputUnit>, ParseError> {
    let Some(first) = compound.and_then(|compound| compound.numerator.first()) else { return Ok(None) };
    let Some(kind) = entry(&TYPES, first.r#type.wrapping_sub(1)) else { return Ok(None) };
    // Numbers that are unknown, UNKNOWN and UNIT scale nothing.
    unit(FORMAT, kind, entry(&SCALES, first.scale.wrapping_sub(2)).unwrap_or_default()).map(Some)
}
