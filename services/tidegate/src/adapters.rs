//! The adapters behind the ports: log, store and archive of one data folder.
//! No other file names an adapter.

use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tidegate_coldstore::Archive;
use tidegate_embedded::{EmbeddedLog, EmbeddedStore};
use tidegate_eventlog::{EventLog, wall_clock};
use tidegate_hotstore::HotStore;
use tidegate_runtime::Health;

use crate::background::starting_threads;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::watched_log::WatchedLog;

/// What the libraries behind the adapters log at "info" is of no use to those
/// who run Tidegate.
pub const QUIET: &str = "fjall=warn,lsm_tree=warn";

/// Section `eventlog`: one adapter each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub embedded: tidegate_embedded::LogConfig,
}

/// Section `store`: one adapter each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    pub embedded: tidegate_embedded::StoreConfig,
}

/// What the targets keep things in.
#[derive(Clone)]
pub struct Adapters {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn HotStore>,
    pub archive: Arc<Archive>,
}

/// Opens log, store and archive in the data folder. Blocks.
///
/// # Errors
/// Naming the one that cannot be opened.
pub fn open(config: &Config, data_dir: &DataDir, health: &Health) -> anyhow::Result<Adapters> {
    let folder = data_dir.path().join("log");
    let settings = config.eventlog.embedded.clone();
    let log = EmbeddedLog::open_with(&folder, settings, wall_clock(), |open| starting_threads(open));
    let log = log.context("opening the log")?;
    let (store, archive) = open_stored(config, data_dir)?;
    Ok(Adapters { log: Arc::new(WatchedLog::new(Arc::new(log), health)), store, archive })
}

/// Opens store and archive only. Blocks.
///
/// # Errors
/// As [`open`].
pub fn open_stored(config: &Config, data_dir: &DataDir) -> anyhow::Result<(Arc<dyn HotStore>, Arc<Archive>)> {
    let folder = data_dir.path().join("store");
    let store = starting_threads(|| EmbeddedStore::open(&folder, config.store.embedded.clone()));
    let store = store.context("opening the store")?;
    let archive = Archive::local(&data_dir.path().join("archive")).context("opening the archive")?;
    Ok((Arc::new(store), Arc::new(archive)))
}
