//! Version 1.

use tidegate_proto::mad::client_v1::{self, CompoundUnit, Entry, MetricEntry, RecordSet};

use super::{Pair, Raw, SCALES, TYPES, assemble, decode, entry, unit};
use crate::parse::ParseError;
use crate::parse::units::{InputUnit, quantity};
use crate::{Kind, Metric, Record};

const FORMAT: &str = "a ClientV1 record set";

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

fn raw(record: client_v1::Record) -> Raw<Entry, MetricEntry> {
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

fn metric(kind: Kind, entry: MetricEntry) -> Result<(Box<str>, Metric), ParseError> {
    let samples = entry.samples.iter().map(|sample| Ok(quantity(sample.value, input_unit(sample.unit.as_ref())?)));
    let samples = samples.collect::<Result<_, ParseError>>()?;
    Ok((entry.name.into(), Metric { kind, samples, histograms: Vec::new() }))
}

/// Of the first numerator. A scale of 0, which is that of none as well, is YOCTO.
fn input_unit(compound: Option<&CompoundUnit>) -> Result<Option<InputUnit>, ParseError> {
    let Some(first) = compound.and_then(|compound| compound.numerator.first()) else { return Ok(None) };
    let Some(kind) = entry(&TYPES, first.r#type) else { return Ok(None) };
    // Numbers that are unknown, and UNIT, which is the last one, scale nothing.
    unit(FORMAT, kind, entry(&SCALES, first.scale).unwrap_or_default()).map(Some)
}
