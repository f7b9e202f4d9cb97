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
        // Looked at first, so that a change while they are read is noticed.
        let files = watched(config);
        Ok(Self { tls: Tls::new(configured(config), Protocol::Either)?, files })
    }

    /// The files that are configured now, also for ports that are open.
    ///
    /// # Errors
    /// As [`Certificate::load`]; what was before stays.
    pub fn move_to(&mut self, config: &Daemon) -> Result<(), TlsError> {
        let files = watched(config);
        self.tls = self.tls.reload_from(configured(config))?;
        self.files = files;
        Ok(())
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

fn watched(config: &Daemon) -> Watched {
    Watched::new(vec![config.https_key_path.clone(), config.https_certificate_path.clone()])
}

fn configured(config: &Daemon) -> TlsServerConfig {
    TlsServerConfig {
        certificate_path: Some(config.https_certificate_path.clone()),
        key_path: Some(config.https_key_path.clone()),
        ..TlsServerConfig::default()
    }
}
