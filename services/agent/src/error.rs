//! Why the agent cannot start.

use std::io;
use std::path::PathBuf;

/// Why nothing can be sent to a gateway. Each begins with the key, which is `agent.push`'s or a sink's.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("endpoint {endpoint:?}: {message}")]
    Endpoint { endpoint: String, message: String },
    #[error("tenant {0:?} has characters that a header cannot hold")]
    Tenant(String),
    #[error("token has characters that a header cannot hold")]
    Token,
    #[error("tls: {0}")]
    Tls(tidegate_runtime::tls::TlsError),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("agent.push.{0}")]
    Push(#[from] PushError),
    #[error("agent.labels: {0:?} is no name of a label")]
    LabelName(String),
    #[error("agent.interval_seconds must be at least 1")]
    Interval,
    #[error(transparent)]
    Scrape(#[from] crate::ScrapeError),
    #[error("the buffer folder {}: {source}", path.display())]
    Buffer { path: PathBuf, source: io::Error },
    #[error("agent.pipelines: {0}")]
    Pipelines(#[from] crate::mad::daemon::StartError),
}
