//! For tests: an authority of one's own, and a server that it vouches for.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tidegate_runtime::server::{Limits, Protocol, Security, Server, ServerMetrics, listen};
use tidegate_runtime::tls::{Tls, TlsServerConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// Files of an authority and of what it has signed, in one folder.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("writes");
        path
    }

    /// In NAME.pem.
    pub fn authority(&self, name: &str) -> (Authority, PathBuf) {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let made = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signs");
        let path = self.write(&format!("{name}.pem"), &made.as_ref().pem());
        (made, path)
    }

    /// For `name`, in FILE.pem and FILE.key.
    pub fn signed(&self, file: &str, name: &str, by: &Authority) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("params");
        let certificate = params.signed_by(&key, by).expect("signs");
        let certificate = self.write(&format!("{file}.pem"), &certificate.pem());
        (certificate, self.write(&format!("{file}.key"), &key.serialize_pem()))
    }
}

/// A server for whom shows a certificate of `client_ca`, where there is one.
pub async fn serve(
    (certificate, key): (PathBuf, PathBuf),
    client_ca: Option<&PathBuf>,
    router: Router,
) -> (SocketAddr, DropGuard) {
    let config = TlsServerConfig {
        certificate_path: Some(certificate),
        key_path: Some(key),
        client_ca_path: client_ca.cloned(),
        client_crl_path: None,
    };
    let tls = Tls::load(&config, Protocol::Http).expect("loads").expect("certificates");
    let listener = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let server = Server {
        listener,
        protocol: Protocol::Http,
        router,
        limits: Limits { drain_seconds: 0, ..Limits::default() },
        metrics: ServerMetrics::default(),
    };
    let cancel = CancellationToken::new();
    tokio::spawn(server.serve_with(Security { guard: None, tls: Some(tls) }, cancel.clone()));
    (address, cancel.drop_guard())
}
