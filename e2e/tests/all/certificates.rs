//! The certificate of both ports is replaced, again and again, under connections that go on.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, ServerName};
use tidegate_testkit::{Series, Server, eventually, json, now_ms};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::SEEN_LIMIT;

const NAME: &str = "tidegate.example";
const GENERATIONS: usize = 4;
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
const PING: u8 = 6;
const ACK: u8 = 1;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Makes a pair and puts its files, whole each, in the place of those before.
fn replace(folder: &Path) -> anyhow::Result<CertificateDer<'static>> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
    for (name, text) in [("server.pem", certificate.pem()), ("server.key", key.serialize_pem())] {
        let new = folder.join("new");
        std::fs::write(&new, text)?;
        std::fs::rename(&new, folder.join(name))?;
    }
    Ok(certificate.der().clone())
}

struct Site {
    server: Server,
    folder: tempfile::TempDir,
}

impl Site {
    async fn connect(&self, trusted: &[CertificateDer<'static>], alpn: &[u8]) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        trusted.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let port = if alpn == b"h2" { self.server.grpc_port() } else { self.server.http_port() };
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(NAME)?, stream).await?)
    }
}

/// A request and its answer, which has a length; the connection stays.
async fn ask(stream: &mut TlsStream<TcpStream>, request: &str) -> anyhow::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let read = async {
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let length: usize = length.with_context(|| format!("no length: {text}"))?;
                if body.len() >= length {
                    return anyhow::Ok(text);
                }
            }
            let mut piece = [0; 4_096];
            let count = stream.read(&mut piece).await?;
            ensure!(count > 0, "closed after {text:?}");
            answer.extend(&piece[..count]);
        }
    };
    tokio::time::timeout(LIMIT, read).await?
}

/// A connection of HTTP/2 that answers the server's pings all the time, as it must.
struct Http2 {
    writing: Arc<Mutex<WriteHalf<TlsStream<TcpStream>>>>,
    /// That a ping of ours was answered.
    answered: mpsc::Receiver<()>,
}

impl Http2 {
    async fn begin(stream: TlsStream<TcpStream>) -> anyhow::Result<Self> {
        let (mut reading, mut writing) = tokio::io::split(stream);
        writing.write_all(PREFACE).await?;
        let (writing, (tell, answered)) = (Arc::new(Mutex::new(writing)), mpsc::channel(1));
        let answering = Arc::clone(&writing);
        // Ends with the connection.
        tokio::spawn(async move { answer_pings(&mut reading, &answering, &tell).await });
        Ok(Self { writing, answered })
    }

    async fn ping(&mut self) -> anyhow::Result<()> {
        self.writing.lock().await.write_all(&[0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).await?;
        tokio::time::timeout(LIMIT, self.answered.recv()).await?.context("the connection has ended")
    }
}

async fn answer_pings(
    reading: &mut ReadHalf<TlsStream<TcpStream>>,
    answering: &Mutex<WriteHalf<TlsStream<TcpStream>>>,
    tell: &mpsc::Sender<()>,
) -> anyhow::Result<Infallible> {
    loop {
        let mut head = [0; 9];
        reading.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        reading.read_exact(&mut payload).await?;
        match (head[3], head[4]) {
            (PING, ACK) => tell.send(()).await?,
            (PING, _) => {
                let answer = [&[0, 0, 8, PING, ACK, 0, 0, 0, 0], &payload[..]].concat();
                answering.lock().await.write_all(&answer).await?;
            }
            _ => {}
        }
    }
}

fn push(value: f64) -> String {
    let body = json::body(&[Series::new("renewed", &[]).at(now_ms(), value)]);
    format!(
        "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn certificates_are_replaced_under_connections_that_go_on() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut known = vec![replace(folder.path())?];
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut server = Server::quiet_options()
        .set("http.tls.certificate_path", path("server.pem").display())
        .set("http.tls.key_path", path("server.key").display())
        .set("http.limits.header_timeout_seconds", 600)
        .prepare()?;
    server.spawn()?;
    let site = Site { server, folder };
    let ready = "GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n";
    eventually("it is ready", LIMIT, PAUSE, async || {
        let answer = ask(&mut site.connect(&known, b"http/1.1").await?, ready).await?;
        Ok(answer.starts_with("HTTP/1.1 200").then_some(()))
    })
    .await
    .with_context(|| site.server.output())?;
    let (mut http, mut grpc, mut pushed) = (Vec::new(), Vec::new(), 0);
    for generation in 0..=GENERATIONS {
        // The one that is shown now, and no other, is believed.
        let shown = &known[known.len() - 1..];
        for port in [b"http/1.1".as_slice(), b"h2"] {
            eventually("the new one is shown", LIMIT, PAUSE, async || {
                // Old or new, a connection is made.
                drop(site.connect(&known, port).await.context("refused")?);
                Ok(site.connect(shown, port).await.ok().map(drop))
            })
            .await?;
        }
        http.push(site.connect(shown, b"http/1.1").await?);
        grpc.push(Http2::begin(site.connect(shown, b"h2").await?).await?);
        for (of, stream) in http.iter_mut().enumerate() {
            pushed += 1;
            let answer = ask(stream, &push(f64::from(pushed))).await;
            let answer = answer.with_context(|| format!("a connection of {of}, now {generation}"))?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            // Samples of one time are one.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for (of, connection) in grpc.iter_mut().enumerate() {
            connection.ping().await.with_context(|| format!("gRPC, a connection of {of}, now {generation}"))?;
        }
        if generation < GENERATIONS {
            known.push(replace(site.folder.path())?);
        }
    }
    let count = "GET /api/v1/query?query=sum(count_over_time(renewed%5B10m%5D)) HTTP/1.1\r\nhost: a\r\n\r\n";
    eventually("all that was pushed is there", SEEN_LIMIT, PAUSE, async || {
        let answer = ask(&mut http[0], count).await?;
        ensure!(answer.contains(&format!("\"{pushed}\"")), "{answer}");
        Ok(Some(()))
    })
    .await
}
