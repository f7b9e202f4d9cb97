//! The side that clients connect to.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{TlsError, certificates, key, provider, revocations, roots, unfit};
use crate::server::Protocol;

/// Certificates of a port; without any it is in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsServerConfig {
    /// PEM: the port's certificate, and those that vouch for it.
    pub certificate_path: Option<PathBuf>,
    /// PEM: its private key.
    pub key_path: Option<PathBuf>,
    /// PEM: who vouches for clients. Where it is given, a client without a
    /// certificate from there is not let in.
    pub client_ca_path: Option<PathBuf>,
    /// PEM: lists of certificates that those have revoked (CRL). Where it is
    /// given, there must be one of each authority of `client_ca_path` that
    /// clients come from; one past its date still counts.
    pub client_crl_path: Option<PathBuf>,
}

/// What new connections are shown; clones are the same.
#[derive(Clone)]
pub struct Tls {
    current: Arc<RwLock<TlsAcceptor>>,
    files: TlsServerConfig,
    protocol: Protocol,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);

impl TlsServerConfig {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn acceptor(&self, protocol: Protocol) -> Result<TlsAcceptor, TlsError> {
        let (certificate_path, key_path) = match (&self.certificate_path, &self.key_path) {
            (Some(certificate), Some(key)) => (certificate, key),
            (None, None) => return Err(TlsError::OnlyClientCa),
            _ => return Err(TlsError::HalfAPair),
        };
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match (&self.client_ca_path, &self.client_crl_path) {
            (None, None) => builder.with_no_client_auth(),
            (None, Some(_)) => return Err(TlsError::OnlyCrl),
            (Some(path), crl) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider());
                let crls = crl.as_deref().map(revocations).transpose()?.unwrap_or_default();
                builder.with_client_cert_verifier(verifier.with_crls(crls).build()?)
            }
        };
        let built = builder.with_single_cert(certificates(certificate_path)?, key(key_path)?);
        let mut config = built.map_err(unfit(key_path, certificate_path))?;
        config.alpn_protocols = match protocol {
            Protocol::Http => vec![b"http/1.1".to_vec()],
            Protocol::Grpc => vec![b"h2".to_vec()],
            Protocol::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// What the files hold, to see whether that changes.
    fn contents(&self) -> Vec<Option<Vec<u8>>> {
        let paths = [&self.certificate_path, &self.key_path, &self.client_ca_path, &self.client_crl_path];
        paths.into_iter().flatten().map(|path| std::fs::read(path).ok()).collect()
    }
}

impl Tls {
    /// `None` where no certificates are configured.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit together.
    pub fn load(config: &TlsServerConfig, protocol: Protocol) -> Result<Option<Self>, TlsError> {
        if config.is_empty() { Ok(None) } else { Self::new(config.clone(), protocol).map(Some) }
    }

    /// # Errors
    /// When certificate or key is not given or cannot be read, or they do not fit
    /// together.
    pub fn new(files: TlsServerConfig, protocol: Protocol) -> Result<Self, TlsError> {
        let current = Arc::new(RwLock::new(files.acceptor(protocol)?));
        Ok(Self { current, files, protocol })
    }

    /// Reads the files again. Connections that are open go on; sessions of before
    /// are not resumed, so a client must show its certificate to the new ones.
    ///
    /// # Errors
    /// As [`Tls::new`]; what was before stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let acceptor = self.files.acceptor(self.protocol)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(())
    }

    /// As [`Tls::reload`], from other files.
    ///
    /// # Errors
    /// As [`Tls::new`]; what was before stays.
    pub fn reload_from(&self, files: TlsServerConfig) -> Result<Self, TlsError> {
        let moved = Self { current: Arc::clone(&self.current), files, protocol: self.protocol };
        moved.reload()?;
        Ok(moved)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again when they change, until cancelled. What cannot be used
    /// is told, and what was before stays.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn keep_reading(self, cancel: CancellationToken) -> Result<(), Infallible> {
        let port = self.protocol.name();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut seen = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let files = self.files.clone();
            let Ok(contents) = tokio::task::spawn_blocking(move || files.contents()).await else { continue };
            if seen.as_ref() == Some(&contents) {
                continue;
            }
            let is_first = seen.replace(contents).is_none();
            match self.reload() {
                // They may have changed since they were loaded.
                Ok(()) if is_first => {}
                Ok(()) => tracing::info!(port, "the certificates were read again"),
                Err(error) => tracing::error!(port, %error, "the certificates before stay in force"),
            }
        }
    }
}
