//! The agent: pushes what it reads to a gateway.
//!
//! - `host` reads this host, `scrape` pages of metrics.
//! - `session` and `symbols` make batches of that; `outbox` keeps them in a
//!   `buffer` on disk until `push` has brought them to the gateway. A batch is
//!   encoded once and sent again byte for byte, so that no answer lost on the way
//!   counts it twice.
//! - `mad` takes the place of a Metrics Aggregator Daemon: what others send here
//!   is aggregated and goes where its configuration says.

mod buffer;
mod clock;
mod error;
mod host;
mod http_client;
pub mod mad;
mod metrics;
mod outbox;
mod push;
mod scrape;
mod session;
mod symbols;
#[cfg(test)]
mod test_gateway;
#[cfg(test)]
mod test_tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_access::Secret;
use tidegate_eventlog::topics::Topics;
use tidegate_runtime::backoff::Policy;
use tidegate_runtime::server::ServerMetrics;
use tidegate_runtime::tls::TlsClientConfig;
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::mpsc;

pub use error::{Error, PushError};
pub use scrape::{
    Config as ScrapeConfig, ConfigError as ScrapeError, Honor, Job, Labels, OwnMetrics, OwnRegistry, Scheme,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `tidegate all` reads its host.
    pub enabled: bool,
    /// Time between two readings.
    pub interval_seconds: u64,
    /// The label `instance`; empty: the name of the host.
    pub host: String,
    /// The label `job`.
    pub job: String,
    /// Labels that every series gets.
    pub labels: BTreeMap<String, String>,
    pub collect: CollectConfig,
    /// Pages of metrics that are read and pushed as they stand.
    pub scrape: ScrapeConfig,
    /// What becomes of the metrics of this process.
    pub own_metrics: OwnMetrics,
    pub push: PushConfig,
    /// The file of a Metrics Aggregator Daemon whose pipelines run here as well.
    pub pipelines: Option<PathBuf>,
    pub buffer: BufferConfig,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectConfig {
    /// Where the kernel's files are; another place in a container that sees
    /// its host's.
    pub proc_path: PathBuf,
    pub cpu: bool,
    pub memory: bool,
    pub disk: bool,
    pub filesystem: bool,
    pub network: bool,
    pub load: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushConfig {
    /// gRPC address of a gateway, `http://HOST:PORT` or `https://HOST:PORT`. Inside `tidegate all` it
    /// is the process's own.
    pub endpoint: String,
    /// Sent as `X-Scope-OrgID` unless empty.
    pub tenant: String,
    /// A file whose text is sent as a bearer token; read for each push, so that
    /// it can be changed at any time.
    pub token_file: Option<PathBuf>,
    /// Sent where no file is named.
    #[serde(skip)]
    pub token: Option<Secret>,
    pub tls: TlsClientConfig,
    pub compression: Compression,
    /// Time for one push, connecting included.
    pub timeout_seconds: u64,
    pub backoff: Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    Zstd,
    Gzip,
    None,
}

/// What is kept while the gateway cannot be reached; older batches go first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BufferConfig {
    pub max_age_seconds: u64,
    pub max_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_seconds: 10,
            host: String::new(),
            job: "tidegate-agent".into(),
            labels: BTreeMap::new(),
            collect: CollectConfig::default(),
            scrape: ScrapeConfig::default(),
            own_metrics: OwnMetrics::default(),
            push: PushConfig::default(),
            pipelines: None,
            buffer: BufferConfig::default(),
        }
    }
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self {
            proc_path: PathBuf::from("/proc"),
            cpu: true,
            memory: true,
            disk: true,
            filesystem: true,
            network: true,
            load: true,
        }
    }
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4317".into(),
            tenant: String::new(),
            token_file: None,
            token: None,
            tls: TlsClientConfig::default(),
            compression: Compression::Zstd,
            timeout_seconds: 10,
            backoff: Policy::default(),
        }
    }
}

impl Default for BufferConfig {
    fn default() -> Self {
        Self { max_age_seconds: 300, max_bytes: 64 * 1024 * 1024 }
    }
}

/// Starts the agent. Batches wait in `data_dir/agent`, which is made. `own` is
/// filled with the process's registry when everything has registered there.
/// `topics` are those that pipelines of a Metrics Aggregator Daemon read and write.
///
/// # Errors
/// When the configuration makes no sense or the buffer's folder cannot be used.
pub async fn build(
    config: Config,
    data_dir: &Path,
    registry: &mut Registry,
    own: OwnRegistry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
    topics: Option<Arc<dyn Topics>>,
) -> Result<Target, Error> {
    let metrics = metrics::Metrics::register(registry);
    let mut tasks = Tasks::new(failures.clone());
    if let Some(file) = config.pipelines.clone() {
        let options = mad::daemon::Options {
            file,
            environment: mad::environment(),
            version: env!("CARGO_PKG_VERSION"),
            // Those of the process's own ports are told already.
            metrics: mad::Metrics::register(registry, ServerMetrics::default()),
            page: None,
            topics,
        };
        mad::daemon::start(options, failures, &mut tasks).await?;
    }
    let (scrape, own_metrics) = (config.scrape.clone(), config.own_metrics);
    let (host, labels) = (host::name(&config), config.labels.clone());
    let interval = Duration::from_secs(config.interval_seconds);
    let outbox = host::start(config, data_dir.join("agent"), metrics, health.part("agent"), &mut tasks).await?;
    let batches = scrape::ScrapeBatches::new(rand::random(), host.clone(), labels);
    let destination = scrape::ToGateway::new(batches, outbox);
    scrape::start(&scrape, destination.clone(), registry, &mut tasks)?;
    if own_metrics == OwnMetrics::Push {
        scrape::start_own(own, host, interval, destination, &mut tasks);
    }
    Ok(Target { name: "agent", http: axum::Router::new(), tasks })
}
