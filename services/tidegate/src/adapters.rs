//! The adapters behind the ports: log, store and archive, each in the data folder or in servers that processes share. No other
//! file names an adapter.

use std::sync::Arc;

use anyhow::Context;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_cassandra::CassandraStore;
use tidegate_coldstore::{Archive, S3Config};
use tidegate_embedded::{EmbeddedLog, EmbeddedStore};
use tidegate_eventlog::{EventLog, LogError, wall_clock};
use tidegate_hotstore::HotStore;
use tidegate_kafka::KafkaLog;
use tidegate_runtime::Health;

use crate::background::starting_threads;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::targets::{Need, Selection};
use crate::watched_log::WatchedLog;

/// What the libraries behind the adapters log at "info" is of no use to those
/// who run Tidegate.
pub const QUIET: &str = "fjall=warn,lsm_tree=warn,scylla=warn";

/// Section `eventlog`: one adapter each. Kafka is used when its brokers are
/// named.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub embedded: tidegate_embedded::LogConfig,
    pub kafka: tidegate_kafka::Config,
}

/// Section `store`: one adapter each. Cassandra is used when its contact points
/// are named.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    pub embedded: tidegate_embedded::StoreConfig,
    pub cassandra: tidegate_cassandra::Config,
}

/// Section `archive`. S3 is used when its bucket is named.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveConfig {
    pub s3: S3Config,
}

/// Where something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the data folder of one process.
    Folder,
    /// In servers that all processes reach.
    Shared,
}

/// Where the configuration puts `need`.
pub fn place(config: &Config, need: Need) -> Place {
    let is_shared = match need {
        Need::Log => !config.eventlog.kafka.brokers.is_empty(),
        Need::Store => !config.store.cassandra.contact_points.is_empty(),
        Need::Archive => !config.archive.s3.bucket.is_empty(),
    };
    if is_shared { Place::Shared } else { Place::Folder }
}

/// What the targets of this process keep things in: what they need of it.
#[derive(Clone, Default)]
pub struct Adapters {
    pub log: Option<Arc<dyn EventLog>>,
    pub store: Option<Arc<dyn HotStore>>,
    pub archive: Option<Arc<Archive>>,
    /// The log, where it is in Kafka.
    pub kafka: Option<Arc<KafkaLog>>,
}

impl Adapters {
    /// Returns when an adapter cannot be used any more; never when none can
    /// come to that.
    ///
    /// # Errors
    /// What happened: the process has to end.
    pub async fn failed(self) -> Result<(), LogError> {
        match self.kafka {
            Some(kafka) => Err(kafka.failed().await),
            None => std::future::pending().await,
        }
    }

    /// Gives to other processes at once what this one had been assigned. To be
    /// called when the targets have ended; blocks for a moment.
    pub fn leave(self) {
        if let Some(kafka) = self.kafka {
            kafka.leave_groups();
        }
    }
}

/// Opens what the targets of `selection` need.
///
/// # Errors
/// Naming the one that cannot be opened.
pub async fn open(
    selection: Selection,
    config: &Config,
    data_dir: Option<&DataDir>,
    health: &Health,
    registry: &mut Registry,
) -> anyhow::Result<Adapters> {
    let store = if selection.needs(Need::Store) { Some(open_store(config, data_dir, registry).await?) } else { None };
    let archive = if selection.needs(Need::Archive) { Some(open_archive(config, data_dir).await?) } else { None };
    let mut adapters = Adapters { log: None, store, archive, kafka: None };
    if selection.needs(Need::Log) {
        let log: Arc<dyn EventLog> = match place(config, Need::Log) {
            Place::Folder => Arc::new(open_embedded_log(config, data_dir)?),
            Place::Shared => {
                let kafka = Arc::new(open_kafka(config, adapters.store.as_deref(), registry).await?);
                adapters.kafka = Some(Arc::clone(&kafka));
                kafka
            }
        };
        adapters.log = Some(Arc::new(WatchedLog::new(log, health)));
    }
    Ok(adapters)
}

fn open_embedded_log(config: &Config, data_dir: Option<&DataDir>) -> anyhow::Result<EmbeddedLog> {
    let folder = folder(data_dir)?.path().join("log");
    let settings = config.eventlog.embedded.clone();
    let log = EmbeddedLog::open_with(&folder, settings, wall_clock(), |open| starting_threads(open));
    log.context("opening the log")
}

async fn open_kafka(
    config: &Config,
    store: Option<&dyn HotStore>,
    registry: &mut Registry,
) -> anyhow::Result<KafkaLog> {
    let kafka = config.eventlog.kafka.clone();
    let partitions = match store {
        Some(store) => store.partition_count(kafka.partitions).await.context("reading the partition count")?,
        // A topic of another size is not taken for what it is: what is
        // appended to partitions that no rollup reads is never counted.
        None => kafka.partitions,
    };
    let metrics = tidegate_kafka::Metrics::register(registry);
    KafkaLog::open(kafka, Some(partitions), metrics).await.context("opening the log in Kafka")
}

/// Opens the store alone.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(
    config: &Config,
    data_dir: Option<&DataDir>,
    registry: &mut Registry,
) -> anyhow::Result<Arc<dyn HotStore>> {
    match place(config, Need::Store) {
        Place::Folder => {
            let folder = folder(data_dir)?.path().join("store");
            let store = starting_threads(|| EmbeddedStore::open(&folder, config.store.embedded.clone()));
            Ok(Arc::new(store.context("opening the store")?))
        }
        Place::Shared => {
            let metrics = tidegate_cassandra::Metrics::register(registry);
            let store = CassandraStore::open(&config.store.cassandra, metrics).await;
            Ok(Arc::new(store.context("opening the store in Cassandra")?))
        }
    }
}

/// Opens the archive alone.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_archive(config: &Config, data_dir: Option<&DataDir>) -> anyhow::Result<Arc<Archive>> {
    let archive = match place(config, Need::Archive) {
        Place::Folder => Archive::local(&folder(data_dir)?.path().join("archive")).context("opening the archive")?,
        Place::Shared => {
            let archive = Archive::s3(&config.archive.s3).context("opening the archive in S3")?;
            archive.check().await.with_context(|| format!("listing the bucket {}", config.archive.s3.bucket))?;
            archive
        }
    };
    Ok(Arc::new(archive))
}

fn folder(data_dir: Option<&DataDir>) -> anyhow::Result<&DataDir> {
    data_dir.context("there is no data folder")
}
