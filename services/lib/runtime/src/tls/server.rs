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

use super::{TlsError, certificates, key, provider, roots};
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
}

/// What new connections are shown; clones are the same.
#[derive(Clone)]
pub struct Tls {
    current: Arc<RwLock<TlsAcceptor>>,
    /// Where it comes from, unless it stays as it is.
    files: Option<(TlsServerConfig, Protocol)>,
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
        let builder = match &self.client_ca_path {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let built = builder.with_single_cert(certificates(certificate_path)?, key(key_path)?);
        let mut config = built.map_err(|error| TlsError::Unfit { path: key_path.clone(), error })?;
        config.alpn_protocols = match protocol {
            Protocol::Http => vec![b"http/1.1".to_vec()],
            Protocol::Grpc => vec![b"h2".to_vec()],
            Protocol::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// What the files hold, to see whether that changes.
    fn contents(&self) -> Vec<Option<Vec<u8>>> {
        let paths = [&self.certificate_path, &self.key_path, &self.client_ca_path];
        paths.into_iter().flatten().map(|path| std::fs::read(path).ok()).collect()
    }
}

impl Tls {
    /// `None` where no certificates are configured.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit together.
    pub fn load(config: &TlsServerConfig, protocol: Protocol) -> Result<Option<Self>, TlsError> {
        if config.is_empty() {
            return Ok(None);
        }
        let current = Arc::new(RwLock::new(config.acceptor(protocol)?));
        Ok(Some(Self { current, files: Some((config.clone(), protocol)) }))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again when they change, until cancelled. Sessions of
    /// before are not resumed, so a client must show its certificate to the new
    /// ones. What cannot be used is told, and what was before stays.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn keep_reading(self, cancel: CancellationToken) -> Result<(), Infallible> {
        let Some((config, protocol)) = self.files.clone() else { return Ok(()) };
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut seen = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let files = config.clone();
            let Ok(contents) = tokio::task::spawn_blocking(move || files.contents()).await else { continue };
            if seen.as_ref() == Some(&contents) {
                continue;
            }
            let is_first = seen.replace(contents).is_none();
            match config.acceptor(protocol) {
                Ok(acceptor) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                    if !is_first {
                        tracing::info!(port = protocol.name(), "the certificates were read again");
                    }
                }
                Err(error) => tracing::error!(port = protocol.name(), %error, "the certificates before stay in force"),
            }
        }
    }
}

impl From<TlsAcceptor> for Tls {
    /// One whose files are not looked at.
    fn from(acceptor: TlsAcceptor) -> Self {
        Self { current: Arc::new(RwLock::new(acceptor)), files: None }
    }
}
