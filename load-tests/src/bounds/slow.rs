//! Clients that begin a request and do not finish it. Each kind has to be cut off by the server; how, is counted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Interval;

use super::site::Site;
use crate::encode::Protocol;

/// Whoever is not cut off by then, never is: the longest of the server's times is 60 s.
const LIMIT: Duration = Duration::from_secs(90);
const DROP_EVERY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    PushBody,
    QueryBody,
    Header,
    GrpcBody,
    Silence,
}

const KINDS: [Kind; 5] = [Kind::PushBody, Kind::QueryBody, Kind::Header, Kind::GrpcBody, Kind::Silence];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::PushBody => "a push, a byte a second",
            Self::QueryBody => "a query's form, a byte a second",
            Self::Header => "a header that does not end",
            Self::GrpcBody => "a push by gRPC, a byte a second",
            Self::Silence => "a gRPC connection without a byte",
        }
    }
}

/// As many of each kind.
pub async fn run(site: &Site, count: usize) -> anyhow::Result<Vec<String>> {
    let mut clients = JoinSet::new();
    for n in 0..count {
        let kind = KINDS[n % KINDS.len()];
        let (http, grpc, query) = (site.gateway_http, site.gateway_grpc, site.query_http);
        clients.spawn(async move {
            let client = async {
                match kind {
                    Kind::PushBody => drip(http, "POST /metrics HTTP/1.1\r\ncontent-type: application/json").await,
                    Kind::QueryBody => drip(query, FORM).await,
                    Kind::Header => silent(http, b"POST /metrics HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await,
                    Kind::GrpcBody => grpc_drip(grpc).await,
                    Kind::Silence => silent(grpc, b"").await,
                }
            };
            let ended = tokio::time::timeout(LIMIT, client).await.unwrap_or_else(|_| Ok("left open".to_owned()));
            (kind, ended)
        });
    }
    let mut ends: BTreeMap<(&str, String), usize> = BTreeMap::new();
    while let Some(client) = clients.join_next().await {
        let (kind, ended) = client?;
        *ends.entry((kind.name(), ended.with_context(|| kind.name())?)).or_default() += 1;
    }
    Ok(ends.into_iter().map(|((kind, end), count)| format!("{kind}: {count} {end}")).collect())
}

const FORM: &str = "POST /api/v1/query HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";

async fn drip(port: u16, head: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{head}\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n").as_bytes()).await?;
    let (mut from, mut to) = stream.into_split();
    let dripping = async {
        let mut ticks = tokio::time::interval(DROP_EVERY);
        // Until the server closes.
        while to.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = end(&mut from) => ended,
        () = dripping => Ok("closed".to_owned()),
    }
}

async fn silent(port: u16, first: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(first).await?;
    end(&mut stream).await
}

/// What the server says, if it says anything.
async fn end(from: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<String> {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = from.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_whitespace().next());
    Ok(status.map_or_else(|| "closed".to_owned(), |status| format!("answered {status}")))
}

async fn grpc_drip(port: u16) -> anyhow::Result<String> {
    let io = TokioIo::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    let connection = tokio::spawn(connection);
    let uri = format!("http://127.0.0.1:{port}{}", Protocol::Grpc.path());
    let mut request = Request::post(uri).body(Drip(tokio::time::interval(DROP_EVERY)))?;
    *request.headers_mut() = Protocol::Grpc.headers();
    let ended = match sender.send_request(request).await {
        Err(_) => "closed".to_owned(),
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            let trailers = body.collect().await.ok().and_then(|body| body.trailers().cloned());
            let status = trailers.as_ref().unwrap_or(&head.headers).get("grpc-status").cloned();
            format!(
                "answered grpc-status {}",
                status.as_ref().and_then(|status| status.to_str().ok()).unwrap_or("none")
            )
        }
    };
    connection.abort();
    Ok(ended)
}

/// A body of a byte a second, for ever.
struct Drip(Interval);

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.0.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\0")))))
    }
}
