pub(crate) mod hostile;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::server::{Limits, Protocol, Security, Server, ServerMetrics, listen};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A folder of certificates, written as they are asked for.
pub(crate) struct Files(TempDir);

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signs")
}

pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("params");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("writes");
        self.path(name)
    }

    fn ca(&self, name: &str, authority: &Authority) -> PathBuf {
        self.write(name, &authority.as_ref().pem())
    }

    /// Certificate and key in NAME.pem and NAME.key.
    pub(crate) fn pair(&self, name: &str, params: &CertificateParams, by: Option<&Authority>) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let certificate = match by {
            Some(by) => params.signed_by(&key, by),
            None => params.self_signed(&key),
        };
        let certificate = self.write(&format!("{name}.pem"), &certificate.expect("signs").pem());
        (certificate, self.write(&format!("{name}.key"), &key.serialize_pem()))
    }
}

struct Running {
    address: SocketAddr,
    _stop: tokio_util::sync::DropGuard,
}

async fn start(config: &TlsServerConfig) -> Running {
    serve(config, Router::new().route("/", get(|| async { "here" })), Limits::default()).await
}

async fn serve(config: &TlsServerConfig, router: Router, limits: Limits) -> Running {
    let tls = Tls::load(config, Protocol::Either).expect("loads").expect("certificates");
    let listener = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let limits = Limits { drain_seconds: 0, ..limits };
    let server = Server { listener, protocol: Protocol::Either, router, limits, metrics: ServerMetrics::default() };
    let cancel = CancellationToken::new();
    tokio::spawn(tls.clone().keep_reading(cancel.clone()));
    tokio::spawn(server.serve_with(Security { guard: None, tls: Some(tls) }, cancel.clone()));
    Running { address, _stop: cancel.drop_guard() }
}

pub(crate) fn server(pair: (PathBuf, PathBuf), client_ca: Option<PathBuf>) -> TlsServerConfig {
    TlsServerConfig {
        certificate_path: Some(pair.0),
        key_path: Some(pair.1),
        client_ca_path: client_ca,
        client_crl_path: None,
    }
}

fn trusting(ca: PathBuf) -> TlsClientConfig {
    TlsClientConfig { ca_path: Some(ca), server_name: "tidegate.example".into(), ..TlsClientConfig::default() }
}

/// The preface of HTTP/2 and an empty SETTINGS, and whether the server answers
/// with its own.
async fn speaks(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    stream.read_exact(&mut [0; 9]).await.map(drop)
}

/// A server of TLS 1.3 may refuse a client's certificate after the handshake.
async fn ask(running: &Running, config: &TlsClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = Connector::new(config).expect("files that can be used");
    let mut stream = connector.connect(&running.address.ip().to_string(), running.address.port()).await?;
    speaks(&mut stream).await?;
    Ok(stream)
}

/// PING and its answer, on a connection that is open.
async fn ping(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(b"\0\0\x08\x06\0\0\0\0\0tidegate").await.expect("sends");
    let mut seen = Vec::new();
    while !seen.windows(8).any(|bytes| bytes == b"tidegate") {
        seen.push(stream.read_u8().await.expect("an answer"));
    }
}

#[tokio::test]
async fn a_server_is_believed_only_with_a_certificate_of_its_own_name_from_whom_we_trust() {
    let (files, ours, other) = (Files::new(), authority("ours"), authority("other"));
    let (ca, other_ca) = (files.ca("ca.pem", &ours), files.ca("other.pem", &other));
    let running = start(&server(files.pair("good", &params("tidegate.example"), Some(&ours)), None)).await;
    ask(&running, &trusting(ca.clone())).await.expect("is believed");
    let error = ask(&running, &trusting(other_ca)).await.expect_err("another authority").to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let other_name = TlsClientConfig { server_name: "other.example".into(), ..trusting(ca.clone()) };
    let error = ask(&running, &other_name).await.expect_err("another name").to_string();
    assert!(error.contains("not valid for name"), "{error}");

    let mut expired = params("tidegate.example");
    expired.not_before = rcgen::date_time_ymd(2020, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2021, 1, 1);
    for (params, by, wanted) in [
        (&expired, Some(&ours), "expired"),
        (&params("tidegate.example"), Some(&other), "UnknownIssuer"),
        (&params("tidegate.example"), None, "UnknownIssuer"),
    ] {
        let running = start(&server(files.pair("bad", params, by), None)).await;
        let error = ask(&running, &trusting(ca.clone())).await.expect_err("is not believed").to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_the_only_one_that_is_believed() {
    let files = Files::new();
    let pair = files.pair("own", &params("any.example"), None);
    let running = start(&server(pair.clone(), None)).await;
    let pinned = |path| TlsClientConfig { pinned_certificate_path: Some(path), ..TlsClientConfig::default() };
    ask(&running, &pinned(pair.0)).await.expect("is believed");
    let other = files.pair("other", &params("any.example"), None);
    ask(&running, &pinned(other.0)).await.expect_err("another one");
}

#[tokio::test]
async fn clients_must_show_a_certificate_where_it_is_asked_for() {
    let (files, ours, other) = (Files::new(), authority("ours"), authority("other"));
    let ca = files.ca("ca.pem", &ours);
    let pair = files.pair("server", &params("tidegate.example"), Some(&ours));
    let running = start(&server(pair, Some(ca.clone()))).await;
    let with = |(certificate, key): (PathBuf, PathBuf)| TlsClientConfig {
        certificate_path: Some(certificate),
        key_path: Some(key),
        ..trusting(ca.clone())
    };
    ask(&running, &with(files.pair("good", &params("agent.example"), Some(&ours)))).await.expect("is let in");
    ask(&running, &trusting(ca.clone())).await.expect_err("none");
    let mut expired = params("agent.example");
    expired.not_before = rcgen::date_time_ymd(2020, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let mut of_server = params("agent.example");
    of_server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for (what, params, by) in [
        ("expired", &expired, Some(&ours)),
        ("another authority", &params("agent.example"), Some(&other)),
        ("self-signed", &params("agent.example"), None),
        ("not for clients", &of_server, Some(&ours)),
    ] {
        let shown = with(files.pair("bad", params, by));
        assert!(ask(&running, &shown).await.is_err(), "{what}");
    }
}

/// A list, by this authority, of certificates with these serial numbers.
fn crl(by: &Authority, revoked: &[u64]) -> String {
    let revoked = revoked.iter().map(|serial| rcgen::RevokedCertParams {
        serial_number: (*serial).into(),
        revocation_time: rcgen::date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2024, 1, 1),
        next_update: rcgen::date_time_ymd(2025, 1, 1),
        crl_number: 1_u64.into(),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(by).expect("signs").pem().expect("text")
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_as_soon_as_the_list_says_so() {
    let (files, ours, other) = (Files::new(), signing_lists("ours"), signing_lists("other"));
    let ca = files.write("ca.pem", &(ours.as_ref().pem() + &other.as_ref().pem()));
    let list = files.write("clients.crl", &crl(&ours, &[7]));
    let pair = files.pair("server", &params("tidegate.example"), Some(&ours));
    let config = TlsServerConfig { client_crl_path: Some(list), ..server(pair, Some(ca.clone())) };
    let running = start(&config).await;
    let client = |serial: u64, by: &Authority| {
        let mut params = params("agent.example");
        params.serial_number = Some(serial.into());
        let (certificate, key) = files.pair(&format!("client-{serial}"), &params, Some(by));
        TlsClientConfig { certificate_path: Some(certificate), key_path: Some(key), ..trusting(ca.clone()) }
    };
    let (revoked, good, foreign) = (client(7, &ours), client(8, &ours), client(9, &other));
    let error = ask(&running, &revoked).await.expect_err("it is revoked").to_string();
    assert!(error.contains("Revoked"), "{error}");
    let mut open = ask(&running, &good).await.expect("is let in");
    ask(&running, &foreign).await.expect_err("of its authority there is no list");

    files.write("clients.crl", "nonsense");
    tokio::time::sleep(2 * std::time::Duration::from_secs(1)).await;
    ask(&running, &revoked).await.expect_err("the list before stays");
    ask(&running, &good).await.expect("the list before stays");
    files.write("clients.crl", &(crl(&ours, &[7, 8]) + &crl(&other, &[])));
    let mut tries = 0;
    while ask(&running, &good).await.is_ok() {
        tries += 1;
        assert!(tries < 600, "the new list is never read");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ask(&running, &foreign).await.expect("there is a list of its authority now");
    ping(&mut open).await;
}

/// An authority whose lists are believed.
fn signing_lists(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("params");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signs")
}

#[tokio::test]
async fn new_certificates_are_shown_to_new_connections_while_open_ones_go_on() {
    let (files, first, second) = (Files::new(), authority("first"), authority("second"));
    let (first_ca, second_ca) = (files.ca("first.pem", &first), files.ca("second.pem", &second));
    let running = start(&server(files.pair("server", &params("tidegate.example"), Some(&first)), None)).await;
    let mut open = ask(&running, &trusting(first_ca.clone())).await.expect("is believed");
    // Nothing that could be used: what was before stays.
    files.write("server.key", "nonsense");
    tokio::time::sleep(2 * std::time::Duration::from_secs(1)).await;
    ask(&running, &trusting(first_ca.clone())).await.expect("is believed still");
    files.pair("server", &params("tidegate.example"), Some(&second));
    let mut tries = 0;
    while ask(&running, &trusting(second_ca.clone())).await.is_err() {
        tries += 1;
        assert!(tries < 600, "the new certificate is never shown");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ask(&running, &trusting(first_ca)).await.expect_err("the old one is shown no more");
    ping(&mut open).await;
}

#[test]
fn what_does_not_fit_is_named() {
    let (files, ours) = (Files::new(), authority("ours"));
    let (certificate, key) = files.pair("a", &params("a.example"), Some(&ours));
    let (_, other_key) = files.pair("b", &params("a.example"), Some(&ours));
    let error = |config: &TlsServerConfig| Tls::load(config, Protocol::Http).err().expect("fails").to_string();
    let unfit = error(&server((certificate.clone(), other_key.clone()), None));
    let names = format!("{} does not fit {}: ", other_key.display(), certificate.display());
    assert!(unfit.starts_with(&names), "{unfit}");
    let missing = server((files.path("none.pem"), key.clone()), None);
    assert!(error(&missing).contains("none.pem: "), "{}", error(&missing));
    assert!(error(&server((key.clone(), key.clone()), None)).contains("it holds no certificate"));
    let half = TlsServerConfig { certificate_path: Some(certificate.clone()), ..TlsServerConfig::default() };
    assert!(error(&half).starts_with("certificate_path and key_path"));
    let only_ca = TlsServerConfig { client_ca_path: Some(certificate.clone()), ..TlsServerConfig::default() };
    assert!(error(&only_ca).starts_with("client_ca_path asks"));
    let list =
        TlsServerConfig { client_crl_path: Some(key.clone()), ..server((certificate.clone(), key.clone()), None) };
    assert!(error(&list).starts_with("client_crl_path lists"), "{}", error(&list));
    let list = TlsServerConfig { client_ca_path: Some(certificate.clone()), ..list };
    assert!(error(&list).contains("it holds no list of revoked"), "{}", error(&list));
    assert!(Tls::load(&TlsServerConfig::default(), Protocol::Http).expect("nothing").is_none());
}

#[tokio::test]
async fn a_client_in_the_clear_is_not_served() {
    let files = Files::new();
    let running = start(&server(files.pair("own", &params("any.example"), None), None)).await;
    let mut stream = TcpStream::connect(running.address).await.expect("connects");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sends");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");
}
