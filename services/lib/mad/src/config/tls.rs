//! `tls`, a key of our own: whom a client trusts and what it shows. Java's sinks
//! take that of their machine.

use std::fmt;
use std::path::PathBuf;

use super::fields::Fields;
use super::value::Value;
use super::{Note, Problem};

/// Files are PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Who vouches for the server; None: those whom the system trusts.
    pub ca_path: Option<PathBuf>,
    /// Shown to servers that ask for one, with its private key.
    pub certificate: Option<CertificatePaths>,
    /// The name that the server's certificate must have; None: the host of the address.
    pub server_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePaths {
    pub certificate_path: PathBuf,
    pub key_path: PathBuf,
}

impl ClientTls {
    /// Reads the key `tls`, which may be absent.
    pub(super) fn read(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let Some(value) = fields.take("tls").filter(|value| !matches!(value, Value::Null)) else {
            return Ok(Self::default());
        };
        let mut tls = Fields::of(value, &fields.path("tls"))?;
        let certificate = match (tls.optional("certificatePath")?, tls.optional("keyPath")?) {
            (None, None) => None,
            (Some(certificate_path), Some(key_path)) => Some(CertificatePaths { certificate_path, key_path }),
            (Some(_), None) => return Err(tls.problem("keyPath", "is required with certificatePath")),
            (None, Some(_)) => return Err(tls.problem("certificatePath", "is required with keyPath")),
        };
        let read =
            Self { ca_path: tls.optional("caPath")?, certificate, server_name: tls.optional_text("serverName")? };
        tls.finish(notes);
        Ok(read)
    }

    /// As [`ClientTls::read`], for what goes to one address.
    pub(super) fn read_for(uri: &str, fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let tls = Self::read(fields, notes)?;
        if tls == Self::default() || uri.starts_with("https://") {
            Ok(tls)
        } else {
            Err(fields.problem("tls", format!("is of no use with {uri:?}, which is not https")))
        }
    }
}

/// Each part with a comma before it; nothing where all is the system's.
impl fmt::Display for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.ca_path {
            write!(f, ", trusts {}", path.display())?;
        }
        if let Some(paths) = &self.certificate {
            write!(f, ", shows {} with the key {}", paths.certificate_path.display(), paths.key_path.display())?;
        }
        match &self.server_name {
            Some(name) => write!(f, ", expects {name:?}"),
            None => Ok(()),
        }
    }
}
