//! What can be wrong with a query, and with its evaluation.

use crate::{MatcherError, SourceError};

/// The query is at fault: Prometheus' `bad_data`.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ParseError {
    #[error("query has {length_bytes} bytes; {limit_bytes} are allowed")]
    TooLong { length_bytes: usize, limit_bytes: usize },
    #[error("query is nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("query has more than {limit} selectors")]
    TooManySelectors { limit: usize },
    #[error("query has more than {limit} regular expressions")]
    TooManyRegexes { limit: usize },
    #[error("{text} is too large for a duration")]
    DurationTooLarge { text: String },
    /// Line and column count from 1, the column in characters.
    #[error("{line}:{column}: parse error: {message}")]
    Syntax { line: usize, column: usize, message: String },
    #[error("expected type {expected} in {context}, got {actual}")]
    Type { expected: &'static str, context: String, actual: &'static str },
    #[error(transparent)]
    Matcher(#[from] MatcherError),
}

/// Evaluation failed: Prometheus' `execution`, except [`EvalError::Timeout`]
/// (`timeout`) and [`EvalError::TooManySteps`] and
/// [`EvalError::MatrixOverRange`] (`bad_data`), as [`EvalError::StringOverRange`].
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error(
        "exceeded maximum resolution of {} points per timeseries. Try decreasing the query resolution (?step=XX)",
        thousands(*limit)
    )]
    TooManySteps { limit: usize },
    #[error("the step must be positive and the end not before the start")]
    BadRange,
    #[error("query processing would load more than {limit} samples")]
    TooManySamples { limit: u64 },
    #[error("query selects more than {limit} series")]
    TooManySeries { limit: usize },
    #[error("query is nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("query timed out in expression evaluation")]
    Timeout,
    #[error("invalid expression type \"range vector\" for range query, must be Scalar or instant Vector")]
    MatrixOverRange,
    #[error("invalid expression type \"string\" for range query, must be Scalar or instant Vector")]
    StringOverRange,
    #[error("parameter of topk or bottomk is NaN or too large")]
    BadCount,
    #[error("vector cannot contain metrics with the same labelset")]
    DuplicateLabels,
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation; many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany { group: String, side: &'static str },
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ImplicitManyToOne,
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGroup,
    #[error("invalid label name {name:?} in {function}")]
    BadLabelName { function: &'static str, name: String },
    #[error("invalid regular expression in label_replace(): {0}")]
    BadRegex(#[from] MatcherError),
    #[error("expected {expected} in {context}")]
    Type { expected: &'static str, context: &'static str },
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A number with commas between its thousands.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
