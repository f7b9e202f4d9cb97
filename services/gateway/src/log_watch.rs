//! Whether the log answers, and whether its clock is believable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tidegate_eventlog::{EventLog, Topic};
use tidegate_runtime::Part;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

const PROBE_EVERY: Duration = Duration::from_secs(2);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const LOG_LINE_EVERY: Duration = Duration::from_secs(60);
/// The fold begins a new era when a clock steps back by more than this; a
/// broker that is off by as much is about to cause one.
const MAX_OFFSET_MS: i64 = 60_000;

pub struct LogWatch {
    log: Arc<dyn EventLog>,
    part: Part,
    clock_offset_ms: Arc<AtomicI64>,
    warned: Option<Instant>,
    metrics: Metrics,
}

impl LogWatch {
    pub fn new(log: Arc<dyn EventLog>, part: Part, clock_offset_ms: Arc<AtomicI64>, metrics: Metrics) -> Self {
        Self { log, part, clock_offset_ms, warned: None, metrics }
    }

    /// Keeps the part's readiness until cancelled.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut tick = tokio::time::interval(PROBE_EVERY);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = tick.tick() => self.probe().await,
            }
        }
        self.part.not_ready("stopping");
        Ok(())
    }

    async fn probe(&mut self) {
        match tokio::time::timeout(PROBE_TIMEOUT, self.log.bounds(Topic::MetricsRaw, 0)).await {
            Ok(Ok(_)) => self.check_clock(),
            Ok(Err(error)) => self.part.not_ready(error.to_string()),
            Err(_) => self.part.not_ready(format!("the log did not answer within {} s", PROBE_TIMEOUT.as_secs())),
        }
    }

    fn check_clock(&mut self) {
        let offset_ms = self.clock_offset_ms.load(Ordering::Relaxed);
        if offset_ms.abs() <= MAX_OFFSET_MS {
            self.part.ready();
            return;
        }
        let seconds = offset_ms / 1_000;
        self.part.not_ready(format!("the log's clock is {seconds} s ahead of this machine's"));
        if self.warned.is_none_or(|warned| warned.elapsed() >= LOG_LINE_EVERY) {
            self.warned = Some(Instant::now());
            let offset = self.metrics.clock_offset_seconds.get();
            tracing::warn!(offset_seconds = offset, "the log's clock and this machine's are more than a minute apart");
        }
    }
}

#[cfg(test)]
mod tests;
