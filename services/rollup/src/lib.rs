//! The target `rollup`: folds the log into rows of the hot store and live
//! windows.
//!
//! Each assigned partition has a task. It reads records into the fold, appends
//! the live windows to the topic metrics-rollup and hands closed fragments to
//! its flusher, which writes rows, then what a take-over needs, then the
//! progress. Whatever fails is tried again; nothing is committed before it is
//! stored, so that a crash at any moment only means reading a minute again.

mod error;
mod flush;
mod intake;
mod live;
mod metadata;
mod metrics;
mod pace;
mod partition;
mod readiness;
mod registry;
mod retry;
mod service;
mod take_over;
mod ticks;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_hotstore::HotStore;
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

pub use error::Error;

use metrics::Metrics;
use readiness::Readiness;
use service::Supervisor;
use ticks::{Pulses, Ticker};

/// The consumer group whose offsets say what the log must keep.
pub const GROUP: &str = "rollup";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Records that a partition takes from the log at a time.
    pub fetch_max_bytes: usize,
    /// Longest wait for new records.
    pub fetch_wait_ms: u64,
    /// Least time between two reads of a partition that keeps up, the same moments for all of them: records of a millisecond each would
    /// wake a task a record. What they hold is published a second after its window at the earliest. 0 = as they come.
    pub read_every_ms: u64,
    /// Rows that one write to the store holds at most.
    pub flush_batch_rows: usize,
    /// Partitions that write rows at the same time.
    pub flush_parallel: usize,
    /// A flush takes half of a core at most until it is this old, then what it
    /// can get; it must be done 20 s after the close.
    pub flush_paced_ms: u64,
    /// A store that writes each row by itself gets those of a flush evenly over
    /// this time. 0 = as fast as it takes them.
    pub flush_spread_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fetch_max_bytes: 1024 * 1024,
            fetch_wait_ms: 500,
            read_every_ms: 20,
            flush_batch_rows: 20_000,
            flush_parallel: 2,
            flush_paced_ms: 5_000,
            flush_spread_ms: 12_000,
        }
    }
}

/// What the tasks of all partitions share.
struct Context {
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    metrics: Metrics,
    readiness: Readiness,
    pulses: Pulses,
    /// From which the moments of reading are counted.
    began: Instant,
    flushes: Semaphore,
    /// One partition publishes at a time: all have the same moments, and their
    /// windows together would hold up the pushes that wait for the same disk.
    publications: Semaphore,
}

/// Checks that log and store belong together and starts consuming.
///
/// # Errors
/// When the store cannot be read, or has recorded another number of partitions
/// than the log has, or knows of records that the log has not.
pub async fn build(
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    registry: &mut prometheus_client::registry::Registry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
) -> Result<Target, Error> {
    let readiness = Readiness::new(health.part("rollup"));
    let found = log.partitions(Topic::MetricsRaw);
    let recorded = store.partition_count(found).await?;
    if recorded != found {
        return Err(Error::PartitionCount { found, recorded });
    }
    take_over::refuse_log_behind(&*log, &*store).await?;
    let context = Arc::new(Context {
        flushes: Semaphore::new(config.flush_parallel.max(1)),
        publications: Semaphore::new(1),
        config,
        log,
        store,
        metrics: Metrics::register(registry),
        readiness,
        pulses: Pulses::default(),
        began: Instant::now(),
    });
    let mut tasks = Tasks::new(failures);
    let supervisor = Supervisor::new(context.clone());
    tasks.spawn("rollup", |cancel| supervisor.run(cancel));
    let ticker = Ticker::new(context);
    tasks.spawn("rollup-ticks", |cancel| ticker.run(cancel));
    Ok(Target { name: "rollup", http: axum::Router::new(), tasks })
}
