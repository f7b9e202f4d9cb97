//! Attributes → label pairs.

use std::fmt::Write;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use super::translate::label_name;

/// Depth at which nested values are cut off.
const MAX_DEPTH: usize = 8;

/// Pairs of label name and value, each name once, sorted.
#[derive(Default)]
pub struct Pairs {
    pairs: Vec<(String, String)>,
}

impl Pairs {
    /// Translates `attributes`, leaving out those named in `except`. Values of
    /// attributes whose names become equal are joined with ";".
    pub fn of(attributes: &[KeyValue], except: &[&str]) -> Self {
        let mut wanted: Vec<&KeyValue> = attributes.iter().filter(|one| !except.contains(&one.key.as_str())).collect();
        wanted.sort_by(|a, b| a.key.cmp(&b.key));
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(wanted.len());
        for attribute in wanted {
            let (mut name, mut value) = (String::new(), String::new());
            label_name(&attribute.key, &mut name);
            write_value(attribute.value.as_ref(), &mut value, 0);
            pairs.push((name, value));
        }
        // Stable, so that joined values keep the order of their keys.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                kept.1.push(';');
                kept.1.push_str(&later.1);
            }
            is_same
        });
        Self { pairs }
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The text of attribute `key`, "" where it is not there.
pub fn text_of(attributes: &[KeyValue], key: &str) -> String {
    let mut text = String::new();
    if let Some(attribute) = attributes.iter().find(|one| one.key == key) {
        write_value(attribute.value.as_ref(), &mut text, 0);
    }
    text
}

/// Strings as they are, numbers in decimal, lists and maps as JSON.
fn write_value(value: Option<&AnyValue>, out: &mut String, depth: usize) {
    let Some(value) = value.and_then(|value| value.value.as_ref()) else { return };
    // Writing to a string does not fail.
    match value {
        Value::StringValue(text) if depth == 0 => out.push_str(text),
        Value::StringValue(text) => write!(out, "{}", serde_json::Value::from(text.as_str())).unwrap_or_default(),
        Value::BoolValue(value) => write!(out, "{value}").unwrap_or_default(),
        Value::IntValue(value) => write!(out, "{value}").unwrap_or_default(),
        Value::DoubleValue(value) => write!(out, "{value}").unwrap_or_default(),
        Value::BytesValue(bytes) => bytes.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap_or_default()),
        Value::ArrayValue(_) | Value::KvlistValue(_) if depth >= MAX_DEPTH => out.push_str("null"),
        Value::ArrayValue(list) => {
            out.push('[');
            for (index, value) in list.values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_value(Some(value), out, depth + 1);
            }
            out.push(']');
        }
        Value::KvlistValue(map) => {
            out.push('{');
            for (index, entry) in map.values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write!(out, "{}:", serde_json::Value::from(entry.key.as_str())).unwrap_or_default();
                write_value(entry.value.as_ref(), out, depth + 1);
            }
            out.push('}');
        }
        // An index into a string table that requests of metrics do not have.
        _ => {}
    }
}
