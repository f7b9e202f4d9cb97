//! Label matchers.

use std::fmt;

use regex::{Regex, RegexBuilder};
use tidegate_model::Labels;

/// Longest pattern taken, in bytes.
const MAX_PATTERN_BYTES: usize = 16 * 1024;
/// Largest compiled pattern, in bytes: `\w{1000}` must not cost 100 MB.
const MAX_COMPILED_BYTES: usize = 2 * 1024 * 1024;

/// `name op "value"`. A missing label matches as the empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    pub op: MatchOp,
    pub name: String,
    pub value: String,
    regex: Option<Regex>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MatcherError {
    #[error("regular expression has {length_bytes} bytes; {limit_bytes} are allowed")]
    TooLong { length_bytes: usize, limit_bytes: usize },
    #[error("regular expression {0:?} is too large when compiled")]
    TooLarge(String),
    #[error("illegal regular expression {pattern:?}: {reason}")]
    Syntax { pattern: String, reason: String },
}

impl Matcher {
    /// # Errors
    /// A regular expression that is illegal or too large.
    pub fn new(op: MatchOp, name: impl Into<String>, value: impl Into<String>) -> Result<Self, MatcherError> {
        let value = value.into();
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(anchored(&value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self { op, name: name.into(), value, regex })
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.name).unwrap_or(""))
    }

    pub fn matches_value(&self, value: &str) -> bool {
        let regex_matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => self.value == value,
            MatchOp::NotEqual => self.value != value,
            MatchOp::Regex => regex_matches(),
            MatchOp::NotRegex => !regex_matches(),
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}

/// A pattern that has to match the whole value; `.` matches newlines too, as
/// in Prometheus 3.
pub(crate) fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(MatcherError::TooLong { length_bytes: pattern.len(), limit_bytes: MAX_PATTERN_BYTES });
    }
    RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => MatcherError::TooLarge(pattern.to_owned()),
            other => MatcherError::Syntax { pattern: pattern.to_owned(), reason: last_line(&other.to_string()) },
        })
}

/// The reason, without the drawing of the pattern above it.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
