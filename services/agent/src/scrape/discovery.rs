//! Files that list targets, as Prometheus' file discovery has them.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::labels::Labels;

/// Targets that share labels.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Group {
    pub targets: Vec<String>,
    #[serde(default)]
    pub labels: Labels,
    /// The file that it is from.
    #[serde(skip)]
    pub file: String,
}

#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {reason}", path.display())]
    Format { path: PathBuf, reason: String },
}

/// The groups of a file; those that it had stay while it cannot be read.
#[derive(Debug, Default)]
pub struct Files {
    known: Vec<(PathBuf, Vec<Group>)>,
}

impl Files {
    /// Reads all files that the patterns name, and tells which failed.
    pub fn read(&mut self, patterns: &[PathBuf]) -> (Vec<Group>, Vec<DiscoveryError>) {
        let (mut read, mut errors) = (Vec::new(), Vec::new());
        for path in patterns.iter().flat_map(|pattern| paths(pattern)) {
            match groups(&path) {
                Ok(groups) => read.push((path, groups)),
                // One that is gone has no targets.
                Err(DiscoveryError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let known = self.known.iter().find(|(known, _)| *known == path);
                    read.extend(known.cloned());
                    errors.push(error);
                }
            }
        }
        self.known = read;
        (self.known.iter().flat_map(|(_, groups)| groups.clone()).collect(), errors)
    }
}

/// The files that a pattern names, in order. Only the last part may have stars.
fn paths(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*')) else {
        return vec![pattern.to_owned()];
    };
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let matching = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut matching: Vec<PathBuf> = matching
        .filter(|path| path.file_name().and_then(|own| own.to_str()).is_some_and(|own| matches(name, own)))
        .collect();
    matching.sort();
    matching
}

/// Whether a name fits a pattern in which each star stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, rest)) => name.strip_prefix(before).is_some_and(|name| {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }),
    }
}

fn groups(path: &Path) -> Result<Vec<Group>, DiscoveryError> {
    let text = std::fs::read_to_string(path).map_err(|source| DiscoveryError::Read { path: path.into(), source })?;
    let wrong = |reason: String| DiscoveryError::Format { path: path.into(), reason };
    // JSON is YAML too, but its errors are clearer when it is read as such.
    let read: Result<Vec<Group>, String> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&text).map_err(|error| error.to_string()),
        Some("yml" | "yaml") => serde_yaml_ng::from_str(&text).map_err(|error| error.to_string()),
        _ => Err("the name must end in .json, .yml or .yaml".to_owned()),
    };
    let mut groups = read.map_err(wrong)?;
    for group in &mut groups {
        group.file = path.display().to_string();
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
