//! Whom to trust, and what to show.

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Unusable, unusable};

/// Section `tls` of a connection to servers. Files are PEM, read when the
/// process starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    pub enabled: bool,
    /// Who vouches for the servers; without it those whom the system trusts.
    pub ca_path: Option<PathBuf>,
    /// Shown to servers that ask for one, with those that vouch for it.
    pub certificate_path: Option<PathBuf>,
    /// Its private key, without a password.
    pub key_path: Option<PathBuf>,
}

impl TlsConfig {
    /// Refuses what cannot work, files that cannot be opened among it.
    ///
    /// # Errors
    /// By key, with `tls.` before it.
    pub fn check(&self) -> Result<(), Unusable> {
        let files = [
            ("tls.ca_path", &self.ca_path),
            ("tls.certificate_path", &self.certificate_path),
            ("tls.key_path", &self.key_path),
        ];
        let given = || files.iter().filter_map(|(key, path)| Some((*key, path.as_ref()?)));
        if let (false, Some((key, _))) = (self.enabled, given().next()) {
            return Err(unusable(key, "it is of no use without tls.enabled: true"));
        }
        match (&self.certificate_path, &self.key_path) {
            (Some(_), None) => return Err(unusable("tls.key_path", "a certificate needs its key")),
            (None, Some(_)) => return Err(unusable("tls.certificate_path", "a key needs its certificate")),
            _ => {}
        }
        for (key, path) in given() {
            File::open(path).map_err(|error| unusable(key, format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
