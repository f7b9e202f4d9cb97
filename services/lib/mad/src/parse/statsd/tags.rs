//! Tags of a line → dimensions.

use std::collections::HashMap;

use super::{FORMAT, brief};
use crate::Dimensions;
use crate::parse::{ParseError, repeated};

/// Texts that are kept, of each of the two ways to write tags.
const KEPT: usize = 4_096;
/// Longer ones are read each time.
const KEPT_BYTES: usize = 512;

/// What texts have been read as. Nearly all lines of a program have one of few.
#[derive(Debug, Default)]
pub(super) struct Tags {
    influx: HashMap<Box<str>, Dimensions>,
    datadog: HashMap<Box<str>, Dimensions>,
}

impl Tags {
    pub fn dimensions(&mut self, influx: Option<&str>, datadog: Option<&str>) -> Result<Dimensions, ParseError> {
        match (influx, datadog) {
            (None, None) => Ok(Dimensions::default()),
            (Some(tags), None) => kept(&mut self.influx, tags, '='),
            (None, Some(tags)) => kept(&mut self.datadog, tags, ':'),
            (Some(influx), Some(datadog)) => {
                let (datadog, influx) = (pairs(datadog, ':')?, pairs(influx, '=')?);
                whole(datadog.into_iter().chain(influx).collect())
            }
        }
    }
}

fn kept(cache: &mut HashMap<Box<str>, Dimensions>, tags: &str, separator: char) -> Result<Dimensions, ParseError> {
    if let Some(dimensions) = cache.get(tags) {
        return Ok(dimensions.clone());
    }
    let dimensions = whole(pairs(tags, separator)?)?;
    if tags.len() <= KEPT_BYTES {
        // Those in use are back at once.
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(tags.into(), dimensions.clone());
    }
    Ok(dimensions)
}

/// Each has exactly one separator; either side may be empty.
fn pairs(tags: &str, separator: char) -> Result<Vec<(&str, &str)>, ParseError> {
    let pair = |tag: &'_ str| -> Option<(usize, usize)> {
        let at = tag.find(separator)?;
        (!tag[at + 1..].contains(separator)).then_some((at, at + 1))
    };
    tags.split(',')
        .map(|tag| match pair(tag) {
            Some((end, begin)) => Ok((&tag[..end], &tag[begin..])),
            None => Err(ParseError::malformed(FORMAT, format!("tag {:?}", brief(tag)))),
        })
        .collect()
}

fn whole(pairs: Vec<(&str, &str)>) -> Result<Dimensions, ParseError> {
    match repeated(pairs.iter().map(|(name, _)| *name)) {
        Some(name) => Err(ParseError::malformed(FORMAT, format!("tag {:?} twice", brief(name)))),
        None => Ok(pairs.into_iter().collect()),
    }
}
