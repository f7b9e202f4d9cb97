//! Two tasks around the buffer: one reads the host and adds batches, the other
//! sends the oldest until the gateway has it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_runtime::backoff::{Backoff, State};
use tidegate_runtime::{Part, Tasks};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::batch::Batches;
use crate::buffer::{Bounds, Buffer};
use crate::collect::{self, Collectors};
use crate::metrics::{Metrics, Outcome as OutcomeLabel, Reason};
use crate::push::{Client, Outcome};
use crate::{Config, Error};

/// Time to send what waits when the process stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// What both tasks share.
#[derive(Clone)]
struct Shared {
    buffer: Arc<Mutex<Buffer>>,
    added: Arc<Notify>,
    metrics: Metrics,
    health: Part,
}

/// Opens the buffer in `folder` and starts the tasks.
///
/// # Errors
/// See [`crate::build`].
pub async fn start(
    config: Config,
    folder: PathBuf,
    metrics: Metrics,
    health: Part,
    tasks: &mut Tasks,
) -> Result<(), Error> {
    if config.interval_seconds == 0 {
        return Err(Error::Interval);
    }
    let client = Client::new(&config.push)?;
    let batches = batches(&config)?;
    let bounds =
        Bounds { max_bytes: config.buffer.max_bytes, max_age_ms: config.buffer.max_age_seconds.saturating_mul(1_000) };
    let opened = tokio::task::spawn_blocking(move || {
        let buffer = Buffer::open(&folder, bounds);
        buffer.map_err(|source| Error::Buffer { path: folder, source })
    });
    let buffer = opened.await.map_err(|error| Error::Buffer { path: PathBuf::new(), source: error.into() })??;
    let shared = Shared { buffer: Arc::new(Mutex::new(buffer)), added: Arc::default(), metrics, health };

    let interval = Duration::from_secs(config.interval_seconds);
    let collectors = Collectors::new(config.collect, shared.metrics.clone());
    let reader = Reader { shared: shared.clone(), collectors, batches, interval, disk: Disk::Works };
    let sender = Sender { shared, client, backoff: Backoff::new(config.push.backoff), started: Instant::now() };
    tasks.spawn("agent-read", |cancel| reader.run(cancel));
    tasks.spawn("agent-send", |cancel| sender.run(cancel));
    Ok(())
}

fn batches(config: &Config) -> Result<Batches, Error> {
    let host = if config.host.is_empty() { collect::host() } else { config.host.clone() };
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

impl Shared {
    /// Runs `work` on the buffer where waiting for the disk holds nobody up.
    async fn buffer<R: Send + 'static>(&self, work: impl FnOnce(&mut Buffer) -> R + Send + 'static) -> Option<R> {
        let buffer = self.buffer.clone();
        let metrics = self.metrics.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&mut buffer);
            metrics.buffered_batches.set(buffer.batches() as i64);
            metrics.buffered_bytes.set(buffer.size_bytes() as i64);
            result
        });
        done.await.inspect_err(|error| tracing::error!(%error, "the buffer failed")).ok()
    }

    fn dropped(&self, reason: &'static str, batches: u64) {
        if batches > 0 {
            tracing::warn!(reason, batches, "batches are given up");
            self.metrics.dropped_batches.get_or_create(&Reason { reason }).inc_by(batches);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Works,
    Fails,
}

struct Reader {
    shared: Shared,
    collectors: Collectors,
    batches: Batches,
    interval: Duration,
    disk: Disk,
}

impl Reader {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick comes at once.
        ticks.tick().await;
        self.read_once().await;
        self.shared.health.ready();
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
        if readings.is_empty() {
            return;
        }
        let batch = self.batches.encode(&readings, now_ms as i64);
        let Some(added) = self.shared.buffer(move |buffer| buffer.add(batch, now_ms)).await else { return };
        self.shared.dropped("full", added.dropped);
        let disk = if added.disk_error.is_some() { Disk::Fails } else { Disk::Works };
        if let (Some(error), Disk::Works) = (added.disk_error, self.disk) {
            tracing::warn!(%error, "batches wait in memory, as the disk takes none");
        }
        self.disk = disk;
        self.shared.added.notify_one();
    }
}

struct Sender {
    shared: Shared,
    client: Client,
    backoff: Backoff,
    started: Instant,
}

impl Sender {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
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
                self.shared.added.notified().await;
            }
        }
    }

    /// Without waiting: what the gateway does not take now stays on disk.
    async fn send_the_rest(&mut self) {
        while self.backoff.wait_ms(self.now_ms()) == 0 && self.send_oldest().await {}
    }

    /// Whether there was a batch to send.
    async fn send_oldest(&mut self) -> bool {
        let now_ms = unix_ms();
        let found = self.shared.buffer(move |buffer| (buffer.expire(now_ms), buffer.oldest())).await;
        let Some((expired, oldest)) = found else { return false };
        self.shared.dropped("old", expired);
        let Some((index, batch)) = oldest else { return false };
        let outcome = self.client.push(batch).await;
        if self.settle(outcome) == Fate::Done {
            self.shared.buffer(move |buffer| buffer.remove(index)).await;
        }
        true
    }

    fn settle(&mut self, outcome: Outcome) -> Fate {
        let (label, fate) = match outcome {
            Outcome::Stored { rejected_samples, reason } => {
                self.shared.metrics.rejected_samples.inc_by(rejected_samples);
                if let Some(reason) = reason {
                    tracing::warn!(rejected_samples, reason, "the gateway refused some samples");
                }
                self.answered();
                ("stored", Fate::Done)
            }
            Outcome::Refused(reason) => {
                tracing::error!(reason, "the gateway refused a batch for good");
                self.shared.dropped("refused", 1);
                self.answered();
                ("refused", Fate::Done)
            }
            Outcome::Limited { message, retry_after_ms } => {
                tracing::warn!(reason = message, "the gateway wants less");
                self.backoff.limited(self.now_ms(), rand::random(), retry_after_ms);
                ("limited", Fate::SendAgain)
            }
            Outcome::Failed { message, retry_after_ms } => {
                self.failed(&message, retry_after_ms);
                ("failed", Fate::SendAgain)
            }
        };
        self.shared.metrics.pushes.get_or_create(&OutcomeLabel { outcome: label }).inc();
        fate
    }

    fn answered(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(failures = self.backoff.failures(), "the gateway answers again");
        }
        self.backoff.succeeded();
        self.shared.metrics.breaker_open.set(0);
        self.shared.health.ready();
    }

    fn failed(&mut self, message: &str, retry_after_ms: Option<u64>) {
        let now_ms = self.now_ms();
        self.backoff.failed(now_ms, rand::random(), retry_after_ms);
        let wait_ms = self.backoff.wait_ms(now_ms);
        tracing::warn!(error = message, failures = self.backoff.failures(), wait_ms, "a push failed");
        if self.backoff.state(now_ms) != State::Closed {
            self.shared.metrics.breaker_open.set(1);
            self.shared.health.not_ready(format!("the gateway cannot be reached: {message}"));
        }
    }

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// What becomes of a batch after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    SendAgain,
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

#[cfg(test)]
mod tests;
