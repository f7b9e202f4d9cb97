//! TLS 1.2 and 1.3 of ports and of connections to other processes.
//! Certificates are read again when their files change; connections that are
//! open go on.

mod client;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

pub use client::{Connector, TlsClientConfig};
pub use server::{Tls, TlsServerConfig};

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: rustls::pki_types::pem::Error },
    #[error("{}: it holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{}: it holds no list of revoked certificates", path.display())]
    NoCrl { path: PathBuf },
    #[error("{} does not fit {}: {error}", key.display(), certificate.display())]
    Unfit { key: PathBuf, certificate: PathBuf, error: rustls::Error },
    #[error("{}: {error}", path.display())]
    Root { path: PathBuf, error: rustls::Error },
    #[error("certificate_path and key_path are given together or not at all")]
    HalfAPair,
    #[error("client_ca_path asks for certificates of clients, so certificate_path and key_path are needed, too")]
    OnlyClientCa,
    #[error("client_crl_path lists certificates of clients, so client_ca_path is needed, too")]
    OnlyCrl,
    #[error("the system has no certificates to trust, and no file of them is named")]
    NoRoots,
    #[error("certificates of clients cannot be checked: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unreadable(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::File { path: path.clone(), error }
}

/// The certificates of a PEM file, one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).map_err(unreadable(path))?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(unreadable(path))?;
    if read.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(read) }
}

/// The lists of revoked certificates of a PEM file, one at least.
fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let read = CertificateRevocationListDer::pem_file_iter(path).map_err(unreadable(path))?;
    let read: Vec<_> = read.collect::<Result<_, _>>().map_err(unreadable(path))?;
    if read.is_empty() { Err(TlsError::NoCrl { path: path.to_owned() }) } else { Ok(read) }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(unreadable(path))
}

fn unfit(key: &Path, certificate: &Path) -> impl FnOnce(rustls::Error) -> TlsError {
    let (key, certificate) = (key.to_owned(), certificate.to_owned());
    move |error| TlsError::Unfit { key, certificate, error }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Root { path: path.to_owned(), error })?;
    }
    Ok(roots)
}

#[cfg(test)]
pub(crate) mod tests;
