//! The end of an outbox where batches go out, one at a time: a gateway tells
//! one that comes again by its place in its session.

use std::convert::Infallible;
use std::time::Duration;

use tidegate_runtime::backoff::{Backoff, State};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Outbox;
use crate::clock::unix_ms;
use crate::push::{Client, Outcome};
use crate::{PushConfig, PushError};

/// Time to send what waits when the process stops.
const FAREWELL: Duration = Duration::from_secs(3);

pub struct Sender {
    outbox: Outbox,
    client: Client,
    backoff: Backoff,
    started: Instant,
}

/// What becomes of a batch after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    SendAgain,
}

impl Sender {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// When endpoint or tenant cannot be used.
    pub fn new(outbox: Outbox, config: &PushConfig) -> Result<Self, PushError> {
        let client = Client::new(config)?;
        Ok(Self { outbox, client, backoff: Backoff::new(config.backoff.clone()), started: Instant::now() })
    }

    /// Whether [`Sender::new`] would take the configuration. Must be called
    /// within a runtime.
    ///
    /// # Errors
    /// When endpoint or tenant cannot be used.
    pub fn check(config: &PushConfig) -> Result<(), PushError> {
        Client::new(config).map(drop)
    }

    /// Sends until cancelled, and then for a moment what still waits.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        // A push cut off here is sent again below; the gateway knows the batch.
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.send_for_ever() => {}
        }
        tokio::time::timeout(FAREWELL, self.send_the_rest()).await.ok();
        Ok(())
    }

    async fn send_for_ever(&mut self) {
        loop {
            tokio::time::sleep(Duration::from_millis(self.backoff.wait_ms(self.now_ms()))).await;
            if !self.send_oldest().await {
                self.outbox.added.notified().await;
            }
        }
    }

    /// Without waiting: what the gateway does not take now stays on disk.
    async fn send_the_rest(&mut self) {
        while self.backoff.wait_ms(self.now_ms()) == 0 && self.send_oldest().await {}
    }

    /// Whether there was a batch to send.
    async fn send_oldest(&mut self) -> bool {
        let now_ms = unix_ms().unsigned_abs();
        let found = self.outbox.buffer(move |buffer| (buffer.expire(now_ms), buffer.oldest())).await;
        let Some((expired, oldest)) = found else { return false };
        self.outbox.dropped("old", &self.outbox.metrics.dropped_old, expired);
        let Some((index, batch)) = oldest else { return false };
        let outcome = self.client.push(batch).await;
        if self.settle(outcome) == Fate::Done {
            self.outbox.buffer(move |buffer| buffer.remove(index)).await;
        }
        true
    }

    fn settle(&mut self, outcome: Outcome) -> Fate {
        let metrics = &self.outbox.metrics;
        match outcome {
            Outcome::Stored { rejected_samples, reason } => {
                metrics.stored.inc();
                metrics.rejected_samples.inc_by(rejected_samples);
                if let Some(reason) = reason {
                    tracing::warn!(rejected_samples, reason, "the gateway refused some samples");
                }
                self.answered();
                Fate::Done
            }
            Outcome::Refused(reason) => {
                metrics.refused.inc();
                tracing::error!(reason, "the gateway refused a batch for good");
                self.outbox.dropped("refused", &metrics.dropped_refused, 1);
                self.answered();
                Fate::Done
            }
            Outcome::Limited { message, retry_after_ms } => {
                metrics.limited.inc();
                tracing::warn!(reason = message, "the gateway wants less");
                self.backoff.limited(self.now_ms(), rand::random(), retry_after_ms);
                Fate::SendAgain
            }
            Outcome::Failed { message, retry_after_ms } => {
                metrics.failed.inc();
                self.failed(&message, retry_after_ms);
                Fate::SendAgain
            }
        }
    }

    fn answered(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(failures = self.backoff.failures(), "the gateway answers again");
        }
        self.backoff.succeeded();
        self.outbox.metrics.breaker_open.set(0);
        if let Some(health) = &self.outbox.health {
            health.ready();
        }
    }

    fn failed(&mut self, message: &str, retry_after_ms: Option<u64>) {
        let now_ms = self.now_ms();
        self.backoff.failed(now_ms, rand::random(), retry_after_ms);
        let wait_ms = self.backoff.wait_ms(now_ms);
        tracing::warn!(error = message, failures = self.backoff.failures(), wait_ms, "a push failed");
        if self.backoff.state(now_ms) != State::Closed {
            self.outbox.metrics.breaker_open.set(1);
            if let Some(health) = &self.outbox.health {
                health.not_ready(format!("the gateway cannot be reached: {message}"));
            }
        }
    }

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}
