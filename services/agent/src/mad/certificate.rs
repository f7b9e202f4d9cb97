//! What the daemon serves HTTPS with, read again when its files change.

use tidegate_mad::config::Daemon;
use tidegate_runtime::server::Protocol;
use tidegate_runtime::tls::{Tls, TlsError, TlsServerConfig};

use super::watch::Watched;

pub struct Certificate {
    tls: Tls,
    files: Watched,
}

impl Certificate {
    /// Reads the PEM files that are configured: a private key (PKCS#8 in the Java
    /// daemon), and the certificate with those that vouch for it.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit.
    pub fn load(config: &Daemon) -> Result<Self, TlsError> {
        let (key, certificate) = (config.https_key_path.clone(), config.https_certificate_path.clone());
        // Looked at first, so that a change while they are read is noticed.
        let files = Watched::new(vec![key.clone(), certificate.clone()]);
        let of_port =
            TlsServerConfig { certificate_path: Some(certificate), key_path: Some(key), ..TlsServerConfig::default() };
        Ok(Self { tls: Tls::new(of_port, Protocol::Either)?, files })
    }

    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Looks whether the files have changed.
    pub fn look(&mut self) {
        if !self.files.changed() {
            return;
        }
        match self.tls.reload() {
            Ok(()) => tracing::info!("the certificate has been read again"),
            Err(error) => tracing::error!(%error, "the new certificate cannot be used, the old one stays"),
        }
    }
}
