//! `MetricSeriesLoggingSink`: writes which dimensions each metric came with to
//! `metrics_streams.json`, whenever a result of a later time begins another
//! round.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::emit::json;
use tidegate_mad::{Dimensions, Periodic};
use tidegate_runtime::{TaskError, Tasks};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Sink;
use super::metrics::{Dropped, SinkMetrics};

const FILE: &str = "metrics_streams.json";
/// Results of one time that are remembered.
const MAX_RESULTS: usize = 1_000_000;

type Round = BTreeMap<Box<str>, Vec<Dimensions>>;

pub struct SeriesLog {
    round: Round,
    results: usize,
    latest_ms: i64,
    rounds: mpsc::Sender<Round>,
    metrics: SinkMetrics,
    tasks: Tasks,
}

impl SeriesLog {
    /// Starts the task that writes. `now_ms` is the time that the first result
    /// of a round must be after.
    pub fn start(folder: PathBuf, now_ms: i64, metrics: SinkMetrics, failures: mpsc::Sender<TaskError>) -> Self {
        // While one round is written another may wait; the rounds after are skipped.
        let (rounds, mut receiver) = mpsc::channel::<Round>(1);
        let path = folder.join(FILE);
        let mut tasks = Tasks::new(failures);
        let failed = metrics.failed_sends.clone();
        // Ends when its sender is gone, so that the last round is written.
        tasks.spawn("agent-sink-series", |_| async move {
            while let Some(round) = receiver.recv().await {
                let path = path.clone();
                let written = tokio::task::spawn_blocking(move || std::fs::write(path, print(&round))).await;
                if let Err(error) = written.unwrap_or_else(|error| Err(error.into())) {
                    failed.inc();
                    tracing::error!(%error, "{FILE} cannot be written");
                }
            }
            Ok::<_, Infallible>(())
        });
        Self { round: Round::new(), results: 0, latest_ms: now_ms, rounds, metrics, tasks }
    }
}

#[async_trait]
impl Sink for SeriesLog {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        for result in results.iter() {
            if result.start_ms > self.latest_ms {
                self.latest_ms = result.start_ms;
                self.results = 0;
                self.rounds.try_send(std::mem::take(&mut self.round)).ok();
            }
            if self.results >= MAX_RESULTS {
                self.metrics.dropped(Dropped::Evicted, 1);
                continue;
            }
            self.results += 1;
            match self.round.get_mut(&result.metric) {
                Some(series) => series.push(result.dimensions.clone()),
                None => drop(self.round.insert(result.metric.clone(), vec![result.dimensions.clone()])),
            }
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        let Self { rounds, tasks, .. } = *self;
        drop(rounds);
        tasks.stop(deadline.saturating_duration_since(Instant::now())).await.ok();
    }
}

/// In the layout of Jackson's default pretty printer.
fn print(round: &Round) -> String {
    let mut out = String::new();
    object(&mut out, 0, round.iter().map(|(metric, series)| (&**metric, series)), |out, series| {
        out.push_str("[ ");
        for (index, dimensions) in series.iter().enumerate() {
            out.push_str(if index > 0 { ", " } else { "" });
            object(out, 1, dimensions.iter(), json::text);
        }
        out.push_str(" ]");
    });
    out
}

fn object<'a, V>(
    out: &mut String,
    depth: usize,
    entries: impl Iterator<Item = (&'a str, V)>,
    mut value_of: impl FnMut(&mut String, V),
) {
    let mut is_empty = true;
    out.push('{');
    for (name, value) in entries {
        let comma = if is_empty { "" } else { "," };
        is_empty = false;
        // Writing to a text does not fail.
        write!(out, "{comma}\n{:width$}", "", width = 2 * (depth + 1)).ok();
        json::text(out, name);
        out.push_str(" : ");
        value_of(out, value);
    }
    match is_empty {
        true => out.push_str(" }"),
        false => drop(write!(out, "\n{:width$}}}", "", width = 2 * depth)),
    }
}

#[cfg(test)]
mod tests;
