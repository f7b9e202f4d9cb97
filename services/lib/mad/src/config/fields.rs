//! An object's keys, read one by one as Jackson would: coerced, with a default
//! or without, checked; those that nobody asked for are noted in the end.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::value::Value;
use super::{Note, Problem, Properties, iso8601};
use crate::{JavaRegex, Statistic};

pub(super) struct Fields<'a> {
    pub at: String,
    entries: &'a [(Box<str>, Value)],
    read: Vec<bool>,
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value, at: &str) -> Result<Self, Problem> {
        let Value::Object(entries) = value else {
            return Err(Problem::new(at, format!("{} where an object is expected", value.what())));
        };
        Ok(Self { at: at.to_owned(), entries, read: vec![false; entries.len()] })
    }

    pub fn path(&self, name: &str) -> String {
        key_at(&self.at, name)
    }

    pub fn problem(&self, name: &str, reason: impl Into<String>) -> Problem {
        Problem::new(self.path(name), reason)
    }

    /// The raw value of a key, which counts as read.
    pub fn take(&mut self, name: &str) -> Option<&'a Value> {
        let at = self.entries.iter().position(|(key, _)| **key == *name)?;
        self.read[at] = true;
        Some(&self.entries[at].1)
    }

    /// Absent and null are the same.
    pub fn optional<T: Read>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::read(value, &self.path(name)).map(Some),
        }
    }

    /// The default is for an absent key; null is refused.
    pub fn or<T: Read>(&mut self, name: &str, default: T) -> Result<T, Problem> {
        match self.take(name) {
            None => Ok(default),
            Some(Value::Null) => Err(self.problem(name, "must not be null")),
            Some(value) => T::read(value, &self.path(name)),
        }
    }

    pub fn required<T: Read>(&mut self, name: &str) -> Result<T, Problem> {
        match self.take(name) {
            None => Err(self.problem(name, "is required")),
            Some(Value::Null) => Err(self.problem(name, "must not be null")),
            Some(value) => T::read(value, &self.path(name)),
        }
    }

    pub fn text(&mut self, name: &str) -> Result<String, Problem> {
        let text = self.required(name)?;
        self.not_empty(name, text)
    }

    pub fn text_or(&mut self, name: &str, default: &str) -> Result<String, Problem> {
        let text = self.or(name, default.to_owned())?;
        self.not_empty(name, text)
    }

    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.optional(name)? {
            Some(text) => self.not_empty(name, text).map(Some),
            None => Ok(None),
        }
    }

    fn not_empty(&self, name: &str, text: String) -> Result<String, Problem> {
        if text.is_empty() { Err(self.problem(name, "must not be empty")) } else { Ok(text) }
    }

    pub fn port(&mut self, name: &str) -> Result<u16, Problem> {
        let port = self.required(name)?;
        self.in_port_range(name, port)
    }

    pub fn port_or(&mut self, name: &str, default: u16) -> Result<u16, Problem> {
        let port = self.or(name, i64::from(default))?;
        self.in_port_range(name, port)
    }

    pub fn optional_port(&mut self, name: &str) -> Result<Option<u16>, Problem> {
        self.optional(name)?.map(|port| self.in_port_range(name, port)).transpose()
    }

    fn in_port_range(&self, name: &str, port: i64) -> Result<u16, Problem> {
        let valid = u16::try_from(port).ok().filter(|port| *port > 0);
        valid.ok_or_else(|| self.problem(name, format!("{port} is not a port, 1 to 65535")))
    }

    /// A 32-bit count of Java, of which some values are refused.
    pub fn count_or(&mut self, name: &str, default: u32, valid: RangeInclusive<i64>) -> Result<u32, Problem> {
        let count: i64 = self.or(name, i64::from(default))?;
        if !valid.contains(&count) {
            return Err(self.problem(name, format!("{count} is not from {} to {}", valid.start(), valid.end())));
        }
        u32::try_from(count).map_err(|_| self.problem(name, format!("{count} is out of range")))
    }

    /// Notes the keys that nobody has read.
    pub fn finish(self, notes: &mut Vec<Note>) {
        for (index, (key, _)) in self.entries.iter().enumerate() {
            if !self.read[index] {
                notes.push(Note::UnknownKey { at: self.path(key) });
            }
        }
    }
}

/// Any count of an `Integer` from one on.
pub(super) const POSITIVE: RangeInclusive<i64> = 1..=i32::MAX as i64;
pub(super) const NOT_NEGATIVE: RangeInclusive<i64> = 0..=i32::MAX as i64;

pub(super) fn key_at(at: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match (at.is_empty(), name.chars().all(plain)) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{name:?}"),
        (false, true) => format!("{at}.{name}"),
        (false, false) => format!("{at}.{name:?}"),
    }
}

/// What a value can be read as.
pub(super) trait Read: Sized {
    fn read(value: &Value, at: &str) -> Result<Self, Problem>;
}

fn unexpected(value: &Value, at: &str, expected: &str) -> Problem {
    Problem::new(at, format!("{} where {expected} is expected", value.what()))
}

impl Read for String {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        match value {
            Value::String(text) | Value::Number(text) => Ok(text.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            other => Err(unexpected(other, at, "a string")),
        }
    }
}

impl Read for PathBuf {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        String::read(value, at).map(Self::from)
    }
}

impl Read for bool {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        match value {
            Value::Bool(value) => Ok(*value),
            // Jackson's two spellings, no more.
            Value::String(text) => match text.trim() {
                "true" | "True" => Ok(true),
                "false" | "False" => Ok(false),
                other => Err(Problem::new(at, format!("{other:?} is neither \"true\" nor \"false\""))),
            },
            Value::Number(number) => i64::read(&Value::Number(number.clone()), at).map(|number| number != 0),
            other => Err(unexpected(other, at, "true or false")),
        }
    }
}

/// A fraction is cut off a number, and refused in a string.
impl Read for i64 {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let invalid = |text: &str| Problem::new(at, format!("{text:?} is not a whole number"));
        match value {
            Value::Number(text) => {
                let whole = text.parse::<i64>().ok();
                let cut = || text.parse::<f64>().ok().filter(|number| number.abs() < 9e18).map(|number| number as i64);
                whole.or_else(cut).ok_or_else(|| invalid(text))
            }
            Value::String(text) => text.trim().parse().map_err(|_| invalid(text)),
            other => Err(unexpected(other, at, "a number")),
        }
    }
}

impl Read for Duration {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let (text, duration) = match value {
            Value::String(text) => (text, iso8601::parse(text.trim())),
            Value::Number(text) => (text, iso8601::from_number(text)),
            other => return Err(unexpected(other, at, "a duration")),
        };
        duration.map_err(|reason| Problem::new(at, format!("{text:?}: {reason}")))
    }
}

impl Read for JavaRegex {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        Self::new(&String::read(value, at)?).map_err(|error| Problem::new(at, error.to_string()))
    }
}

impl Read for Statistic {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let name = String::read(value, at)?;
        Self::from_name(&name).ok_or_else(|| Problem::new(at, format!("{name:?} is not a statistic")))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let Value::List(items) = value else { return Err(unexpected(value, at, "a list")) };
        items.iter().enumerate().map(|(index, item)| T::read(item, &format!("{at}[{index}]"))).collect()
    }
}

/// An object as pairs, in its order.
impl<T: Read> Read for Vec<(String, T)> {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let Value::Object(entries) = value else { return Err(unexpected(value, at, "an object")) };
        entries.iter().map(|(key, value)| Ok((key.to_string(), T::read(value, &key_at(at, key))?))).collect()
    }
}

/// An object whose keys are patterns.
impl<T: Read> Read for Vec<(JavaRegex, T)> {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let of_pair = |(key, value): (String, T)| {
            let pattern = JavaRegex::new(&key).map_err(|error| Problem::new(key_at(at, &key), error.to_string()))?;
            Ok((pattern, value))
        };
        Vec::<(String, T)>::read(value, at)?.into_iter().map(of_pair).collect()
    }
}

/// Lists are joined by commas; a key with dots that HOCON has taken apart is put together again.
impl Read for Properties {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let Value::Object(entries) = value else { return Err(unexpected(value, at, "an object")) };
        let mut pairs = Vec::with_capacity(entries.len());
        flatten(entries, "", at, &mut pairs)?;
        Ok(pairs.into_iter().collect())
    }
}

fn flatten(
    entries: &[(Box<str>, Value)],
    prefix: &str,
    at: &str,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), Problem> {
    for (key, value) in entries {
        let (name, at) = (format!("{prefix}{key}"), key_at(at, key));
        match value {
            Value::Null => {}
            Value::Object(entries) => flatten(entries, &format!("{name}."), &at, pairs)?,
            Value::List(_) => pairs.push((name, Vec::<String>::read(value, &at)?.join(","))),
            other => pairs.push((name, String::read(other, &at)?)),
        }
    }
    Ok(())
}

/// A set of Java: the first of equal ones stands.
pub(super) fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Says which type was meant, if one comes close.
pub(super) fn unknown_type(at: &str, class: &str, known: &[&str]) -> Problem {
    let simple = |name: &str| name.rsplit('.').next().unwrap_or_default().to_lowercase();
    let nearest = known.iter().min_by_key(|name| (strsim::levenshtein(&simple(name), &simple(class)), name.len()));
    let hint = nearest.filter(|name| strsim::levenshtein(&simple(name), &simple(class)) <= 4);
    let hint = hint.map(|name| format!("; the nearest is {name}")).unwrap_or_default();
    Problem::new(key_at(at, "type"), format!("{class} is unknown{hint}"))
}
