//! The compactor: ships hours that are over to the archive, rebuilds those
//! that late samples touched, and deletes what is past its retention.
//!
//! It reads the hot store only and keeps nothing of its own: what is to do
//! follows from the hours' marks in the store, so any number of compactors may
//! run, and one that dies is replaced by the next. When the archive cannot be
//! written, hours wait; nothing else does.

mod due;
mod error;
#[cfg(test)]
mod fixture;
mod gather;
pub mod merge;
mod metrics;
mod retention;
mod service;
mod ship;
pub mod verify;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_coldstore::Archive;
use tidegate_eventlog::EventLog;
use tidegate_hotstore::HotStore;
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::mpsc;

pub use error::Error;

/// Members of this group share the shards among them.
const GROUP: &str = "compactor";

/// Samples may be six days late, a rebuild needs all of an hour's rows, and
/// days leave whole.
const MIN_HOT_RETENTION_DAYS: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long an hour must have rested since its last change before it is
    /// shipped, or shipped again.
    pub settle_seconds: u32,
    /// An hour that never rests is shipped after this long.
    pub settle_limit_seconds: u32,
    /// Time between two looks for hours to ship.
    pub poll_seconds: u32,
    /// Days that the archive keeps windows of 5 s; 0: for ever.
    pub retention_5s_days: u32,
    /// Days that the hot store keeps rows, at least 8.
    pub hot_retention_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settle_seconds: 300,
            settle_limit_seconds: 3_600,
            poll_seconds: 10,
            retention_5s_days: 31,
            hot_retention_days: 8,
        }
    }
}

impl Config {
    /// Says what is wrong with the values.
    pub fn check(&self) -> Result<(), Error> {
        if self.hot_retention_days < MIN_HOT_RETENTION_DAYS {
            return Err(Error::HotRetention { days: self.hot_retention_days, least: MIN_HOT_RETENTION_DAYS });
        }
        if self.poll_seconds == 0 {
            return Err(Error::PollZero);
        }
        Ok(())
    }
}

/// Starts the compactor. It serves no routes of its own.
pub async fn build(
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    registry: &mut Registry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
) -> Result<Target, Error> {
    config.check()?;
    let metrics = metrics::Metrics::register(registry);
    let service = service::Service::new(config, log, store, archive, metrics, health.part("compactor"));
    let mut tasks = Tasks::new(failures);
    tasks.spawn("compactor", |stop| service.run(stop));
    Ok(Target { name: "compactor", http: axum::Router::new(), tasks })
}
