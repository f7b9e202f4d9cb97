//! Patterns as `java.util.regex` has them.

mod class;
mod escape;
mod input;
mod property;
mod replacement;
mod translate;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use replacement::{JavaReplacement, ReplacementError};

/// A compiled pattern. A search that would backtrack without end counts as one
/// that finds nothing.
#[derive(Clone)]
pub struct JavaRegex {
    pattern: Box<str>,
    compiled: Arc<Compiled>,
}

struct Compiled {
    find: fancy_regex::Regex,
    whole: fancy_regex::Regex,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {pattern:?} cannot be used: {reason}")]
pub struct RegexError {
    pub pattern: String,
    pub reason: String,
}

/// The groups of one match; group 0 is the match itself.
pub struct Captures<'t>(fancy_regex::Captures<'t, str>);

impl<'t> Captures<'t> {
    pub fn get(&self, group: usize) -> Option<&'t str> {
        self.0.get(group).map(|found| found.as_str())
    }

    pub fn name(&self, group: &str) -> Option<&'t str> {
        self.0.name(group).map(|found| found.as_str())
    }

    /// How many groups there are, group 0 included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: there is group 0.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where the match is, in bytes.
    pub fn range(&self) -> Range<usize> {
        self.0.get(0).map_or(0..0, |found| found.range())
    }
}

impl JavaRegex {
    /// # Errors
    /// When Java would refuse the pattern, or it uses what has no equivalent.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let error = |reason: String| RegexError { pattern: pattern.to_owned(), reason };
        let translated = translate::translate(pattern).map_err(error)?;
        let compile = |text: &str| fancy_regex::Regex::new(text).map_err(|reason| error(reason.to_string()));
        let compiled = Compiled { find: compile(&translated)?, whole: compile(&format!(r"\A(?:{translated})\z"))? };
        Ok(Self { pattern: pattern.into(), compiled: Arc::new(compiled) })
    }

    /// As it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether it matches somewhere.
    pub fn find(&self, text: &str) -> bool {
        self.compiled.find.is_match(text).unwrap_or(false)
    }

    /// Whether it matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled.whole.is_match(text).unwrap_or(false)
    }

    /// All matches, one after the other, as repeated `Matcher.find()` gives them:
    /// an empty one may follow directly upon another.
    pub fn captures_iter<'r, 't>(&'r self, text: &'t str) -> impl Iterator<Item = Captures<'t>> + use<'r, 't> {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let captures = self.compiled.find.captures_from_pos(text, from?).ok()??;
            let found = captures.get(0)?.range();
            from = if found.is_empty() {
                text[found.end..].chars().next().map(|next| found.end + next.len_utf8())
            } else {
                Some(found.end)
            };
            Some(Captures(captures))
        })
    }

    /// `Matcher.replaceAll`.
    pub fn replace_all(&self, text: &str, replacement: &JavaReplacement) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut copied = 0;
        for captures in self.captures_iter(text) {
            let found = captures.range();
            replaced.push_str(&text[copied..found.start]);
            replacement.append(&captures, &mut replaced);
            copied = found.end;
        }
        replaced.push_str(&text[copied..]);
        replaced
    }

    /// How many groups a match has, group 0 included.
    pub(crate) fn group_count(&self) -> usize {
        self.compiled.find.captures_len()
    }

    pub(crate) fn has_group(&self, name: &str) -> bool {
        self.compiled.find.capture_names().flatten().any(|other| other == name)
    }
}

impl PartialEq for JavaRegex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for JavaRegex {}

impl fmt::Debug for JavaRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.pattern)
    }
}

#[cfg(test)]
mod tests;
