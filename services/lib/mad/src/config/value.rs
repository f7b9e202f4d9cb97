//! A file's content before anything is made of it.

use std::cmp::Ordering;
use std::fmt;

use hocon::{HoconValue, ScalarType};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(Box<str>),
    String(Box<str>),
    List(Vec<Value>),
    /// Each key once. Where a map is ordered in Java, this is its order.
    Object(Vec<(Box<str>, Value)>),
}

impl Value {
    pub fn what(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Keys come in the order in which Java renders an object before it reads it
/// as JSON: those of digits first, by number, then by UTF-16 code units.
impl From<&HoconValue> for Value {
    fn from(value: &HoconValue) -> Self {
        match value {
            HoconValue::Object(entries) => {
                let mut entries: Vec<(Box<str>, Value)> =
                    entries.iter().map(|(key, value)| (key.as_str().into(), value.into())).collect();
                entries.sort_by(|a, b| rendered_order(&a.0, &b.0));
                Self::Object(entries)
            }
            HoconValue::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            HoconValue::Scalar(scalar) => match scalar.value_type {
                ScalarType::Null => Self::Null,
                ScalarType::Boolean => Self::Bool(scalar.raw == "true"),
                ScalarType::Number => Self::Number(scalar.raw.as_str().into()),
                _ => Self::String(scalar.raw.as_str().into()),
            },
            // Nothing unresolved is left by the time a file has been read.
            _ => Self::Null,
        }
    }
}

fn rendered_order(a: &str, b: &str) -> Ordering {
    let digits = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let number = |key: &str| {
        let significant = key.trim_start_matches('0');
        (significant.len(), significant.to_owned())
    };
    match (digits(a), digits(b)) {
        (true, true) => number(a).cmp(&number(b)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.encode_utf16().cmp(b.encode_utf16()),
    }
}

/// From JSON: keys in the order of the file; the last value of a key that comes
/// twice stands, in the place of the first.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string().into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Box<str>, Value)> = Vec::new();
        while let Some((key, value)) = pairs.next_entry::<Box<str>, Value>()? {
            match entries.iter_mut().find(|(other, _)| *other == key) {
                Some((_, old)) => *old = value,
                None => entries.push((key, value)),
            }
        }
        Ok(Value::Object(entries))
    }
}
