//! A connection that sends ready bodies and reads the answers, with as little work as possible.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::encode::Protocol;

const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub struct Connection {
    sender: Sender,
    protocol: Protocol,
    uri: Uri,
    headers: HeaderMap,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// How a request was answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// To be sent again: the server is busy or asks to slow down.
    Busy(String),
}

impl Connection {
    pub async fn open(protocol: Protocol, port: u16, client_id: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let sender = if protocol.is_grpc() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        let mut headers = protocol.headers();
        headers.insert("x-client-id", client_id.parse()?);
        headers.insert(http::header::HOST, format!("127.0.0.1:{port}").parse()?);
        let uri = if protocol.is_grpc() {
            headers.remove(http::header::HOST);
            format!("http://127.0.0.1:{port}{}", protocol.path()).parse()?
        } else {
            protocol.path().parse()?
        };
        Ok(Self { sender, protocol, uri, headers })
    }

    /// Shows this token from now on.
    pub fn authorize(&mut self, token: &str) -> anyhow::Result<()> {
        self.headers.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse()?);
        Ok(())
    }

    /// Sends a body over HTTP and waits for the answer, whatever it is.
    pub async fn status(&mut self, body: Bytes) -> anyhow::Result<http::StatusCode> {
        let response = tokio::time::timeout(ANSWER_LIMIT, self.request(body)).await.context("no answer")??;
        let status = response.status();
        response.into_body().collect().await?;
        Ok(status)
    }

    /// The server has closed it, as it does with one that is idle for long.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Sends a body and waits for its answer. An answer that sending again cannot change is an error.
    pub async fn send(&mut self, body: Bytes) -> anyhow::Result<Outcome> {
        tokio::time::timeout(ANSWER_LIMIT, self.exchange(body)).await.context("no answer")?
    }

    async fn exchange(&mut self, body: Bytes) -> anyhow::Result<Outcome> {
        let response = self.request(body).await?;
        if self.protocol.is_grpc() { grpc_outcome(response).await } else { http_outcome(response).await }
    }

    async fn request(&mut self, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::post(self.uri.clone()).body(Full::new(body))?;
        *request.headers_mut() = self.headers.clone();
        Ok(match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => sender.send_request(request).await?,
        })
    }
}

async fn http_outcome(response: Response<Incoming>) -> anyhow::Result<Outcome> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status.is_success() {
        return Ok(Outcome::Accepted);
    }
    let text = format!("{status}: {}", String::from_utf8_lossy(&body));
    match status.as_u16() {
        429 | 503 => Ok(Outcome::Busy(text)),
        _ => bail!("{text:.500}"),
    }
}

async fn grpc_outcome(response: Response<Incoming>) -> anyhow::Result<Outcome> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().unwrap_or(&head.headers);
    let status = trailers.get("grpc-status").and_then(|value| value.to_str().ok()).unwrap_or("absent");
    let message = trailers.get("grpc-message").and_then(|value| value.to_str().ok()).unwrap_or("");
    match status {
        "0" => Ok(Outcome::Accepted),
        // RESOURCE_EXHAUSTED, UNAVAILABLE
        "8" | "14" => Ok(Outcome::Busy(format!("grpc-status {status}: {message}"))),
        _ => bail!("HTTP {}, grpc-status {status}: {message}", head.status),
    }
}
