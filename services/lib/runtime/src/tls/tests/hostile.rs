//! What is tried against a port that has TLS: the same as against one in the clear, behind the handshake, and the handshake
//! itself.

use std::time::Duration;

use axum::body::Bytes;
use axum::routing::post;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;

/// Whoever is left alone for so long is not cut off.
const LIMIT: Duration = Duration::from_secs(60);

fn hasty() -> Limits {
    Limits { header_timeout_seconds: 1, body_timeout_seconds: 1, max_concurrent_streams: 8, ..Limits::default() }
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "here" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/", post(|body: Bytes| async move { format!("{} bytes", body.len()) }))
}

struct Site {
    running: Running,
    connector: TlsConnector,
}

impl Site {
    async fn start(protocol: &[u8]) -> Self {
        let (files, ours) = (Files::new(), authority("ours"));
        let ca = files.ca("ca.pem", &ours);
        let pair = files.pair("server", &params("tidegate.example"), Some(&ours));
        let running = serve(&server(pair, None), router(), hasty()).await;
        let builder = rustls::ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let mut config = builder.with_root_certificates(roots(&ca).expect("roots")).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        Self { running, connector: TlsConnector::from(Arc::new(config)) }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.running.address).await.expect("connects");
        let name = ServerName::try_from("tidegate.example").expect("a name");
        self.connector.connect(name, stream).await.expect("a handshake")
    }

    /// Sends `request` and reads until the server closes.
    async fn talk(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.expect("sends");
        read_to_end(&mut stream).await
    }

    async fn still_answers(&self) {
        let answer = self.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("here"), "{answer}");
    }
}

async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // An end without a goodbye is one, too.
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("the server closes").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn handshakes_that_do_not_end_are_cut_off() {
    let site = Site::start(b"http/1.1").await;
    // Nothing; the begin of a record; a record that promises more; a record after another without end.
    for begin in [&b""[..], b"\x16\x03", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x01\x00\x01\x01"] {
        let mut stream = TcpStream::connect(site.running.address).await.expect("connects");
        stream.write_all(begin).await.expect("sends");
        read_to_end(&mut stream).await;
    }
    let mut dripping = TcpStream::connect(site.running.address).await.expect("connects");
    dripping.write_all(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc").await.expect("sends");
    let dripped = async {
        while dripping.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await
        }
    };
    tokio::time::timeout(LIMIT, dripped).await.expect("is cut off");
    site.still_answers().await;
}

#[tokio::test]
async fn slow_headers_and_bodies_behind_a_handshake_are_cut_off() {
    let site = Site::start(b"http/1.1").await;
    assert_eq!(site.talk("").await, "");
    site.talk("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
    let answer = site.talk("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let answer = site.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("here"), "idle after its request: {answer}");
    site.still_answers().await;
}

#[tokio::test]
async fn many_idle_connections_leave_room_for_others_and_end() {
    let site = Site::start(b"http/1.1").await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(site.connect().await);
    }
    site.still_answers().await;
    for stream in &mut idle {
        read_to_end(stream).await;
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// GET of a path, whole.
fn asks(stream: u32, path: &str) -> Vec<u8> {
    let mut headers = vec![0x82, 0x87, 0x41, 1, b'a', 0x44, path.len() as u8];
    headers.extend(path.as_bytes());
    frame(1, 5, stream, &headers)
}

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const RESET: u8 = 3;
const GO_AWAY: u8 = 7;

/// The types and stream numbers of the frames that come, until there is one of `kind` or the connection ends.
async fn frames_until(stream: &mut TlsStream<TcpStream>, kind: u8, count: usize) -> Vec<(u8, u32)> {
    let mut seen = Vec::new();
    let read = async {
        let mut head = [0; 9];
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if stream.read_exact(&mut vec![0; length]).await.is_err() {
                return;
            }
            seen.push((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])));
            if seen.iter().filter(|(of, _)| *of == kind).count() == count {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, read).await.expect("an end");
    seen
}

#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    let site = Site::start(b"h2").await;
    let mut stream = site.connect().await;
    let mut flood = PREFACE.to_vec();
    for number in 0..5_000 {
        flood.extend(asks(2 * number + 1, "/never"));
        flood.extend(frame(RESET, 0, 2 * number + 1, &8_u32.to_be_bytes()));
    }
    // The server may hang up before it has read all.
    stream.write_all(&flood).await.ok();
    let seen = frames_until(&mut stream, GO_AWAY, 1).await;
    assert!(seen.last().is_none_or(|(kind, _)| *kind == GO_AWAY), "{seen:?}");
    let mut other = site.connect().await;
    other.write_all(&[PREFACE, &asks(1, "/")].concat()).await.expect("sends");
    assert!(frames_until(&mut other, 0, 1).await.contains(&(0, 1)), "no answer to another connection");
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_one_by_one() {
    let site = Site::start(b"h2").await;
    let mut stream = site.connect().await;
    let mut flood = PREFACE.to_vec();
    (0..50).for_each(|number| flood.extend(asks(2 * number + 1, "/never")));
    stream.write_all(&flood).await.expect("sends");
    let seen = frames_until(&mut stream, RESET, 42).await;
    let refused: Vec<u32> = seen.iter().filter(|(kind, _)| *kind == RESET).map(|(_, stream)| *stream).collect();
    assert_eq!(refused, (8..50).map(|number| 2 * number + 1).collect::<Vec<_>>(), "{seen:?}");
}

#[tokio::test]
async fn certificates_change_under_requests_that_go_on() {
    let (files, ours) = (Files::new(), authority("ours"));
    let ca = files.ca("ca.pem", &ours);
    let running = start(&server(files.pair("server", &params("tidegate.example"), Some(&ours)), None)).await;
    let mut open = Vec::new();
    for round in 0..20 {
        files.pair("server", &params("tidegate.example"), Some(&ours));
        // Old or new, whole or not yet: never is a connection refused or an open one lost.
        open.push(ask(&running, &trusting(ca.clone())).await.unwrap_or_else(|error| panic!("round {round}: {error}")));
        for stream in &mut open {
            ping(stream).await;
        }
        tokio::time::sleep(Duration::from_millis(130)).await;
    }
}
