//! Lines of Graphite's plain text: `name value[ seconds]`.

use super::{ParseError, number, one_metric, one_sample};
use crate::config::GraphiteParser;
use crate::{Dimensions, Kind, Quantity, Record};

const FORMAT: &str = "a Graphite line";

/// # Errors
/// [`ParseError::Malformed`].
pub fn parse(config: &GraphiteParser, line: &[u8], now_ms: i64) -> Result<Record, ParseError> {
    let line = String::from_utf8_lossy(line);
    let (name, value, seconds) =
        scan(&line).ok_or_else(|| ParseError::malformed(FORMAT, format!("{:?}", brief(&line))))?;
    let (name, dimensions) = name_and_dimensions(config, name)?;
    let value = number::prefix(value)
        .ok_or_else(|| ParseError::malformed(FORMAT, format!("{:?} is no number", brief(value))))?;
    let time_ms = seconds.map_or(now_ms, milliseconds);
    Ok(one_metric(time_ms, dimensions, name, one_sample(Kind::Gauge, Quantity::plain(value))))
}

/// Takes a line apart, as this pattern does when it has to match all of it:
///
/// `([^ ]+) ([^ ]+)( ([0-9]+))?\s*`
fn scan(line: &str) -> Option<(&str, &str, Option<&str>)> {
    let (name, rest) = line.split_once(' ')?;
    let (value, rest) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let after = rest.trim_end_matches(is_blank);
    let seconds = match after.strip_prefix(' ') {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() => Some(digits),
        Some(_) => return None,
    };
    (!name.is_empty() && !value.is_empty()).then_some((name, value, seconds))
}

/// Tags of the name stand over those of the configuration, later ones over
/// earlier ones; those that are not `k=v` are passed over.
fn name_and_dimensions<'a>(config: &GraphiteParser, name: &'a str) -> Result<(&'a str, Dimensions), ParseError> {
    let global = config.global_tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    if !config.parse_carbon_tags {
        return Ok((name, global.collect()));
    }
    let trimmed = name.trim_end_matches(';');
    if trimmed.is_empty() {
        return Err(ParseError::unexpected(FORMAT, "a name of semicolons"));
    }
    let mut parts = trimmed.split(';');
    let name = parts.next().unwrap_or_default();
    let tag = |part: &'a str| {
        let (name, value) = part.trim_end_matches('=').split_once('=')?;
        (!name.is_empty() && !value.is_empty() && !value.contains('=')).then_some((name, value))
    };
    Ok((name, global.chain(parts.filter_map(tag)).collect()))
}

/// As Java does with numbers that no long holds.
fn milliseconds(seconds: &str) -> i64 {
    seconds.parse().unwrap_or(i64::MAX).wrapping_mul(1_000)
}

fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
