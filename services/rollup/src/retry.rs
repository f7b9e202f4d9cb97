//! Trying again until it works or the target stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_eventlog::LogError;
use tidegate_hotstore::StoreError;
use tidegate_runtime::backoff::{Backoff, Policy};
use tokio_util::sync::CancellationToken;

use crate::{Context, Error};

/// An error of the log or the store.
pub(crate) trait Failure: std::fmt::Display + Into<Error> {
    /// What is not available, when waiting may help.
    fn unavailable(&self) -> Option<&'static str>;
}

impl Failure for StoreError {
    fn unavailable(&self) -> Option<&'static str> {
        matches!(self, Self::Unavailable(_)).then_some("store")
    }
}

impl Failure for LogError {
    fn unavailable(&self) -> Option<&'static str> {
        matches!(self, Self::Unavailable(_) | Self::Overloaded).then_some("log")
    }
}

fn policy() -> Policy {
    Policy { first_ms: 100, max_ms: 5_000, breaker_failures: u32::MAX, jitter: 0.0, ..Policy::default() }
}

/// Tries again on behalf of one partition, whose readiness it keeps honest.
#[derive(Clone)]
pub(crate) struct Retry {
    pub context: Arc<Context>,
    pub partition: u16,
    pub cancel: CancellationToken,
}

impl Retry {
    /// Runs `work` until it succeeds. Once the target stops, a failure is not
    /// waited out any more.
    ///
    /// # Errors
    /// What cannot pass by itself, or [`Error::Stopped`].
    pub async fn run<T, E: Failure, F: Future<Output = Result<T, E>>>(
        &self,
        what: &'static str,
        mut work: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let begin = Instant::now();
        let mut backoff = Backoff::new(policy());
        loop {
            let failure = match work().await {
                Ok(done) => {
                    if backoff.failures() > 0 {
                        tracing::info!(partition = self.partition, what, "available again");
                        self.context.readiness.recovered(self.partition, what);
                    }
                    return Ok(done);
                }
                Err(failure) => failure,
            };
            let Some(unavailable) = failure.unavailable() else { return Err(failure.into()) };
            if self.cancel.is_cancelled() {
                return Err(Error::Stopped);
            }
            self.context.metrics.retries.inc();
            if backoff.failures() == 0 {
                tracing::warn!(partition = self.partition, what, error = %failure, "failed; trying again");
                self.context.readiness.trouble(self.partition, what, unavailable, &failure.to_string());
            }
            let now_ms = begin.elapsed().as_millis() as u64;
            backoff.failed(now_ms, 0.5, None);
            tokio::select! {
                () = self.cancel.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(backoff.wait_ms(now_ms))) => {}
            }
        }
    }
}
