//! Layers over defaults: which key exists, which layer set it last, and what
//! the whole reads as.

use serde::de::DeserializeOwned;
use serde_yaml_ng::{Mapping, Value};

use super::layer::{Layer, Origin};
use super::{ConfigError, kind};

pub struct Merged {
    /// The defaults alone: they say which keys there are.
    known: Value,
    values: Value,
    /// Which layer set the value at a path, in the order of layers.
    set: Vec<(String, Origin)>,
}

impl Merged {
    pub fn new(defaults: Value) -> Self {
        Self { known: defaults.clone(), values: defaults, set: Vec::new() }
    }

    pub fn apply(&mut self, layer: Layer) -> Result<(), ConfigError> {
        let Value::Mapping(values) = &mut self.values else {
            return Ok(()); // a configuration without keys
        };
        let mut over = Over { layer: &layer, root: &self.known, set: &mut self.set };
        over.mapping(values, &layer.values, Some(&self.known), "")
    }

    pub fn read<C: DeserializeOwned>(self) -> Result<C, ConfigError> {
        serde_path_to_error::deserialize(self.values).map_err(|error| {
            let key = error.path().to_string();
            let message = error.into_inner().to_string();
            // The latest layer that set the key, something in it or around it.
            let related = |set: &str| within(set, &key) || within(&key, set);
            let origin = self.set.iter().rev().find(|(set, _)| related(set)).map(|(_, origin)| origin.clone());
            ConfigError::Value { origin: origin.unwrap_or(Origin::Defaults), key, message }
        })
    }
}

/// Whether `key` is `parent` or lies in it.
fn within(key: &str, parent: &str) -> bool {
    parent == "." || key.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// One layer on its way into the values.
struct Over<'a> {
    layer: &'a Layer,
    root: &'a Value,
    set: &'a mut Vec<(String, Origin)>,
}

impl Over<'_> {
    /// `known` is the same place in the defaults, `None` where any key goes.
    fn mapping(
        &mut self,
        into: &mut Mapping,
        from: &Mapping,
        known: Option<&Value>,
        parent: &str,
    ) -> Result<(), ConfigError> {
        for (key, value) in from {
            let Some(name) = key.as_str() else {
                let found = format!("the key {}", serde_yaml_ng::to_string(key).unwrap_or_default().trim());
                return Err(ConfigError::NotAMapping { origin: self.layer.origin.clone(), found });
            };
            let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
            let known = match known {
                Some(place) => Some(self.known_key(place, name, &path)?),
                None => None,
            };
            self.value(into, key, value, known, path)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        into: &mut Mapping,
        key: &Value,
        value: &Value,
        known: Option<&Value>,
        path: String,
    ) -> Result<(), ConfigError> {
        match (into.get_mut(key), value, known) {
            (Some(Value::Mapping(inner)), Value::Mapping(from), known) => {
                let free = matches!(known, Some(Value::Mapping(defaults)) if defaults.is_empty());
                return self.mapping(inner, from, if free { None } else { known }, &path);
            }
            // "section:" with nothing below it sets nothing.
            (Some(Value::Mapping(_)), Value::Null, _) => return Ok(()),
            (Some(Value::Mapping(_)), other, _) => {
                let message = format!("{} where a mapping of keys was expected", kind(other));
                return Err(ConfigError::Value { origin: self.layer.origin.clone(), key: path, message });
            }
            _ => {}
        }
        into.insert(key.clone(), self.as_meant(value, known));
        self.set.push((path, self.layer.origin.clone()));
        Ok(())
    }

    /// A single value given as text for a key that holds text stays that text.
    fn as_meant(&self, value: &Value, known: Option<&Value>) -> Value {
        match (&self.layer.text, value, known) {
            (Some(text), Value::Number(_) | Value::Bool(_) | Value::Null, Some(Value::String(_))) => {
                Value::String(text.clone())
            }
            _ => value.clone(),
        }
    }

    fn known_key<'k>(&self, place: &'k Value, name: &str, path: &str) -> Result<&'k Value, ConfigError> {
        place.get(name).ok_or_else(|| ConfigError::UnknownKey {
            origin: self.layer.origin.clone(),
            key: path.to_owned(),
            nearest: nearest(path, self.root),
        })
    }
}

/// The known key most like `path`, if one is like it at all.
fn nearest(path: &str, root: &Value) -> Option<String> {
    let mut keys = Vec::new();
    collect_keys(root, "", &mut keys);
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &str| {
        let whole = strsim::jaro_winkler(path, key);
        // The right name in the wrong section is a good guess too.
        let name = if last(path) == last(key) { 0.9 } else { 0.0 };
        (whole.max(name), whole)
    };
    let scored = keys.into_iter().map(|key| (likeness(&key), key));
    let ((score, _), best) = scored.max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))?;
    (score >= 0.7).then_some(best)
}

fn collect_keys(value: &Value, parent: &str, keys: &mut Vec<String>) {
    let Value::Mapping(entries) = value else { return };
    for (key, inner) in entries {
        let Some(name) = key.as_str() else { continue };
        let path = if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
        collect_keys(inner, &path, keys);
        keys.push(path);
    }
}
