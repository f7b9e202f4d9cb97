//! StatsD in the dialect of the Java daemon, with DataDog's and InfluxDB's tags:
//!
//! `name[,k=v…]:value|type[|@rate][|#k:v…]`, of the types `c`, `m` (counters),
//! `g` (gauge), `h` (timer without a unit) and `ms` (timer). Sets are refused.
//!
//! Counts are not scaled up by their rate: a line with one is taken as often as
//! it says. A line that is not taken, or is wrong, takes its whole datagram
//! with it.

mod tags;

use std::str;

use super::number;
use super::units::InputUnit;
use super::{ParseError, one_metric, one_sample};
use crate::{Kind, Quantity, Record};

use tags::Tags;

const FORMAT: &str = "a StatsD datagram";

/// Keeps what it has read of tags, which mostly come again.
#[derive(Debug, Default)]
pub struct Statsd {
    tags: Tags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
    Meter,
    Timer,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// A line's sample rate was against it.
    SampledOut,
}

/// The parts of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    name: &'a str,
    influx_tags: Option<&'a str>,
    value: &'a str,
    kind: &'a str,
    rate: Option<&'a str>,
    tags: Option<&'a str>,
}

impl Statsd {
    /// Adds the records of a datagram, one a line, to `records`; none where it
    /// is not taken. `random` gives numbers between 0 and 1.
    ///
    /// # Errors
    /// [`ParseError::Malformed`] when a line is wrong.
    pub fn parse(
        &mut self,
        datagram: &[u8],
        now_ms: i64,
        random: &mut impl FnMut() -> f64,
        records: &mut Vec<Record>,
    ) -> Result<Outcome, ParseError> {
        let before = records.len();
        let done = match str::from_utf8(datagram) {
            Ok(text) => self.lines(text, now_ms, random, records),
            // What is no text becomes �, wherever it stands.
            Err(_) => self.lines(&String::from_utf8_lossy(datagram), now_ms, random, records),
        };
        if done != Ok(Outcome::Taken) {
            records.truncate(before);
        }
        done
    }

    fn lines(
        &mut self,
        text: &str,
        now_ms: i64,
        random: &mut impl FnMut() -> f64,
        records: &mut Vec<Record>,
    ) -> Result<Outcome, ParseError> {
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            let line = scan(line).ok_or_else(|| ParseError::malformed(FORMAT, format!("line {:?}", brief(line))))?;
            let kind = Type::of(line.kind)
                .ok_or_else(|| ParseError::malformed(FORMAT, format!("type {:?}", brief(line.kind))))?;
            let value = number::prefix(line.value)
                .ok_or_else(|| ParseError::malformed(FORMAT, format!("value {:?}", brief(line.value))))?;
            let rate = line.rate.map(|rate| kind.rate(rate)).transpose()?;
            let dimensions = self.tags.dimensions(line.influx_tags, line.tags)?;
            if rate.is_some_and(|rate| rate != 1.0 && (rate == 0.0 || random() > rate)) {
                return Ok(Outcome::SampledOut);
            }
            records.push(one_metric(now_ms, dimensions, line.name, one_sample(kind.kind(), kind.quantity(value))));
        }
        Ok(Outcome::Taken)
    }
}

impl Type {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "c" => Self::Counter,
            "g" => Self::Gauge,
            "h" => Self::Histogram,
            "m" => Self::Meter,
            "ms" => Self::Timer,
            _ => return None,
        })
    }

    fn kind(self) -> Kind {
        match self {
            Self::Counter | Self::Meter => Kind::Counter,
            Self::Gauge => Kind::Gauge,
            Self::Histogram | Self::Timer => Kind::Timer,
        }
    }

    fn quantity(self, value: f64) -> Quantity {
        match self {
            Self::Timer => InputUnit::MILLISECOND.quantity(value),
            _ => Quantity::plain(value),
        }
    }

    /// Between 0 and 1, where the type has one.
    fn rate(self, text: &str) -> Result<f64, ParseError> {
        if !matches!(self, Self::Counter | Self::Histogram | Self::Timer) {
            return Err(ParseError::malformed(FORMAT, format!("sample rate {:?} of a {self:?}", brief(text))));
        }
        number::double(text)
            .filter(|rate| (0.0..=1.0).contains(rate) && rate.is_sign_positive())
            .ok_or_else(|| ParseError::malformed(FORMAT, format!("sample rate {:?}", brief(text))))
    }
}

/// Takes a line apart, as this pattern does when it has to match the whole line:
///
/// `([^:@|,]+)(,([^:@|]+))?:([^|]+)\|([^|]+)(\|@([^|]+))?(\|#(.+))?`
fn scan(line: &str) -> Option<Line<'_>> {
    let end = line.bytes().position(|b| matches!(b, b':' | b'@' | b'|' | b','))?;
    let (name, rest) = line.split_at(end);
    let (influx_tags, rest) = match rest.strip_prefix(',') {
        None => (None, rest),
        Some(rest) => {
            let end = rest.bytes().position(|b| matches!(b, b':' | b'@' | b'|'))?;
            let (tags, rest) = rest.split_at(end);
            (Some(tags), rest)
        }
    };
    let rest = rest.strip_prefix(':')?;
    let (value, rest) = rest.split_once('|')?;
    let (kind, mut rest) = match rest.split_once('|') {
        Some((kind, rest)) => (kind, Some(rest)),
        None => (rest, None),
    };
    let mut rate = None;
    if let Some(after) = rest.and_then(|rest| rest.strip_prefix('@')) {
        let (text, after) = match after.split_once('|') {
            Some((text, after)) => (text, Some(after)),
            None => (after, None),
        };
        rate = Some(text);
        rest = after;
    }
    let tags = match rest {
        Some(rest) => Some(rest.strip_prefix('#')?),
        None => None,
    };
    let is_there = |part: &str| !part.is_empty();
    let whole = is_there(name) && is_there(value) && is_there(kind);
    let whole = whole && influx_tags.is_none_or(is_there) && rate.is_none_or(is_there);
    // To `.` the ends of lines are none of the characters, whichever they are.
    let ends_line = |c| matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let whole = whole && tags.is_none_or(|tags: &str| is_there(tags) && !tags.contains(ends_line));
    whole.then_some(Line { name, influx_tags, value, kind, rate, tags })
}

/// As much of what is wrong as fits a line of a log.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
