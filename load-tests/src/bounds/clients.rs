//! Clients that hold connections and take or give nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::site::{Secured, Site};
use super::tls::{self, Speaks};
use crate::opening;

/// Small, so that what a client does not read stays with the server.
const DEAF_BUFFER_BYTES: u32 = 4_096;

/// Streams of all series, of which nothing is read.
pub async fn deaf_streams(site: &Site, streams: usize, hold: Duration) -> anyhow::Result<Vec<String>> {
    let mut open = Vec::new();
    for _ in 0..streams {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(DEAF_BUFFER_BYTES)?;
        let mut stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], site.query_http))).await?;
        let path = "/api/v1/stream?query=%7B__name__%3D~%22load_bounds_.*%22%7D";
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await?;
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let count = || Site::metric(site.query_http, "tidegate_query_streams", "");
    let begun = count().await?;
    ensure!(begun as usize == streams, "{begun} of {streams} streams are open");
    tokio::time::sleep(hold).await;
    let unsent = Site::metric(site.query_http, "tidegate_query_unsent_bytes", "").await? / f64::from(1 << 20);
    let left = count().await?;
    drop(open);
    Ok(vec![format!("{streams} streams of which nothing was read: {left} open after {hold:?}, {unsent:.1} MiB unsent")])
}

/// HTTP/2 connections without a request, as of agents between two pushes.
pub async fn idle_agents(site: &Site, count: usize, hold: Duration) -> anyhow::Result<Vec<String>> {
    let open = match &site.secured {
        None => opening::many(count, |_| idle_agent(tcp(site.gateway_grpc))).await?,
        Some(Secured { certificates, grpc, .. }) => {
            let (connector, port) = (certificates.connector(Speaks::Http2)?, *grpc);
            opening::many(count, |_| idle_agent(secured(connector.clone(), port))).await?
        }
    };
    held(site.gateway_http, "grpc", count, open, hold).await
}

async fn tcp(port: u16) -> anyhow::Result<TcpStream> {
    Ok(TcpStream::connect(("127.0.0.1", port)).await?)
}

async fn secured(connector: TlsConnector, port: u16) -> anyhow::Result<TlsStream<TcpStream>> {
    tls::connect(&connector, port).await
}

async fn idle_agent<S>(
    connecting: impl Future<Output = anyhow::Result<S>>,
) -> anyhow::Result<(http2::SendRequest<Full<Bytes>>, Aborted)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(connecting.await?);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
    // It answers pings. Without a sender it would end.
    Ok((sender, Aborted(tokio::spawn(async move { drop(connection.await) }))))
}

/// HTTP/1.1 connections that asked once.
pub async fn idle_http(site: &Site, count: usize, hold: Duration) -> anyhow::Result<Vec<String>> {
    let port = site.query_http;
    match &site.secured {
        None => held(port, "http", count, opening::many(count, |_| idle_asker(tcp(port))).await?, hold).await,
        Some(Secured { certificates, http, .. }) => {
            let (connector, to) = (certificates.connector(Speaks::Http1)?, *http);
            let open = opening::many(count, |_| idle_asker(secured(connector.clone(), to))).await?;
            held(port, "http", count, open, hold).await
        }
    }
}

async fn idle_asker<S>(connecting: impl Future<Output = anyhow::Result<S>>) -> anyhow::Result<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = connecting.await?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    ensure!(&answer == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&answer));
    Ok(stream)
}

async fn held<T>(port: u16, kind: &str, count: usize, open: Vec<T>, hold: Duration) -> anyhow::Result<Vec<String>> {
    let label = format!("port=\"{kind}\"");
    let connections = || Site::metric(port, "tidegate_server_connections", &label);
    let begun = connections().await?;
    tokio::time::sleep(hold).await;
    let left = connections().await?;
    drop(open);
    Ok(vec![format!("{count} idle {kind} connections: {begun} were open, {left} after {hold:?}")])
}

/// A task that ends with its owner.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
