//! The side that connects.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{TlsError, certificates, key, provider, roots, unfit};

/// Whom to trust, and what to show, where an address begins with `https://`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsClientConfig {
    /// PEM: who vouches for the server; without it those whom the system trusts.
    pub ca_path: Option<PathBuf>,
    /// PEM: the certificate shown to servers that ask for one.
    pub certificate_path: Option<PathBuf>,
    /// PEM: its private key.
    pub key_path: Option<PathBuf>,
    /// The name that the server's certificate must have; empty: the host of the
    /// address.
    pub server_name: String,
    /// PEM: trusts the server that shows the first certificate of this file, and
    /// no other, whatever its name. For a process that connects to itself.
    pub pinned_certificate_path: Option<PathBuf>,
}

impl TlsClientConfig {
    /// The files that are named.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.ca_path, &self.certificate_path, &self.key_path, &self.pinned_certificate_path]
            .into_iter()
            .filter_map(|path| path.as_deref())
    }

    /// For clients of any protocol: none is offered. Reads the files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn client(&self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match &self.pinned_certificate_path {
            Some(path) => {
                let pinned = certificates(path)?.swap_remove(0);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned(pinned)))
            }
            None => builder.with_root_certificates(match &self.ca_path {
                Some(path) => roots(path)?,
                None => system_roots()?,
            }),
        };
        Ok(match (&self.certificate_path, &self.key_path) {
            (Some(certificate), Some(key_path)) => {
                let built = builder.with_client_auth_cert(certificates(certificate)?, key(key_path)?);
                built.map_err(unfit(key_path, certificate))?
            }
            (None, None) => builder.with_no_client_auth(),
            _ => return Err(TlsError::HalfAPair),
        })
    }

    fn http2(&self) -> Result<ClientConfig, TlsError> {
        let mut config = self.client()?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}

/// Trusts one certificate; its key still has to be shown.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Connects over TLS, for a tonic channel. The files are read for each
/// connection, so what changes counts from the next one on.
#[derive(Clone, Debug)]
pub struct Connector(Arc<TlsClientConfig>);

impl Connector {
    /// # Errors
    /// When the files cannot be used now.
    pub fn new(config: &TlsClientConfig) -> Result<Self, TlsError> {
        config.http2()?;
        Ok(Self(Arc::new(config.clone())))
    }

    /// # Errors
    /// When there is nobody, or not whom the configuration trusts.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TlsStream<TcpStream>> {
        let config = self.0.clone();
        let config = tokio::task::spawn_blocking(move || config.http2()).await?.map_err(io::Error::other)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = if self.0.server_name.is_empty() { host } else { &self.0.server_name };
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: http::Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let host = address.host().ok_or_else(|| io::Error::other("the address has no host"))?;
            Ok(TokioIo::new(connector.connect(host, address.port_u16().unwrap_or(443)).await?))
        })
    }
}
