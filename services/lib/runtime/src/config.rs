//! The configuration in layers: defaults, a YAML file, the environment
//! (`TIDEGATE__SECTION__KEY`), `--set section.key=value`; later layers win.
//!
//! The defaults, serialized, say which keys exist, so a key that no default
//! knows is an error that names it, the layer and the nearest known key. A
//! mapping that is empty by default (labels, for example) takes any key.

mod layer;
mod merge;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::Value;

pub use layer::{ENVIRONMENT_PREFIX, Origin};
use layer::{Entry, Layer};
use merge::Merged;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{origin} is not valid YAML: {source}")]
    Syntax { origin: Origin, source: serde_yaml_ng::Error },
    #[error("{origin}: {found} where a mapping of keys was expected")]
    NotAMapping { origin: Origin, found: String },
    #[error("--set {0:?} is not of the form section.key=value")]
    Assignment(String),
    #[error("{origin}: there is no key {key}{}", suggestion(.nearest.as_deref()))]
    UnknownKey { origin: Origin, key: String, nearest: Option<String> },
    #[error("{origin}: {key}: {message}")]
    Value { origin: Origin, key: String, message: String },
    #[error("the defaults cannot be written as YAML: {0}")]
    Defaults(serde_yaml_ng::Error),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// Where the layers above the defaults come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// All variables of the environment; those without the prefix are skipped.
    pub environment: Vec<(String, String)>,
    /// `section.key=value`, in the order given.
    pub assignments: Vec<String>,
}

/// Reads all layers and merges them over the defaults of `C`.
///
/// # Errors
/// The first thing found wrong, naming the layer and the key.
pub fn load<C: Serialize + DeserializeOwned + Default>(sources: &Sources) -> Result<C, ConfigError> {
    let file = match &sources.file {
        Some(path) => Some((path.as_path(), read(path)?)),
        None => None,
    };
    merge(file.as_ref().map(|(path, text)| (*path, text.as_str())), &sources.environment, &sources.assignments)
}

/// As [`load`], for a file that is already read.
///
/// # Errors
/// As [`load`].
pub fn merge<C: Serialize + DeserializeOwned + Default>(
    file: Option<(&Path, &str)>,
    environment: &[(String, String)],
    assignments: &[String],
) -> Result<C, ConfigError> {
    let mut merged = Merged::new(serde_yaml_ng::to_value(C::default()).map_err(ConfigError::Defaults)?);
    if let Some((path, text)) = file {
        merged.apply(Layer::file(path, text)?)?;
    }
    for entry in Entry::of_environment(environment) {
        merged.apply(entry.into_layer())?;
    }
    for assignment in assignments {
        merged.apply(Entry::of_assignment(assignment)?.into_layer())?;
    }
    merged.read()
}

/// The whole configuration as YAML that [`load`] reads back to the same.
///
/// # Errors
/// When a value has no form in YAML.
pub fn print<C: Serialize>(config: &C) -> Result<String, ConfigError> {
    serde_yaml_ng::to_string(config).map_err(ConfigError::Defaults)
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Tagged(_) => "a tagged value",
    }
}

#[cfg(test)]
mod tests;
