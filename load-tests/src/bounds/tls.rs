//! A server's certificate for a run, and clients that believe it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "tidegate.example";

/// What a client offers to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Http1,
    Http2,
}

impl Speaks {
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// The files go with it.
pub struct Certificates {
    folder: TempDir,
    roots: Arc<RootCertStore>,
}

impl Certificates {
    pub fn new() -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("server.pem"), certificate.pem())?;
        std::fs::write(folder.path().join("server.key"), key.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone())?;
        Ok(Self { folder, roots: Arc::new(roots) })
    }

    /// For both ports of a Tidegate: the gRPC port takes those of HTTP.
    pub fn settings(&self) -> [(&'static str, PathBuf); 2] {
        let path = |name| self.folder.path().join(name);
        [("http.tls.certificate_path", path("server.pem")), ("http.tls.key_path", path("server.key"))]
    }

    pub fn connector(&self, speaks: Speaks) -> anyhow::Result<TlsConnector> {
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(Arc::clone(&self.roots)).with_no_client_auth();
        config.alpn_protocols = vec![speaks.alpn().to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

pub async fn connect(connector: &TlsConnector, port: u16) -> anyhow::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    connector.connect(ServerName::try_from(NAME)?, stream).await.context("the handshake")
}

/// A port in the clear whose connections go on to another by TLS: for clients of this program that know no TLS.
pub struct Tunnel {
    pub port: u16,
    accepting: AbortHandle,
}

impl Tunnel {
    pub async fn open(connector: TlsConnector, to: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            while let Ok((mut clear, _)) = listener.accept().await {
                let connector = connector.clone();
                tokio::spawn(async move {
                    // Whichever end fails, both are closed, which is what its client sees.
                    if let Ok(mut secured) = connect(&connector, to).await {
                        tokio::io::copy_bidirectional(&mut clear, &mut secured).await.ok();
                    }
                });
            }
        });
        Ok(Self { port, accepting: accepting.abort_handle() })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
