//! Ticks: records without samples that let time pass on idle partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_codec::stored::join;
use tidegate_eventlog::Topic;
use tidegate_model::time::WINDOW_MS;
use tokio_util::sync::CancellationToken;

use crate::{Context, Error};

/// How long after a window's end it is first published.
const DELAY_MS: i64 = 1_000;
/// Longest time between two looks at the partitions.
const LOOK_MS: i64 = 200;
/// Wait after a failed append.
const RETRY: Duration = Duration::from_secs(1);

/// What the consumers know of their partitions.
#[derive(Default)]
pub(crate) struct Pulses {
    by_partition: Mutex<BTreeMap<u16, Pulse>>,
}

struct Pulse {
    /// Append time of the last record read.
    last_append_ms: i64,
    /// Nothing more was in the log.
    read_all: bool,
    /// The moment for which a tick was appended last.
    ticked_ms: i64,
}

impl Pulses {
    /// A fetch was folded; `last_append_ms` is of its last record, if any.
    pub fn seen(&self, partition: u16, last_append_ms: Option<i64>, read_all: bool) {
        let mut pulses = self.by_partition.lock();
        let fresh = Pulse { last_append_ms: i64::MIN, read_all, ticked_ms: i64::MIN };
        let pulse = pulses.entry(partition).or_insert(fresh);
        pulse.read_all = read_all;
        if let Some(last_append_ms) = last_append_ms {
            pulse.last_append_ms = last_append_ms;
        }
    }

    pub fn remove(&self, partition: u16) {
        self.by_partition.lock().remove(&partition);
    }

    /// Partitions that need a tick at `now_ms`: those that have had no record
    /// since the last moment at which windows are published.
    fn due(&self, now_ms: i64) -> Vec<u16> {
        let moment_ms = moment_before(now_ms);
        let pulses = self.by_partition.lock();
        let idle = |pulse: &Pulse| pulse.read_all && !reaches(pulse.last_append_ms, moment_ms, now_ms);
        let untold = |pulse: &Pulse| !reaches(pulse.ticked_ms, moment_ms, now_ms);
        pulses.iter().filter(|(_, pulse)| idle(pulse) && untold(pulse)).map(|(partition, _)| *partition).collect()
    }

    fn ticked(&self, partitions: &[u16], now_ms: i64) {
        let mut pulses = self.by_partition.lock();
        for partition in partitions {
            if let Some(pulse) = pulses.get_mut(partition) {
                pulse.ticked_ms = now_ms;
            }
        }
    }
}

/// The latest window's end + 1 s at or before `now_ms`.
fn moment_before(now_ms: i64) -> i64 {
    (now_ms - DELAY_MS).div_euclid(WINDOW_MS) * WINDOW_MS + DELAY_MS
}

/// Whether something at `time_ms` lies between the moment and now. What lies
/// far ahead does not: the clock was set back.
fn reaches(time_ms: i64, moment_ms: i64, now_ms: i64) -> bool {
    (moment_ms..=now_ms.saturating_add(WINDOW_MS)).contains(&time_ms)
}

pub(crate) struct Ticker {
    context: Arc<Context>,
}

impl Ticker {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    pub async fn run(self, cancel: CancellationToken) -> Result<(), Error> {
        loop {
            let wait = self.tick().await;
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Ticks what is due, all in one append; returns how long to wait.
    async fn tick(&self) -> Duration {
        let context = &self.context;
        let now_ms = context.log.now_ms();
        let due = context.pulses.due(now_ms);
        if !due.is_empty() {
            let tick = join(&[]);
            let records = due.iter().map(|partition| (*partition, tick.clone())).collect();
            match context.log.append(Topic::MetricsRaw, records).await {
                Ok(appended) => {
                    context.pulses.ticked(&due, now_ms);
                    context.metrics.ticks.inc_by(appended.len() as u64);
                }
                Err(error) => {
                    tracing::warn!(%error, "ticks could not be appended");
                    return RETRY;
                }
            }
        }
        let next_ms = moment_before(now_ms) + WINDOW_MS - now_ms;
        Duration::from_millis(next_ms.clamp(1, LOOK_MS) as u64)
    }
}

#[cfg(test)]
mod tests;
