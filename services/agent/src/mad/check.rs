//! What a configuration is understood as, without running it.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tidegate_mad::config::{File, Loaded, Pipeline, load_any, load_pipeline};

use super::certificate::Certificate;
use super::{sink, source};

/// For a person who asks.
#[derive(Debug, Default)]
pub struct Report {
    pub understood: String,
    /// Each with the file and the place in it.
    pub wrong: Vec<String>,
}

/// What substitutions of configuration files find: the environment, and those
/// properties of a Java machine that make sense without one.
pub fn environment() -> HashMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut environment: HashMap<String, String> = std::env::vars_os().filter_map(text).collect();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            environment.insert(name.to_owned(), value);
        }
    };
    set("user.home", std::env::var("HOME").ok());
    set("user.name", std::env::var("USER").ok());
    set("user.dir", std::env::current_dir().ok().and_then(|folder| folder.into_os_string().into_string().ok()));
    set("java.io.tmpdir", std::env::temp_dir().into_os_string().into_string().ok());
    set("file.separator", Some("/".to_owned()));
    environment
}

/// Reads a daemon's file with all its pipelines, or the file of one pipeline. Clients are made as they
/// say and not used; that must be within a runtime.
pub fn check(file: &Path, environment: &HashMap<String, String>) -> Report {
    let mut report = Report::default();
    match load_any(file, environment) {
        Err(error) => report.wrong.push(error.to_string()),
        Ok(Loaded { config: File::Pipeline(pipeline), notes }) => report.add_loaded(file, &pipeline, &notes),
        Ok(Loaded { config: File::Daemon(daemon), notes }) => {
            report.add(file, &daemon, &notes);
            if daemon.enable_https
                && let Err(error) = Certificate::load(&daemon)
            {
                report.wrong.push(error.to_string());
            }
            match files(&daemon.pipelines_directory) {
                Ok(files) => files.iter().for_each(|file| report.add_pipeline(file, environment)),
                Err(error) => report.wrong.push(format!("{}: {error}", daemon.pipelines_directory.display())),
            }
        }
    }
    report
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

impl Report {
    fn add_pipeline(&mut self, file: &Path, environment: &HashMap<String, String>) {
        match load_pipeline(file, environment) {
            Ok(Loaded { config, notes }) => self.add_loaded(file, &config, &notes),
            Err(error) => self.wrong.push(error.to_string()),
        }
    }

    fn add_loaded(&mut self, file: &Path, pipeline: &Pipeline, notes: &[impl std::fmt::Display]) {
        self.add(file, pipeline, notes);
        let mut refuse = |error: &dyn std::fmt::Display| self.wrong.push(format!("{}: {error}", file.display()));
        for source in &pipeline.sources {
            if let Err(error) = source::check(source) {
                refuse(&format_args!("source {:?}: {error}", source.name));
            }
        }
        for sink in &pipeline.sinks {
            if let Err(error) = sink::check(sink) {
                refuse(&error);
            }
        }
    }

    fn add(&mut self, file: &Path, config: &impl std::fmt::Display, notes: &[impl std::fmt::Display]) {
        // A String takes everything.
        write!(self.understood, "{}: {config}", file.display()).ok();
        for note in notes {
            writeln!(self.understood, "  note: {note}").ok();
        }
    }
}

#[cfg(test)]
mod tests;
