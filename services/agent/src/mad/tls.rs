//! The daemon's certificate, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// Why a certificate cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: rustls::pki_types::pem::Error },
    #[error("{}: it holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} does not fit {}: {error}", key.display(), certificate.display())]
    Unfit { key: PathBuf, certificate: PathBuf, error: rustls::Error },
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// What new connections are shown; clones are the same.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<Current>);

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Certificate {
    /// Reads PEM files: a private key (PKCS#8 in the Java daemon), and the
    /// certificate with those that vouch for it.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit.
    pub fn load(key: &Path, certificate: &Path) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Current(RwLock::new(read(key, certificate)?)))))
    }

    /// Reads the files again. Connections that are open go on.
    ///
    /// # Errors
    /// As [`Certificate::load`]; the one before stays.
    pub fn reload(&self, key: &Path, certificate: &Path) -> Result<(), TlsError> {
        let new = read(key, certificate)?;
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// TLS 1.2 and 1.3; HTTP/2 or HTTP/1.1 is agreed upon.
    ///
    /// # Errors
    /// None for what [`Certificate::load`] has read.
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let resolver: Arc<dyn ResolvesServerCert> = self.0.clone();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read(key: &Path, certificate: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File { path, error }
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(unreadable(certificate))?;
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(unreadable(certificate))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: certificate.to_owned() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let certified = CertifiedKey::from_der(chain, private, &ring::default_provider());
    certified.map(Arc::new).map_err(|error| TlsError::Unfit {
        key: key.to_owned(),
        certificate: certificate.to_owned(),
        error,
    })
}
