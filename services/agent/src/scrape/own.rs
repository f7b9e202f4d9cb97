//! This process's own metrics, without the way over a port.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_runtime::Tasks;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::batch::Describe;
use super::destination::Destination;
use super::page::{Format, parse};
use super::series::{Point, Scraped};
use crate::clock::unix_ms;

/// What becomes of the metrics of the process that the agent runs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnMetrics {
    /// They are pushed as those of the host are, with the label `job="tidegate"`.
    #[default]
    Push,
    /// They are at `/metrics` only.
    None,
}

/// The process's registry, once everything has registered with it.
pub type OwnRegistry = Arc<OnceLock<Arc<Registry>>>;

/// The label `job`.
const JOB: &str = "tidegate";
const DESCRIBE_EVERY: u64 = 60;

/// Pushes what `registry` has, as soon as it has something. `host` is the label
/// `instance`.
pub fn start(
    registry: OwnRegistry,
    host: String,
    interval: Duration,
    destination: impl Destination,
    tasks: &mut Tasks,
) {
    tasks.spawn("agent-own-metrics", |cancel| run(registry, host, interval, destination, cancel));
}

async fn run(
    registry: OwnRegistry,
    host: String,
    interval: Duration,
    destination: impl Destination,
    cancel: CancellationToken,
) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut pushes = 0u64;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let Some(registry) = registry.get() else { continue };
        let describe = if pushes.is_multiple_of(DESCRIBE_EVERY) { Describe::Families } else { Describe::Nothing };
        pushes += 1;
        destination.hand_on(&read(registry, &host, unix_ms()), describe).await;
    }
}

fn read(registry: &Registry, host: &str, now_ms: i64) -> Scraped {
    let mut text = String::new();
    if let Err(error) = text::encode(&mut text, registry) {
        tracing::error!(%error, "own metrics cannot be written");
        return Scraped::default();
    }
    match parse(&text, Format::OpenMetrics) {
        Ok(page) => {
            let points = page.samples.into_iter().map(|sample| {
                let mut labels = sample.labels;
                labels.entry("job".to_owned()).or_insert_with(|| JOB.to_owned());
                labels.entry("instance".to_owned()).or_insert_with(|| host.to_owned());
                Point { labels, value: sample.value, timestamp_ms: now_ms }
            });
            Scraped { points: points.collect(), families: page.families }
        }
        Err(error) => {
            tracing::error!(%error, "own metrics cannot be read");
            Scraped::default()
        }
    }
}

#[cfg(test)]
mod tests;
