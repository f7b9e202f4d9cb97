//! The task around an aggregator: adds what comes, closes buckets in time, and
//! leaves none open when it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tidegate_mad::aggregate::{Aggregator, Counts};
use tidegate_mad::{Periodic, Record};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::PipelineMetrics;
use crate::mad::sink::Sink;

/// Time for all sinks to hand on what waits when the pipeline ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// Batches taken in before it is looked whether a bucket is due.
const BATCHES: usize = 16;
/// Results handed to the sinks together: they encode them before the next are made.
const PORTION: usize = 1_000;
/// After that long the clock is looked at again: it may have been set.
const MAX_SLEEP: Duration = Duration::from_secs(1);

pub struct Task {
    aggregator: Aggregator,
    batches: mpsc::Receiver<Vec<Record>>,
    sinks: Vec<Box<dyn Sink>>,
    metrics: PipelineMetrics,
    counted: Counts,
}

impl Task {
    pub fn new(
        aggregator: Aggregator,
        batches: mpsc::Receiver<Vec<Record>>,
        sinks: Vec<Box<dyn Sink>>,
        metrics: PipelineMetrics,
    ) -> Self {
        Self { aggregator, batches, sinks, metrics, counted: Counts::default() }
    }

    pub async fn run(mut self, cancel: CancellationToken, clock: impl Fn() -> i64 + Send) -> Result<(), Infallible> {
        let mut received = Vec::with_capacity(BATCHES);
        loop {
            let wait = self.wait(clock());
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                count = self.batches.recv_many(&mut received, BATCHES) => {
                    if count == 0 {
                        break;
                    }
                    self.add(&mut received, clock());
                }
                () = tokio::time::sleep(wait) => {}
            }
            self.close_due(clock());
            self.count();
        }
        self.end(received, clock()).await;
        Ok(())
    }

    /// Time until something is due.
    fn wait(&self, now_ms: i64) -> Duration {
        let due_ms = self.aggregator.next_due_ms().unwrap_or(i64::MAX);
        Duration::from_millis(due_ms.saturating_sub(now_ms).max(0) as u64).min(MAX_SLEEP)
    }

    fn add(&mut self, batches: &mut Vec<Vec<Record>>, now_ms: i64) {
        for record in batches.drain(..).flatten() {
            self.aggregator.add(record, now_ms);
        }
    }

    fn close_due(&mut self, now_ms: i64) {
        loop {
            let results = self.aggregator.close_due(now_ms, PORTION);
            if results.is_empty() {
                return;
            }
            self.emit(results);
        }
    }

    fn emit(&mut self, results: Vec<Periodic>) {
        self.metrics.results.inc_by(results.len() as u64);
        let results: Arc<[Periodic]> = results.into();
        for sink in &mut self.sinks {
            sink.take(&results);
        }
    }

    /// Tells what the aggregator has counted since the last time.
    fn count(&mut self) {
        let counts = self.aggregator.counts();
        let before = std::mem::replace(&mut self.counted, counts);
        self.metrics.samples.inc_by(counts.samples - before.samples);
        self.metrics.refused_units.inc_by(counts.refused_units - before.refused_units);
        self.metrics.refused_series.inc_by(counts.refused_series - before.refused_series);
        self.metrics.refused_open.inc_by(counts.refused_open - before.refused_open);
        self.metrics.series.set(self.aggregator.series() as i64);
        self.metrics.open.set(self.aggregator.open() as i64);
    }

    async fn end(mut self, mut received: Vec<Vec<Record>>, now_ms: i64) {
        self.batches.close();
        self.add(&mut received, now_ms);
        while let Some(batch) = self.batches.recv().await {
            received.push(batch);
            self.add(&mut received, now_ms);
        }
        loop {
            let results = self.aggregator.flush(PORTION);
            if results.is_empty() {
                break;
            }
            self.emit(results);
        }
        self.count();
        self.metrics.series.set(0);
        let deadline = Instant::now() + FAREWELL;
        let mut closing = JoinSet::new();
        for sink in std::mem::take(&mut self.sinks) {
            closing.spawn(sink.close(deadline));
        }
        while let Some(closed) = closing.join_next().await {
            if let Err(error) = closed {
                tracing::error!(%error, "a sink failed while it was closed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
