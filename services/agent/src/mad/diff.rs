//! Listens to two daemons that got the same samples, as the server that their
//! `AggregationServerHttpSink`s post to, and compares what they sent.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use http::StatusCode;
use tidegate_mad::diff::{Capture, Report, Rules, compare};
use tidegate_mad::emit::aggregation::read::ReadError;
use tokio::net::TcpListener;
use tokio::time::Instant;

const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Where one daemon's results are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// They are posted to this address.
    Listen(SocketAddr),
    /// Their frames are in a file, one after the other.
    File(PathBuf),
}

/// An address with a port, else the name of a file.
impl FromStr for Stream {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Listen))
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    pub left: Stream,
    pub right: Stream,
    /// How long to listen.
    pub length: Duration,
    /// Results of one daemon alone at the begin and the end are no difference.
    pub edge: Duration,
    /// By how much of the greater one numbers may differ; 0 for bit by bit.
    pub tolerance: f64,
}

#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    #[error("{address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Frames { path: PathBuf, source: ReadError },
}

/// One daemon's results while they come.
struct Side {
    capture: Mutex<Capture>,
    began: Instant,
}

/// Listens, or reads the files, and compares.
///
/// # Errors
/// When an address cannot be listened on or a file cannot be read.
pub async fn run(options: Options) -> Result<Report, DiffError> {
    let listens = [&options.left, &options.right].iter().any(|stream| matches!(stream, Stream::Listen(_)));
    let (left, right) = (open(&options.left).await?, open(&options.right).await?);
    if listens {
        tokio::select! {
            () = tokio::time::sleep(options.length) => {}
            () = serve(left.listener, &left.side) => {}
            () = serve(right.listener, &right.side) => {}
        }
    }
    let edge_ms = if listens { options.edge.as_millis() as u64 } else { 0 };
    let rules =
        Rules { tolerance: options.tolerance, edge_ms, length_ms: left.side.began.elapsed().as_millis() as u64 };
    let left = left.side.capture.lock().unwrap_or_else(PoisonError::into_inner);
    let right = right.side.capture.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(compare(&left, &right, rules))
}

struct Open {
    side: Arc<Side>,
    listener: Option<TcpListener>,
}

async fn open(stream: &Stream) -> Result<Open, DiffError> {
    let mut capture = Capture::default();
    let listener = match stream {
        Stream::Listen(address) => {
            let listener = TcpListener::bind(address).await;
            Some(listener.map_err(|source| DiffError::Listen { address: *address, source })?)
        }
        Stream::File(path) => {
            let read = tokio::fs::read(path).await;
            let bytes = read.map_err(|source| DiffError::File { path: path.clone(), source })?;
            capture.add(&bytes, 0).map_err(|source| DiffError::Frames { path: path.clone(), source })?;
            None
        }
    };
    Ok(Open { side: Arc::new(Side { capture: Mutex::new(capture), began: Instant::now() }), listener })
}

/// For ever.
async fn serve(listener: Option<TcpListener>, side: &Arc<Side>) {
    let Some(listener) = listener else { return std::future::pending().await };
    let limit = DefaultBodyLimit::max(MAX_BODY_BYTES);
    let router = Router::new().fallback(take).layer(limit).with_state(side.clone());
    // It ends only when it is dropped.
    axum::serve(listener, router).await.ok();
}

async fn take(State(side): State<Arc<Side>>, body: Bytes) -> StatusCode {
    let after_ms = side.began.elapsed().as_millis() as u64;
    let added = side.capture.lock().unwrap_or_else(PoisonError::into_inner).add(&body, after_ms);
    match added {
        Ok(()) => StatusCode::OK,
        Err(error) => {
            tracing::warn!(%error, "a body is no frame of results");
            StatusCode::BAD_REQUEST
        }
    }
}

#[cfg(test)]
mod tests;
