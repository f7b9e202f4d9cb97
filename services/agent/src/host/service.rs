//! Two tasks around the outbox: one reads the host and adds batches, the other
//! sends them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use tidegate_runtime::{Part, Tasks};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::batch::Batches;
use super::collect::{self, Collectors};
use crate::clock::unix_ms;
use crate::metrics::Metrics;
use crate::outbox::{Outbox, Sender};
use crate::{Config, Error};

/// Opens the buffer in `folder` and starts the tasks. Others may put batches of
/// their own into the outbox.
///
/// # Errors
/// See [`crate::build`].
pub async fn start(
    config: Config,
    folder: PathBuf,
    metrics: Metrics,
    health: Part,
    tasks: &mut Tasks,
) -> Result<Outbox, Error> {
    if config.interval_seconds == 0 {
        return Err(Error::Interval);
    }
    let batches = batches(&config)?;
    let outbox = Outbox::open(folder, &config.buffer, metrics.outbox(), Some(health.clone())).await?;
    let sender = Sender::new(outbox.clone(), &config.push)?;
    let interval = Duration::from_secs(config.interval_seconds);
    let collectors = Collectors::new(config.collect, metrics);
    let reader = Reader { outbox: outbox.clone(), collectors, batches, interval, health };
    tasks.spawn("agent-read", |cancel| reader.run(cancel));
    tasks.spawn("agent-send", |cancel| sender.run(cancel));
    Ok(outbox)
}

/// What this host is called.
pub fn name(config: &Config) -> String {
    if config.host.is_empty() { collect::host() } else { config.host.clone() }
}

fn batches(config: &Config) -> Result<Batches, Error> {
    let host = name(config);
    let mut labels = BTreeMap::from([("instance".into(), host.clone()), ("job".into(), config.job.clone())]);
    for (name, value) in &config.labels {
        if !is_label_name(name) {
            return Err(Error::LabelName(name.clone()));
        }
        labels.insert(name.clone(), value.clone());
    }
    labels.retain(|_, value| !value.is_empty());
    // A session is of one start: what an earlier one left carries its own.
    Ok(Batches::new(rand::random(), host, labels))
}

fn is_label_name(name: &str) -> bool {
    let legal = |c: char| c == '_' || c.is_ascii_alphanumeric();
    name != "__name__" && name.chars().all(legal) && name.starts_with(|c: char| !c.is_ascii_digit())
}

struct Reader {
    outbox: Outbox,
    collectors: Collectors,
    batches: Batches,
    interval: Duration,
    health: Part,
}

impl Reader {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick comes at once.
        ticks.tick().await;
        self.read_once().await;
        self.health.ready();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => self.read_once().await,
            }
        }
    }

    async fn read_once(&mut self) {
        let now_ms = unix_ms();
        let readings = self.collectors.read().await;
        if !readings.is_empty() {
            self.outbox.add(self.batches.encode(&readings, now_ms)).await;
        }
    }
}

#[cfg(test)]
mod tests;
