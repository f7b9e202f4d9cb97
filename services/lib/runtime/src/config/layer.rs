//! One layer of configuration, read but not yet checked against known keys.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_yaml_ng::{Mapping, Value};

use super::{ConfigError, kind};

/// Variables that begin with this name a key: `TIDEGATE__HTTP__LISTEN` is
/// `http.listen`.
pub const ENVIRONMENT_PREFIX: &str = "TIDEGATE__";

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Defaults,
    File(PathBuf),
    Environment(String),
    Assignment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Defaults => f.write_str("the defaults"),
            Origin::File(path) => write!(f, "the file {}", path.display()),
            Origin::Environment(name) => write!(f, "the environment variable {name}"),
            Origin::Assignment(text) => write!(f, "--set {text}"),
        }
    }
}

/// Values by key, and where they were given.
pub struct Layer {
    pub origin: Origin,
    pub values: Mapping,
    /// The text of a single value, for keys that hold text: `007` is meant as
    /// it stands.
    pub text: Option<String>,
}

impl Layer {
    pub fn file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let origin = Origin::File(path.to_owned());
        match serde_yaml_ng::from_str::<Value>(text) {
            Ok(Value::Mapping(values)) => Ok(Self { origin, values, text: None }),
            // An empty file sets nothing.
            Ok(Value::Null) => Ok(Self { origin, values: Mapping::new(), text: None }),
            Ok(other) => Err(ConfigError::NotAMapping { origin, found: kind(&other).to_owned() }),
            Err(source) => Err(ConfigError::Syntax { origin, source }),
        }
    }
}

/// A single key with its value as text.
pub struct Entry {
    origin: Origin,
    path: Vec<String>,
    text: String,
}

impl Entry {
    pub fn of_environment(variables: &[(String, String)]) -> Vec<Self> {
        let mut variables: Vec<_> = variables.iter().collect();
        variables.sort();
        let entry = |(name, value): &(String, String)| {
            let path = name.strip_prefix(ENVIRONMENT_PREFIX)?;
            let path = path.split("__").map(str::to_lowercase).collect();
            Some(Self { origin: Origin::Environment(name.clone()), path, text: value.clone() })
        };
        variables.into_iter().filter_map(entry).collect()
    }

    pub fn of_assignment(assignment: &str) -> Result<Self, ConfigError> {
        let malformed = || ConfigError::Assignment(assignment.to_owned());
        let (key, value) = assignment.split_once('=').ok_or_else(malformed)?;
        let path: Vec<_> = key.trim().split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err(malformed());
        }
        Ok(Self { origin: Origin::Assignment(assignment.to_owned()), path, text: value.to_owned() })
    }

    pub fn into_layer(self) -> Layer {
        // What is not YAML ("[::1]:9470") is a text.
        let value = serde_yaml_ng::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()));
        let nest = |inner: Value, key: &String| Value::Mapping(Mapping::from_iter([(key.clone().into(), inner)]));
        let values = match self.path.iter().rev().fold(value, nest) {
            Value::Mapping(values) => values,
            _ => Mapping::new(),
        };
        Layer { origin: self.origin, values, text: Some(self.text) }
    }
}
