//! The daemon's certificate.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tidegate_testkit::eventually;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{Daemon, EVERY, LIMIT};

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// Shakes hands with a server whose certificate must be that of the file; tells the protocol agreed upon.
async fn shake(port: u16, trusted: &str, protocols: &[&[u8]]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate(trusted)).map_err(|error| anyhow::anyhow!("{error}"))?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let name = ServerName::try_from("localhost")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(address).await?).await?;
    Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_served_without_a_restart() -> anyhow::Result<()> {
    let mut daemon = Daemon::new()?;
    let (key, chain) = (daemon.path("key.pem"), daemon.path("cert.pem"));
    let install = |name: &str| -> anyhow::Result<()> {
        fs::copy(certificate(&format!("{name}-key.pem")), &key)?;
        fs::copy(certificate(&format!("{name}-cert.pem")), &chain)?;
        Ok(())
    };
    install("first")?;
    let served = |key: &Path, chain: &Path| {
        let files = format!("httpsKeyPath = \"{}\", httpsCertificatePath = \"{}\"", key.display(), chain.display());
        format!("enableHttps = true, {files}")
    };
    daemon.configure(&served(&key, &chain))?;
    daemon.start().await?;
    assert_eq!(shake(daemon.https, "first-cert.pem", &[b"h2", b"http/1.1"]).await?, Some(b"h2".to_vec()));
    assert_eq!(shake(daemon.https, "first-cert.pem", &[b"http/1.1"]).await?, Some(b"http/1.1".to_vec()));
    assert!(shake(daemon.https, "second-cert.pem", &[]).await.is_err());

    fs::write(&chain, "no certificate")?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    shake(daemon.https, "first-cert.pem", &[]).await.context("the old one is served on")?;
    install("second")?;
    let renewed = async || Ok(shake(daemon.https, "second-cert.pem", &[]).await.ok());
    eventually("the new certificate", LIMIT, EVERY, renewed).await?;

    daemon.configure(&served(&certificate("first-key.pem"), &certificate("first-cert.pem")))?;
    let moved = async || Ok(shake(daemon.https, "first-cert.pem", &[]).await.ok());
    eventually("the certificate of other files", LIMIT, EVERY, moved).await?;
    daemon.stop().await
}
