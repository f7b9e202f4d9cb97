//! From text to syntax tree: a recursive-descent parser of our own, linear in
//! the length of the query. The grammar is that of Prometheus 3 without what
//! needs a feature flag there.

mod check;
mod grammar;
mod lexer;
mod literal;
mod selector;
mod token;

use crate::functions::find;
use crate::{Expr, ParseError};

use grammar::Parser;

/// Longest query taken, in bytes.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;
/// Deepest nesting. Chained operators are none, but powers, which group to the
/// right.
pub const MAX_DEPTH: usize = 250;
/// Selectors in one query.
pub const MAX_SELECTORS: usize = 5_000;
/// Regular expressions in one query.
pub const MAX_REGEX_MATCHERS: usize = 200;

/// Step of a subquery that names none.
const DEFAULT_SUBQUERY_STEP_MS: i64 = 60_000;

/// Parses and checks a query.
///
/// # Errors
/// A query that is wrong or too large; the message says where and is meant for
/// the query's author.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(ParseError::TooLong { length_bytes: query.len(), limit_bytes: MAX_QUERY_BYTES });
    }
    Parser::new(query)?.whole()
}

#[cfg(test)]
mod tests;
