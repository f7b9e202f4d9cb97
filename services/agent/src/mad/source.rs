//! Where a pipeline's records come from: sources that listen or poll run as
//! tasks, those behind the daemon's HTTP port are called by its router.

pub mod http;
mod kafka;
mod metrics;
pub mod otlp;
mod reader;
mod scrape;
mod statsd;
mod tcp_line;
#[cfg(test)]
mod test_feed;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidegate_eventlog::topics::{TopicError, Topics};
use tidegate_mad::config::{Input, Source};
use tidegate_runtime::Tasks;

use super::feed::{Feed, Sockets};
use crate::ScrapeError;

pub use metrics::{Metrics, SourceMetrics};
pub use reader::Reader;

/// What sources need besides their configuration.
#[derive(Clone)]
pub struct Context {
    pub sockets: Arc<Sockets>,
    pub metrics: Metrics,
    /// None where this program has no way to topics.
    pub topics: Option<Arc<dyn Topics>>,
    /// Of a request's body, after decompression.
    pub max_body_bytes: usize,
}

/// Why a source cannot run as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{host}:{port} cannot be listened on: {source}")]
    Listen { host: String, port: u16, source: io::Error },
    #[error("topics cannot be read: {0}")]
    Topics(#[from] TopicError),
    #[error("this program reads no topics")]
    NoTopics,
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
    #[error("{uri:?} is no address: {reason}")]
    Target { uri: String, reason: String },
    #[error("the consumer's configuration lacks {0}")]
    Consumer(&'static str),
}

/// What became of a source.
pub enum Started {
    /// It runs on the tasks that it was given.
    Running,
    /// Requests to `path` are its own.
    Route { path: &'static str, source: http::HttpSource },
    /// OTLP over gRPC, to be served on the daemon's port and on its own.
    Otlp(axum::Router),
    /// Nothing reaches it: its name is that of no route.
    Unreachable,
}

/// Starts a source on `tasks`, which are its own: it stops when they do.
///
/// # Errors
/// When it cannot run as it is configured.
pub async fn start(source: &Source, feed: Feed, context: &Context, tasks: &mut Tasks) -> Result<Started, StartError> {
    let metrics = context.metrics.of(&source.name);
    match &source.input {
        Input::Http(input) => {
            let Some(path) = input.path() else { return Ok(Started::Unreachable) };
            let source = http::HttpSource::new(&input.parser, feed, metrics, context.max_body_bytes);
            Ok(Started::Route { path, source })
        }
        Input::Statsd { host, port } => {
            let listen = |source| StartError::Listen { host: host.clone(), port: *port, source };
            let sockets = statsd::bind(host, *port, &context.sockets).map_err(listen)?;
            statsd::start(&sockets, &feed, &metrics, tasks);
            Ok(Started::Running)
        }
        Input::TcpLine(input) => {
            let listen = |source| StartError::Listen { host: input.host.clone(), port: input.port, source };
            let listener = tcp_line::bind(input, &context.sockets).map_err(listen)?;
            tcp_line::start(listener, input.parser.clone(), feed, metrics, tasks);
            Ok(Started::Running)
        }
        Input::Kafka(input) => {
            let topics = context.topics.as_ref().ok_or(StartError::NoTopics)?;
            kafka::start(input, topics, feed, metrics, tasks).await?;
            Ok(Started::Running)
        }
        Input::OpenTelemetryGrpc { .. } => Ok(Started::Otlp(otlp::router(feed, metrics, context.max_body_bytes))),
        Input::Scrape(input) => {
            scrape::start(&source.name, input, feed, &metrics, tasks)?;
            Ok(Started::Running)
        }
    }
}

/// Refuses what [`start`] would because of what it is told, not because of what it finds: no port is opened.
///
/// # Errors
/// As [`start`].
pub fn check(source: &Source) -> Result<(), StartError> {
    match &source.input {
        Input::Kafka(input) => kafka::options(input).map(drop),
        Input::Scrape(input) => scrape::check(&source.name, input),
        Input::Http(_) | Input::Statsd { .. } | Input::TcpLine(_) | Input::OpenTelemetryGrpc { .. } => Ok(()),
    }
}

/// Tells of what a source gets wrong, twice a minute at most: each time would
/// let whoever sends it fill the disk.
#[derive(Debug, Default)]
struct Complaints(Mutex<Option<Instant>>);

impl Complaints {
    const PAUSE: Duration = Duration::from_secs(30);

    fn tell(&self, source: &str, error: &dyn std::error::Error) {
        let mut last = self.0.lock();
        if last.is_none_or(|last| last.elapsed() >= Self::PAUSE) {
            *last = Some(Instant::now());
            tracing::warn!(source, error = %error, "input is refused");
        }
    }
}
