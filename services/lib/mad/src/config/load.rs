//! From files to configurations.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hocon::{HoconError, ParseOptions};
use serde::Deserialize;

use super::value::Value;
use super::{Daemon, Note, Pipeline, Problem, separators};

/// A configuration, and what its file says beyond it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    pub config: T,
    pub notes: Vec<Note>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {reason}", path.display())]
    Syntax { path: PathBuf, reason: String },
    #[error("{}", problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect::<Vec<_>>().join("\n"))]
    Invalid { path: PathBuf, problems: Vec<Problem> },
}

/// Reads the daemon's file. `${…}` finds what the file does not define in `env`.
///
/// # Errors
/// When the file cannot be read, or Java would refuse it.
pub fn load_daemon(path: &Path, env: &HashMap<String, String>) -> Result<Loaded<Daemon>, LoadError> {
    load(path, env, Daemon::read)
}

/// Reads a pipeline's file, as [`load_daemon`] does.
///
/// # Errors
/// When the file cannot be read, or Java would refuse it.
pub fn load_pipeline(path: &Path, env: &HashMap<String, String>) -> Result<Loaded<Pipeline>, LoadError> {
    load(path, env, Pipeline::read)
}

/// One of the two kinds of files.
#[derive(Clone, Debug, PartialEq)]
pub enum File {
    Daemon(Daemon),
    Pipeline(Pipeline),
}

/// Reads a file of either kind: that of a daemon names the folder of pipelines,
/// or at least a port.
///
/// # Errors
/// As [`load_daemon`].
pub fn load_any(path: &Path, env: &HashMap<String, String>) -> Result<Loaded<File>, LoadError> {
    load(path, env, |value, notes| {
        let names =
            |key: &str| matches!(value, Value::Object(entries) if entries.iter().any(|(name, _)| **name == *key));
        if names("pipelinesDirectory") || names("httpPort") {
            Daemon::read(value, notes).map(File::Daemon)
        } else {
            Pipeline::read(value, notes).map(File::Pipeline)
        }
    })
}

fn load<T>(
    path: &Path,
    env: &HashMap<String, String>,
    make: impl FnOnce(&Value, &mut Vec<Note>) -> Result<T, Vec<Problem>>,
) -> Result<Loaded<T>, LoadError> {
    let value = parse(path, env)?;
    let mut notes = Vec::new();
    match make(&value, &mut notes) {
        Ok(config) => Ok(Loaded { config, notes }),
        Err(problems) => Err(LoadError::Invalid { path: path.to_owned(), problems }),
    }
}

fn parse(path: &Path, env: &HashMap<String, String>) -> Result<Value, LoadError> {
    let syntax = |reason: String| LoadError::Syntax { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    let hocon = path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().ends_with(".conf"));
    if !hocon {
        // As Jackson: the first value counts, whatever follows it.
        let mut json = serde_json::Deserializer::from_str(&text);
        return Value::deserialize(&mut json).map_err(|error| syntax(error.to_string()));
    }
    let mut options = ParseOptions::defaults().with_env(env.clone());
    if let Some(folder) = path.parent() {
        options = options.with_base_dir(folder.to_owned());
    }
    let placed = |line: usize, column: usize, reason: &str| syntax(format!("line {line}, column {column}: {reason}"));
    let of_hocon = |error: HoconError| match error {
        HoconError::Parse(error) => placed(error.line, error.col, &error.message),
        HoconError::Resolve(error) => placed(error.line, error.col, &error.message),
        other => syntax(other.to_string()),
    };
    let tokens = hocon::tokenize(&text).map_err(|error| of_hocon(HoconError::Parse(error)))?;
    separators::check(&tokens).map_err(|misplaced| placed(misplaced.line, misplaced.column, &misplaced.reason))?;
    let parsed = hocon::parse_string_with_options(&text, options).map_err(of_hocon)?;
    let keys = parsed.keys().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let root = keys.into_iter().filter_map(|key| Some((key.clone(), parsed.get(&quoted(&key))?.clone())));
    Ok(Value::from(&hocon::HoconValue::Object(root.collect())))
}

/// A key of the root as a path expression.
fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}
