//! What the clients of MAD post, in three versions of their protocol buffers.

mod v1;
mod v2;
mod v3;

use prost::Message;

use super::units::InputUnit;
use super::{ParseError, repeated};
use crate::{Dimensions, Kind, Metric, Record};

pub use v1::parse as v1;
pub use v2::parse as v2;
pub use v3::parse as v3;

fn decode<M: Message + Default>(format: &'static str, body: &[u8]) -> Result<M, ParseError> {
    M::decode(body).map_err(|error| ParseError::malformed(format, error))
}

/// The id of a record tells nothing here, but one that is no UUID is not expected.
fn check_id(format: &'static str, id: &[u8]) -> Result<(), ParseError> {
    if id.len() < 16 {
        return Err(ParseError::unexpected(format, format!("a record id of {} bytes, not 16", id.len())));
    }
    Ok(())
}

/// A name and a value, of the messages that differ by version only.
trait Pair {
    fn pair(&self) -> (&str, &str);
}

fn dimensions<P: Pair>(format: &'static str, entries: &[P]) -> Result<Dimensions, ParseError> {
    if let Some(name) = repeated(entries.iter().map(|entry| entry.pair().0)) {
        return Err(ParseError::malformed(format, format!("dimension or annotation {name:?} twice")));
    }
    Ok(entries.iter().map(Pair::pair).collect())
}

/// A record of version 1 or 2, which differ in their entries only.
struct Raw<E, M> {
    id: Vec<u8>,
    end_ms: i64,
    annotations: Vec<E>,
    dimensions: Vec<E>,
    counters: Vec<M>,
    timers: Vec<M>,
    gauges: Vec<M>,
}

fn assemble<E: Pair, M>(
    format: &'static str,
    raw: Raw<E, M>,
    mut metric: impl FnMut(Kind, M) -> Result<(Box<str>, Metric), ParseError>,
) -> Result<Record, ParseError> {
    check_id(format, &raw.id)?;
    dimensions(format, &raw.annotations)?;
    let dimensions = dimensions(format, &raw.dimensions)?;
    let mut metrics = Vec::with_capacity(raw.counters.len() + raw.timers.len() + raw.gauges.len());
    for (kind, entries) in [(Kind::Counter, raw.counters), (Kind::Timer, raw.timers), (Kind::Gauge, raw.gauges)] {
        for entry in entries {
            metrics.push(metric(kind, entry)?);
        }
    }
    if let Some(name) = repeated(metrics.iter().map(|(name, _)| &**name)) {
        return Err(ParseError::malformed(format, format!("metric {name:?} twice in a record")));
    }
    Ok(Record { time_ms: raw.end_ms, request_time_ms: None, dimensions, metrics })
}

/// Of versions 1 and 2, in the order of version 2's numbers from 1 on.
const TYPES: [&str; 13] = [
    "SECOND",
    "MINUTE",
    "HOUR",
    "DAY",
    "WEEK",
    "BIT",
    "BYTE",
    "ROTATION",
    "DEGREE",
    "RADIAN",
    "CELSIUS",
    "FAHRENHEIT",
    "KELVIN",
];

/// The scales that stand before a type's name.
const SCALES: [&str; 28] = [
    "YOCTO", "ZEPTO", "ATTO", "FEMTO", "PICO", "NANO", "MICRO", "MILLI", "CENTI", "DECI", "DECA", "HECTO", "KILO",
    "MEGA", "GIGA", "TERA", "PETA", "EXA", "ZETTA", "YOTTA", "KIBI", "MEBI", "GIBI", "TEBI", "PEBI", "EXBI", "ZEBI",
    "YOBI",
];

/// The unit of that type and scale.
///
/// # Errors
/// When there is none: only some scales of seconds, bits and bytes are known,
/// and angles and CELSIUS are not.
fn unit(format: &'static str, kind: &str, scale: &str) -> Result<InputUnit, ParseError> {
    let name = format!("{scale}{kind}");
    InputUnit::named(&name).ok_or_else(|| ParseError::malformed(format, format!("unit {name} is not known")))
}

fn entry<'a>(names: &[&'a str], number: i32) -> Option<&'a str> {
    names.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests;
