//! Whatever the tenant's header looks like and however it comes, a route sees that of the token or nothing at all.

use std::sync::Arc;

use axum::routing::any;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tidegate_access::{Need, Role, Rule, Secret};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::Tls;
use crate::tls::tests::hostile::{PREFACE, frame};
use crate::tls::tests::{Files, params, server};

const RULES: &[Rule] = &[Rule { method: None, path: "/", need: Need::Role(Role::Read) }];
/// Within that a server answers or hangs up.
const LIMIT: Duration = Duration::from_secs(60);

/// A server with one route for tokens of the tenant blue, which tells the tenant that it sees; and such a token.
pub(super) async fn start_guarded(protocol: Protocol, tls: Option<Tls>) -> (Running, Secret) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokens.yaml");
    std::fs::write(&path, "tokens: []").expect("writes");
    let config = tidegate_access::Config { tokens_file: Some(path), ..Default::default() };
    let guard = Guard::load(&config, RULES, &mut Registry::default()).expect("loads").expect("a guard");
    let tenant = tidegate_model::TenantId::new("blue").expect("a name");
    let secret = guard.issue("test", tenant, Role::Read).expect("random");
    let listener = listen("http.listen", "127.0.0.1:0".parse().expect("an address")).await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let cancel = CancellationToken::new();
    let tenant = |headers: http::HeaderMap| async move { format!("{:?}", headers.get("x-scope-orgid")) };
    let router = Router::new().route("/", any(tenant)).route("/forgotten", get(|| async { "secret" }));
    let server = Server { listener, protocol, router, limits: hasty(), metrics: ServerMetrics::default() };
    let security = Security { guard: Some(guard), tls };
    let running =
        Running { address, cancel: cancel.clone(), server: tokio::spawn(server.serve_with(security, cancel)) };
    (running, secret)
}

/// How to reach a guarded server.
struct Port {
    running: Running,
    secret: Secret,
    tls: Option<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Of HTTP/2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Get,
    /// POST, as every call of gRPC is.
    Grpc,
}

impl Port {
    async fn clear(protocol: Protocol) -> Self {
        let (running, secret) = start_guarded(protocol, None).await;
        Self { running, secret, tls: None }
    }

    async fn secured(protocol: Protocol, speaks: &[u8]) -> Self {
        let files = Files::new();
        let pair = files.pair("server", &params("tidegate.example"), None);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&pair.0).expect("reads")).expect("a certificate");
        let tls = Tls::load(&server(pair, None), protocol).expect("loads").expect("certificates");
        let (running, secret) = start_guarded(protocol, Some(tls)).await;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![speaks.to_vec()];
        Self { running, secret, tls: Some(TlsConnector::from(Arc::new(config))) }
    }

    async fn connect(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect(self.running.address).await.expect("connects");
        match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from("tidegate.example").expect("a name");
                Box::new(tls.connect(name, stream).await.expect("a handshake"))
            }
        }
    }

    /// Sends these bytes and reads until the server hangs up.
    async fn talk(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await;
        // A reset after the answer is an end, too.
        read.expect("the server hangs up").ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The body of the answer by HTTP/2 to a request with these headers; empty where there is none.
    async fn ask(&self, asks: Asks, path: &[u8], headers: &[(&[u8], &[u8])]) -> String {
        let mut stream = self.connect().await;
        let token = format!("Bearer {}", self.secret.reveal());
        let method = if asks == Asks::Grpc { 0x83 } else { 0x82 };
        let mut block = vec![method, if self.tls.is_some() { 0x87 } else { 0x86 }];
        literal(&mut block, b":authority", b"a");
        literal(&mut block, b":path", path);
        if asks == Asks::Grpc {
            literal(&mut block, b"content-type", b"application/grpc");
        }
        literal(&mut block, b"authorization", token.as_bytes());
        headers.iter().for_each(|(name, value)| literal(&mut block, name, value));
        // END_STREAM, END_HEADERS
        stream.write_all(&[PREFACE, &frame(1, 5, 1, &block)].concat()).await.expect("sends");
        let mut body = Vec::new();
        let read = async {
            let mut head = [0; 9];
            while stream.read_exact(&mut head).await.is_ok() {
                let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
                if stream.read_exact(&mut payload).await.is_err() {
                    return;
                }
                let (kind, flags) = (head[3], head[4]);
                if kind == 0 {
                    body.extend(payload);
                }
                // The stream's end, RST_STREAM, GOAWAY.
                if kind <= 1 && flags & 1 == 1 || kind == 3 || kind == 7 {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, read).await.expect("an answer, or an end");
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// A field of HPACK that is neither indexed nor compressed.
fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    for text in [name, value] {
        assert!(text.len() < 127, "its length needs another form");
        block.push(text.len() as u8);
        block.extend(text);
    }
}

/// Panics where a route saw a tenant that is not the token's, or none.
fn check(spelled: &str, answer: &str) {
    let mut tenants = answer.split("Some(").skip(1);
    assert!(tenants.all(|rest| rest.starts_with("\"blue\")")), "{spelled}: {answer}");
    assert!(!answer.ends_with("None"), "{spelled}: {answer}");
}

async fn spell_in_http1(port: &Port) {
    let token = format!("Authorization: Bearer {}\r\n", port.secret.reveal());
    let ask = async |more: &str| {
        port.talk(&format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{token}{more}\r\n")).await
    };
    let good = ask("").await;
    assert!(good.ends_with("Some(\"blue\")"), "the token is not let in: {good}");
    let inner = format!("GET / HTTP/1.1\r\nHost: a\r\n{token}X-Scope-OrgID: red\r\n\r\n");
    let long = "x".repeat(20_000);
    for more in [
        "x-scope-orgid: red\r\n",
        "X-SCOPE-ORGID: red\r\n",
        "X-Scope-OrgID:red\r\n",
        "X-Scope-OrgID:\tred\r\n",
        "X-Scope-OrgID : red\r\n",
        " X-Scope-OrgID: red\r\n",
        "X-Scope-OrgID\t: red\r\n",
        "X-Scope-OrgID: blue\r\nX-Scope-OrgID: red\r\n",
        "X-Scope-OrgID: red\r\nX-Scope-OrgID: blue\r\n",
        "X-Scope-OrgID: blue, red\r\n",
        "X-Scope-OrgID: blue|red\r\n",
        "X-Scope-OrgID: blue\r\n red\r\n",
        "X-Scope-OrgID: blue\0red\r\n",
        "X-Scope-OrgID: \r\n",
        "X-Scope-OrgID\0: red\r\n",
        "X\u{2010}Scope\u{2010}OrgID: red\r\n",
        "X_Scope_OrgID: red\r\n",
        "Connection: X-Scope-OrgID\r\nX-Scope-OrgID: red\r\n",
        "X-A: b\rX-Scope-OrgID: red\r\n",
        "X-A: b\nX-Scope-OrgID: red\r\n",
        &format!("X-A: {long}\r\nX-B: {long}\r\nX-Scope-OrgID: red\r\n"),
        // A second request in what may be taken for the body of the first.
        &format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
        &format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}"),
        &format!("Transfer-Encoding : chunked\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()),
    ] {
        let answer = ask(more).await;
        check(&format!("{more:.200?}"), &answer);
        assert!(!answer.contains("200 OK") || answer.contains("Some("), "{more:.200?}: {answer}");
    }
}

type Header<'a> = (&'a [u8], &'a [u8]);

async fn spell_in_http2(port: &Port, asks: Asks) {
    assert_eq!(port.ask(asks, b"/", &[]).await, "Some(\"blue\")", "the token is not let in");
    assert_eq!(port.ask(asks, b"/", &[(b"x-scope-orgid", b"blue")]).await, "Some(\"blue\")");
    let spelled: [&[Header<'_>]; 24] = [
        &[(b"x-scope-orgid", b"red")],
        &[(b"X-SCOPE-ORGID", b"red")],
        &[(b"X-Scope-OrgID", b"red")],
        &[(b"x-scope-orgid", b"\tred")],
        &[(b"x-scope-orgid ", b"red")],
        &[(b" x-scope-orgid", b"red")],
        &[(b"x-scope-orgid\t", b"red")],
        &[(b"x-scope-orgid", b"blue"), (b"x-scope-orgid", b"red")],
        &[(b"x-scope-orgid", b"red"), (b"x-scope-orgid", b"blue")],
        &[(b"x-scope-orgid", b"blue, red")],
        &[(b"x-scope-orgid", b"blue|red")],
        &[(b"x-scope-orgid", b"blue\r\n red")],
        &[(b"x-scope-orgid", b"blue\0red")],
        &[(b"x-scope-orgid", b"")],
        &[(b"x-scope-orgid\0", b"red")],
        &[("x\u{2010}scope\u{2010}orgid".as_bytes(), b"red")],
        &[(b"x_scope_orgid", b"red")],
        &[(b"connection", b"x-scope-orgid"), (b"x-scope-orgid", b"red")],
        &[(b"x-a", b"b\rx-scope-orgid: red")],
        &[(b"x-a", b"b\nx-scope-orgid: red")],
        &[(b"x-a", b"b\r\nx-scope-orgid: red")],
        // Metadata of gRPC that is not text; a field that only the protocol sets; one that is said to follow the body.
        &[(b"x-scope-orgid-bin", b"cmVk")],
        &[(b":x-scope-orgid", b"red")],
        &[(b"te", b"trailers"), (b"trailer", b"x-scope-orgid"), (b"x-scope-orgid", b"red")],
    ];
    for headers in spelled {
        check(&lossy(headers), &port.ask(asks, b"/", headers).await);
    }
    check("in the path", &port.ask(asks, b"/ HTTP/1.1\r\nX-Scope-OrgID: red\r\n\r\n", &[]).await);
}

fn lossy(headers: &[Header<'_>]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}", headers.iter().map(|(name, value)| (text(name), text(value))).collect::<Vec<_>>())
}

#[tokio::test]
async fn in_http1() {
    for protocol in [Protocol::Http, Protocol::Either] {
        spell_in_http1(&Port::clear(protocol).await).await;
        spell_in_http1(&Port::secured(protocol, b"http/1.1").await).await;
    }
}

#[tokio::test]
async fn in_http2() {
    spell_in_http2(&Port::clear(Protocol::Either).await, Asks::Get).await;
    spell_in_http2(&Port::secured(Protocol::Either, b"h2").await, Asks::Get).await;
}

#[tokio::test]
async fn in_the_metadata_of_grpc() {
    for protocol in [Protocol::Grpc, Protocol::Either] {
        spell_in_http2(&Port::clear(protocol).await, Asks::Grpc).await;
        spell_in_http2(&Port::secured(protocol, b"h2").await, Asks::Grpc).await;
    }
}
