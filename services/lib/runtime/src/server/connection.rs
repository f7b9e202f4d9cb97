//! One connection: HTTP/1.1 or HTTP/2 on a guarded stream, until it ends or is
//! asked to finish.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::RETRY_AFTER;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use tidegate_access::Refusal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::Service;

use super::body::{TimedBody, Times};
use super::guarded::Guarded;
use super::{Limits, Protocol, Security};

/// Requests need no more; the rest of a batch is in the body.
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Bodies of a few MB arrive without waiting for window updates.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Streams that a peer opened and reset before they were accepted (rapid
/// reset); more end the connection.
const MAX_PENDING_RESETS: usize = 20;
const MAX_LOCAL_RESETS: usize = 256;
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// A peer that answers pings is never silent this long.
const SILENCE: Duration = Duration::from_secs(60);

/// What a connection can be made of.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client did not begin in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

#[derive(Clone)]
pub struct Connection {
    protocol: Protocol,
    router: Router,
    header_timeout: Duration,
    body_times: Times,
    write_timeout: Duration,
    max_streams: u32,
    security: Security,
    /// Of all connections.
    requests: Arc<Semaphore>,
    refused: Counter,
    cancel: CancellationToken,
}

impl Connection {
    pub fn new(
        protocol: Protocol,
        router: Router,
        limits: &Limits,
        security: Security,
        refused: Counter,
        cancel: CancellationToken,
    ) -> Self {
        let (pause, whole) = (limits.body_timeout_seconds, limits.whole_body_timeout_seconds);
        Self {
            protocol,
            router,
            header_timeout: Duration::from_secs(limits.header_timeout_seconds),
            body_times: Times { pause: Duration::from_secs(pause), whole: Duration::from_secs(whole) },
            write_timeout: Duration::from_secs(limits.write_timeout_seconds),
            max_streams: limits.max_concurrent_streams,
            security,
            requests: Arc::new(Semaphore::new(limits.max_open_requests.min(Semaphore::MAX_PERMITS))),
            refused,
            cancel,
        }
    }

    pub async fn run(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small; waiting to fill a segment only delays them.
        stream.set_nodelay(true).ok();
        let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) };
        let ended = match &self.security.tls {
            Some(tls) => self.run_tls(&tls.acceptor(), stream, info).await,
            None => self.run_clear(stream, info).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }

    async fn run_clear(&self, stream: TcpStream, info: TcpConnectInfo) -> Result<(), ConnectionError> {
        let grpc = match self.protocol {
            Protocol::Http => false,
            Protocol::Grpc => true,
            Protocol::Either => tokio::select! {
                begins = tokio::time::timeout(self.header_timeout, begins_with_http2(&stream)) => begins??,
                () = self.cancel.cancelled() => return Ok(()),
            },
        };
        Ok(if grpc { self.grpc(stream, info).await } else { self.http(stream, info).await }?)
    }

    async fn run_tls(&self, tls: &TlsAcceptor, stream: TcpStream, info: TcpConnectInfo) -> Result<(), ConnectionError> {
        let stream = tokio::select! {
            stream = tokio::time::timeout(self.header_timeout, tls.accept(stream)) => stream??,
            () = self.cancel.cancelled() => return Ok(()),
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let grpc = self.protocol == Protocol::Grpc || http2 && self.protocol == Protocol::Either;
        Ok(if grpc { self.grpc(stream, info).await } else { self.http(stream, info).await }?)
    }

    async fn http(&self, stream: impl Stream, info: TcpConnectInfo) -> hyper::Result<()> {
        let io = TokioIo::new(Guarded::new(stream, None, self.write_timeout));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(MAX_HEADER_BYTES as usize)
            .half_close(false);
        let this = self.clone();
        let service = service_fn(move |request| this.answer(request, info.clone(), Protocol::Http));
        let connection = builder.serve_connection(io, service).with_upgrades();
        self.until_done(pin!(connection), http1::UpgradeableConnection::graceful_shutdown).await
    }

    async fn grpc(&self, stream: impl Stream, info: TcpConnectInfo) -> hyper::Result<()> {
        let io = TokioIo::new(Guarded::new(stream, Some(SILENCE), self.write_timeout));
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.max_streams)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let this = self.clone();
        let service = service_fn(move |request| this.answer(request, info.clone(), Protocol::Grpc));
        let connection = builder.serve_connection(io, service);
        self.until_done(pin!(connection), http2::Connection::graceful_shutdown).await
    }

    async fn until_done<C, O>(&self, mut connection: Pin<&mut C>, finish: impl Fn(Pin<&mut C>)) -> O
    where
        C: Future<Output = O>,
    {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.cancel.cancelled() => finish(connection.as_mut()),
        }
        connection.await
    }

    fn answer(
        &self,
        request: http::Request<Incoming>,
        info: TcpConnectInfo,
        protocol: Protocol,
    ) -> impl Future<Output = Result<http::Response<Body>, Infallible>> + Send + use<> {
        let info_of_peer = info.remote_addr;
        let open = Arc::clone(&self.requests).try_acquire_owned().map(|open| {
            let mut request = request.map(|body| Body::new(TimedBody::new(body, self.body_times)));
            if let Some(peer) = info.remote_addr {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            if protocol == Protocol::Grpc {
                request.extensions_mut().insert(info);
            }
            let admitted = self.security.guard.as_ref().map(|guard| guard.admit(&mut request, info_of_peer));
            let answering = match admitted.transpose() {
                // A router is always ready.
                Ok(admitted) => Ok((admitted, self.router.clone().call(request))),
                Err(refusal) => Err(refuse(&refusal, &request, protocol)),
            };
            (open, answering)
        });
        if open.is_err() {
            self.refused.inc();
        }
        async move {
            match open {
                Ok((_open, Ok((admitted, answering)))) => {
                    let answer = answering.await;
                    if let (Some(admitted), Ok(answer)) = (admitted, &answer) {
                        admitted.answered(answer.status());
                    }
                    answer
                }
                Ok((_open, Err(refused))) => Ok(refused),
                Err(_) => Ok(turn_away(protocol)),
            }
        }
    }
}

/// Whether the client speaks HTTP/2 from the first byte on.
async fn begins_with_http2(stream: &TcpStream) -> io::Result<bool> {
    // No method of HTTP/1.1 begins so.
    const PREFACE: &[u8] = b"PRI";
    let mut begin = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut begin).await?;
        if count == PREFACE.len() || count == 0 || begin[..count] != PREFACE[..count] {
            return Ok(begin == PREFACE);
        }
        // A part of it only; peeking again would tell the same at once.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn refuse(refusal: &Refusal, request: &http::Request<Body>, protocol: Protocol) -> http::Response<Body> {
    if protocol != Protocol::Grpc {
        return refusal.answer(request);
    }
    let why = refusal.to_string();
    let status = match refusal.http_status() {
        StatusCode::UNAUTHORIZED => tonic::Status::unauthenticated(why),
        _ => tonic::Status::permission_denied(why),
    };
    status.into_http::<tonic::body::Body>().map(Body::new)
}

fn turn_away(protocol: Protocol) -> http::Response<Body> {
    const WHY: &str = "too many open requests; try again";
    match protocol {
        Protocol::Http | Protocol::Either => {
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], format!("{WHY}\n")).into_response()
        }
        Protocol::Grpc => tonic::Status::unavailable(WHY).into_http::<tonic::body::Body>().map(Body::new),
    }
}
