//! The ports of a process: for HTTP/1.1, for gRPC (HTTP/2 in the clear), or for
//! both, with TLS or without. All bound what a client can hold: connections, streams, the time
//! to send a header, a body and each piece of it, the time to take an answer.

mod body;
mod connection;
mod guarded;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use body::BodyError;
use connection::Connection;
use tidegate_access::Guard;

use crate::tls::Tls;

/// What clients of a port may hold, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at a time; more are turned away at once.
    pub max_connections: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Requests at a time on all connections, until their answers begin; more
    /// are answered 503, or UNAVAILABLE, at once.
    pub max_open_requests: usize,
    /// Time for the header of a request, idle time between requests included.
    pub header_timeout_seconds: u64,
    /// Longest pause within the body of a request.
    pub body_timeout_seconds: u64,
    /// Time for a whole body, however steadily it comes.
    pub whole_body_timeout_seconds: u64,
    /// Longest time that a client may take no byte of its answer.
    pub write_timeout_seconds: u64,
    /// Time that open requests get to finish when the process stops.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            max_concurrent_streams: 256,
            max_open_requests: 16_384,
            header_timeout_seconds: 30,
            body_timeout_seconds: 15,
            whole_body_timeout_seconds: 60,
            write_timeout_seconds: 30,
            drain_seconds: 10,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2 with prior knowledge, as gRPC clients speak it.
    Grpc,
    /// Whichever of the two a client begins with.
    Either,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Grpc => "grpc",
            Protocol::Either => "either",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error(
        "cannot listen on {address} ({key}): the port is in use; stop the other process or choose another port with \
         --set {key}=HOST:PORT"
    )]
    InUse { key: &'static str, address: SocketAddr },
    #[error("cannot listen on {address} ({key}): {source}")]
    Refused { key: &'static str, address: SocketAddr, source: io::Error },
}

/// Opens the port. `key` is the configuration key that holds the address.
///
/// # Errors
/// When the address cannot be had, naming address and key.
pub async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { key, address },
        _ => ListenError::Refused { key, address, source },
    })
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelSet)]
struct Port {
    port: &'static str,
}

/// The ports' own metrics; register once, share between ports.
#[derive(Clone, Debug, Default)]
pub struct ServerMetrics {
    open: Family<Port, Gauge>,
    refused: Family<Port, Counter>,
    refused_requests: Family<Port, Counter>,
}

impl ServerMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("tidegate_server_connections", "Connections that are open", metrics.open.clone());
        registry.register(
            "tidegate_server_refused_connections",
            "Connections turned away because too many were open",
            metrics.refused.clone(),
        );
        registry.register(
            "tidegate_server_refused_requests",
            "Requests turned away because too many were open",
            metrics.refused_requests.clone(),
        );
        metrics
    }
}

/// Who may use a port.
#[derive(Clone, Default)]
pub struct Security {
    /// Asked before any route sees a request; without one all are let in.
    pub guard: Option<Guard>,
    /// Without it all is in the clear.
    pub tls: Option<Tls>,
}

/// A port about to be served.
pub struct Server {
    pub listener: TcpListener,
    pub protocol: Protocol,
    pub router: Router,
    pub limits: Limits,
    pub metrics: ServerMetrics,
}

impl Server {
    /// Serves until `cancel`, then takes no more connections and gives open
    /// requests the time to finish. Requests carry the peer's address as
    /// `ConnectInfo<SocketAddr>` and as tonic's `TcpConnectInfo`.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn serve(self, cancel: CancellationToken) -> Result<(), Infallible> {
        self.serve_with(Security::default(), cancel).await
    }

    /// As [`Server::serve`], to those whom `security` lets in.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn serve_with(self, security: Security, cancel: CancellationToken) -> Result<(), Infallible> {
        let port = Port { port: self.protocol.name() };
        let open = self.metrics.open.get_or_create_owned(&port);
        let refused = self.metrics.refused.get_or_create_owned(&port);
        let refused_requests = self.metrics.refused_requests.get_or_create_owned(&port);
        let connection =
            Connection::new(self.protocol, self.router, &self.limits, security, refused_requests, cancel.clone());
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(_) = connections.join_next() => { open.set(connections.len() as i64); }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() >= self.limits.max_connections => {
                        refused.inc();
                        turn_away(stream, self.protocol).await;
                    }
                    Ok((stream, peer)) => {
                        connections.spawn(connection.clone().run(stream, peer));
                        open.set(connections.len() as i64);
                    }
                    Err(error) => pause_after(&error).await,
                },
            }
        }
        drop(self.listener);
        drain(&mut connections, Duration::from_secs(self.limits.drain_seconds), self.protocol).await;
        open.set(0);
        Ok(())
    }
}

/// Tells a client of too many why; gRPC clients see the connection close,
/// which they report as UNAVAILABLE.
async fn turn_away(mut stream: TcpStream, protocol: Protocol) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
        Content-Type: text/plain\r\nContent-Length: 26\r\n\r\ntoo many open connections\n";
    if protocol != Protocol::Grpc {
        // A fresh socket's send buffer takes this at once.
        tokio::time::timeout(Duration::from_millis(10), stream.write_all(ANSWER)).await.ok();
    }
}

/// Errors of `accept` are of the connection that went away, or of the process
/// (no file handles left); the latter would spin.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "cannot accept connections");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn drain(connections: &mut JoinSet<()>, limit: Duration, protocol: Protocol) {
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(port = protocol.name(), open = connections.len(), "connections cut off");
        connections.abort_all();
    }
}

#[cfg(test)]
mod tests;
