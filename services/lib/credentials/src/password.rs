//! Where a password is kept.

use std::ffi::OsString;
use std::path::Path;

use crate::{Secret, Unusable, unusable};

/// The keys `password`, `password_file` and `password_env` of a section: one of
/// them at most is given.
#[derive(Clone, Copy, Debug)]
pub struct Password<'a> {
    pub value: &'a Secret,
    /// Holds the password; a line break at its end is no part of it.
    pub file: Option<&'a Path>,
    /// Name of a variable of the environment; empty: none.
    pub variable: &'a str,
}

impl Password<'_> {
    /// Whether one is given, wherever it is.
    pub fn is_given(&self) -> bool {
        self.count() > 0
    }

    /// Refuses more than one, without looking at any.
    ///
    /// # Errors
    /// The key `password`.
    pub fn check(&self) -> Result<(), Unusable> {
        match self.count() {
            0 | 1 => Ok(()),
            _ => Err(unusable("password", "password, password_file and password_env exclude each other")),
        }
    }

    fn count(&self) -> usize {
        let given = [!self.value.is_empty(), self.file.is_some(), !self.variable.is_empty()];
        given.into_iter().filter(|given| *given).count()
    }

    /// The password itself; empty where none is given. `environment` looks a
    /// variable up. Reads the file.
    ///
    /// # Errors
    /// The key of what is given and holds none. A password that stands where the
    /// name of a variable belongs is not quoted.
    pub fn read(&self, environment: impl Fn(&str) -> Option<OsString>) -> Result<Secret, Unusable> {
        self.check()?;
        if let Some(path) = self.file {
            let failed = |why: String| unusable("password_file", format!("{}: {why}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let text = text.trim_end_matches(['\r', '\n']);
            return if text.is_empty() { Err(failed("it is empty".to_owned())) } else { Ok(Secret::new(text)) };
        }
        if !self.variable.is_empty() {
            let value = environment(self.variable).and_then(|value| value.into_string().ok());
            let value = value.filter(|value| !value.is_empty());
            return value.map(Secret::new).ok_or_else(|| {
                unusable("password_env", "it has to name a variable that this process has, and that is not empty")
            });
        }
        Ok(self.value.clone())
    }
}

#[cfg(test)]
mod tests;
