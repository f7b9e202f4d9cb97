//! What stands in the place of a match: text with `$1` and `${name}`.

use std::fmt;

use super::{Captures, JavaRegex};

/// The replacement of `Matcher.replaceAll`, checked against its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JavaReplacement {
    text: Box<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replacement {replacement:?} of {pattern:?} cannot be used: {reason}")]
pub struct ReplacementError {
    pub replacement: String,
    pub pattern: String,
    pub reason: String,
}

impl JavaReplacement {
    /// Java finds out only when a match is to be replaced.
    ///
    /// # Errors
    /// When it refers to a group that the pattern does not have, or is malformed.
    pub fn new(text: &str, pattern: &JavaRegex) -> Result<Self, ReplacementError> {
        parse(text, pattern).map(|parts| Self { text: text.into(), parts }).map_err(|reason| ReplacementError {
            replacement: text.to_owned(),
            pattern: pattern.pattern().to_owned(),
            reason,
        })
    }

    pub(super) fn append(&self, captures: &Captures<'_>, to: &mut String) {
        for part in &self.parts {
            to.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => captures.get(*group).unwrap_or_default(),
                Part::Name(name) => captures.name(name).unwrap_or_default(),
            });
        }
    }
}

/// As it was written.
impl fmt::Display for JavaReplacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

fn parse(text: &str, pattern: &JavaRegex) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => plain.push(rest.next().ok_or("a backslash at the end")?),
            '$' => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                match rest.next() {
                    Some('{') => {
                        let mut name = String::new();
                        loop {
                            match rest.next() {
                                Some('}') => break,
                                Some(c) if c.is_ascii_alphanumeric() => name.push(c),
                                _ => return Err("\"${\" without the name of a group and \"}\"".to_owned()),
                            }
                        }
                        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                            return Err(format!("{name:?} is not the name of a group"));
                        }
                        if !pattern.has_group(&name) {
                            return Err(format!("there is no group {name:?}"));
                        }
                        parts.push(Part::Name(name));
                    }
                    Some(digit @ '0'..='9') => {
                        let value = |digit: char| digit as usize - '0' as usize;
                        let mut group = value(digit);
                        if group >= pattern.group_count() {
                            return Err(format!("there is no group {group}"));
                        }
                        // Further digits belong to it as long as such a group exists.
                        while let Some(next) = rest.peek().copied().filter(char::is_ascii_digit) {
                            let longer = group * 10 + value(next);
                            if longer >= pattern.group_count() {
                                break;
                            }
                            group = longer;
                            rest.next();
                        }
                        parts.push(Part::Group(group));
                    }
                    _ => return Err("\"$\" without the number or name of a group".to_owned()),
                }
            }
            other => plain.push(other),
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}
