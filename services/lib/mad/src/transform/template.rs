//! What a `TransformingSource` puts in the place of a match: text with
//! `${token}`, where a token is a capture, a dimension or of the environment.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Captures, Dimensions, JavaRegex};

/// A replacement, checked against its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    parts: Vec<Part>,
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
    Name(String),
    /// A dimension or else of the environment.
    Either(String),
    Dimension(String),
    Environment(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replacement {template:?} of {pattern:?} cannot be used: {reason}")]
pub struct TemplateError {
    pub template: String,
    pub pattern: String,
    pub reason: &'static str,
}

/// A name after replacing.
#[derive(Debug, PartialEq, Eq)]
pub struct Replaced<'t> {
    pub text: String,
    /// Dimensions that tokens have looked at: they are in the name now.
    pub consumed: Vec<&'t str>,
}

impl Template {
    /// Java finds out only when a match is to be replaced.
    ///
    /// # Errors
    /// When it is malformed or a token has a prefix that means nothing.
    pub fn new(text: &str, pattern: &JavaRegex) -> Result<Self, TemplateError> {
        parse(text, pattern).map(|parts| Self { text: text.into(), parts }).map_err(|reason| TemplateError {
            template: text.into(),
            pattern: pattern.pattern().into(),
            reason,
        })
    }

    /// Replaces all matches in `name`; what stands between them stays.
    pub fn replace_all(
        &self,
        pattern: &JavaRegex,
        name: &str,
        dimensions: &Dimensions,
        environment: &BTreeMap<String, String>,
    ) -> Replaced<'_> {
        let mut replaced = Replaced { text: String::with_capacity(name.len()), consumed: Vec::new() };
        let mut copied = 0;
        for captures in pattern.captures_iter(name) {
            let found = captures.range();
            replaced.text.push_str(&name[copied..found.start]);
            copied = found.end;
            for part in &self.parts {
                part.append(&captures, dimensions, environment, &mut replaced);
            }
        }
        replaced.text.push_str(&name[copied..]);
        replaced
    }
}

impl Part {
    fn append<'t>(
        &'t self,
        captures: &Captures<'_>,
        dimensions: &Dimensions,
        environment: &BTreeMap<String, String>,
        to: &mut Replaced<'t>,
    ) {
        /// What Java writes for a group that took no part in the match.
        const NO_PART: &str = "null";
        let of_environment = |name: &str| environment.get(name).map(String::as_str).unwrap_or_default();
        to.text.push_str(match self {
            Self::Text(text) => text,
            Self::Group(group) => captures.get(*group).unwrap_or(NO_PART),
            Self::Name(name) => captures.name(name).unwrap_or(NO_PART),
            Self::Environment(name) => of_environment(name),
            Self::Dimension(name) => {
                to.consumed.push(name);
                dimensions.get(name).unwrap_or_default()
            }
            Self::Either(name) => match dimensions.get(name) {
                Some(value) => {
                    to.consumed.push(name);
                    value
                }
                None => of_environment(name),
            },
        });
    }
}

fn parse(text: &str, pattern: &JavaRegex) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => plain.push(escaped(&mut rest)?),
            '$' => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(token(&name(&mut rest)?, pattern)?);
            }
            other => plain.push(other),
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

fn escaped(rest: &mut std::str::Chars<'_>) -> Result<char, &'static str> {
    match rest.next() {
        Some(c @ ('\\' | '$' | '{' | '}')) => Ok(c),
        Some(_) => Err("only \\, $, { and } can be escaped"),
        None => Err("a backslash at the end"),
    }
}

/// From the brace after `$` to the one that closes it.
fn name(rest: &mut std::str::Chars<'_>) -> Result<String, &'static str> {
    if rest.next() != Some('{') {
        return Err("\"$\" without a name in braces");
    }
    let mut name = String::new();
    loop {
        match rest.next() {
            Some('}') => return Ok(name),
            Some('\\') => name.push(escaped(rest)?),
            Some(c) => name.push(c),
            None => return Err("\"${\" without \"}\""),
        }
    }
}

fn token(name: &str, pattern: &JavaRegex) -> Result<Part, &'static str> {
    let (prefix, name) = name.split_once(':').unwrap_or(("", name));
    if name.is_empty() {
        return Err("\"${}\" without a name");
    }
    let group = || {
        let digits = name.bytes().all(|byte| byte.is_ascii_digit());
        name.parse().ok().filter(|group| digits && *group < pattern.group_count()).map(Part::Group)
    };
    let named = || pattern.has_group(name).then(|| Part::Name(name.into()));
    match prefix {
        "" => Ok(group().or_else(named).unwrap_or_else(|| Part::Either(name.into()))),
        "capture" => Ok(group().or_else(named).unwrap_or(Part::Text(String::new()))),
        "dimension" => Ok(Part::Dimension(name.into())),
        "env" => Ok(Part::Environment(name.into())),
        _ => Err("a token's prefix is capture, dimension or env"),
    }
}

#[cfg(test)]
mod tests;
