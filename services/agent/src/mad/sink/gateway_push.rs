//! `tidegate.GatewayPushSink`: sketches to a gateway, which merges them, so that
//! the fleet's percentiles are those of all samples.
//!
//! A batch is on disk before it is sent and until the gateway has it. It is
//! sent again byte for byte, and the gateway knows it by its session and
//! sequence: neither end can be killed at a moment when something is lost or
//! counted twice.

mod batch;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tidegate_mad::Periodic;
use tidegate_runtime::TaskError;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use self::batch::SketchBatches;
use super::metrics::{Dropped, SinkMetrics};
use super::queue::{Item, Queue};
use super::seldom::Seldom;
use super::task::{Deadline, SinkTask};
use super::{Part, Sink};
use crate::outbox::{Outbox, Sender};
use crate::{BufferConfig, Error, PushConfig, PushError};

/// Results that wait to be put on disk.
const MAX_WAITING: u64 = 200_000;
/// Until the folder is tried again that another sink has, or that cannot be used.
const FOLDER_RETRY: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub struct Options {
    pub push: PushConfig,
    pub buffer: BufferConfig,
    /// Where batches wait. One sink at a time has it: while a pipeline is
    /// started again, the new one waits for the old.
    pub folder: PathBuf,
    /// Results of other periods are of the same samples, and left out.
    pub period_ms: u64,
    pub agent_id: String,
}

pub struct GatewayPush {
    queue: Arc<Queue<Part>>,
    period_ms: u64,
    metrics: SinkMetrics,
    task: SinkTask,
}

impl GatewayPush {
    /// Starts the task. Must be called within a runtime.
    ///
    /// # Errors
    /// When endpoint or tenant cannot be used.
    pub fn start(options: Options, metrics: SinkMetrics, failures: mpsc::Sender<TaskError>) -> Result<Self, PushError> {
        Sender::check(&options.push)?;
        let queue = Arc::new(Queue::new(MAX_WAITING));
        let period_ms = options.period_ms;
        let batches = SketchBatches::new(rand::random(), options.agent_id.clone());
        let writing = (queue.clone(), metrics.clone());
        let task = SinkTask::start("agent-sink-gateway", failures, |deadline, cancel| {
            let (queue, metrics) = writing;
            Writer { options, batches, queue, metrics, deadline }.run(cancel)
        });
        Ok(Self { queue, period_ms, metrics, task })
    }
}

#[async_trait]
impl Sink for GatewayPush {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        let is_ours = |result: &&Periodic| result.period_ms == self.period_ms;
        let ours = results.iter().filter(is_ours).count();
        if ours == 0 {
            return;
        }
        let results =
            if ours == results.len() { results.clone() } else { results.iter().filter(is_ours).cloned().collect() };
        self.metrics.results.inc_by(ours as u64);
        let evicted = self.queue.push(Item { message: Part::whole(&results), results: ours as u64 });
        self.metrics.dropped(Dropped::Evicted, evicted);
        self.metrics.queued_results.set(self.queue.results() as i64);
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.task.close(deadline).await;
    }
}

/// Puts results into the outbox.
struct Writer {
    options: Options,
    batches: SketchBatches,
    queue: Arc<Queue<Part>>,
    metrics: SinkMetrics,
    deadline: Deadline,
}

impl Writer {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Error> {
        let opened = tokio::select! {
            opened = self.open() => Some(opened),
            () = cancel.cancelled() => None,
        };
        let opened = match opened {
            Some(opened) => opened,
            // The one before may let go of the folder any moment.
            None => match timeout_at(self.deadline.instant(), self.open()).await {
                Ok(opened) => opened,
                Err(_) => {
                    self.give_up_the_rest();
                    return Ok(());
                }
            },
        };
        let (_lock, outbox) = opened;
        let sender = Sender::new(outbox.clone(), &self.options.push)?;
        let no_more = CancellationToken::new();
        let writing = async {
            self.write(&outbox, &cancel).await;
            no_more.cancel();
        };
        let ((), sent) = tokio::join!(writing, sender.run(no_more.clone()));
        match sent {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    }

    async fn write(&mut self, outbox: &Outbox, cancel: &CancellationToken) {
        loop {
            self.write_what_waits(outbox).await;
            tokio::select! {
                () = self.queue.added() => {}
                () = cancel.cancelled() => break,
            }
        }
        timeout_at(self.deadline.instant(), self.write_what_waits(outbox)).await.ok();
        self.give_up_the_rest();
    }

    async fn write_what_waits(&mut self, outbox: &Outbox) {
        while let Some(item) = self.queue.pop() {
            self.metrics.queued_results.set(self.queue.results() as i64);
            let encoded = self.batches.encode(item.message.results());
            self.metrics.dropped(Dropped::Unfit, encoded.unfit);
            for batch in encoded.batches {
                outbox.add(batch).await;
            }
            self.metrics.sent_results.inc_by(item.results - encoded.unfit);
        }
    }

    fn give_up_the_rest(&self) {
        self.metrics.dropped(Dropped::Stopped, self.queue.results());
        self.metrics.queued_results.set(0);
    }

    /// Waits until the folder can be used.
    async fn open(&self) -> (File, Outbox) {
        let mut warnings = Seldom::default();
        loop {
            match self.try_open().await {
                Ok(opened) => return opened,
                Err(error) if warnings.may_tell() => {
                    let folder = self.options.folder.display();
                    tracing::warn!(%folder, %error, "the buffer for the gateway cannot be used yet");
                }
                Err(_) => {}
            }
            tokio::time::sleep(FOLDER_RETRY).await;
        }
    }

    async fn try_open(&self) -> Result<(File, Outbox), Error> {
        let folder = self.options.folder.clone();
        let locking = folder.clone();
        let locked = tokio::task::spawn_blocking(move || lock(locking)).await.unwrap_or_else(|error| Err(error.into()));
        let lock = locked.map_err(|source| Error::Buffer { path: folder.clone(), source })?;
        let outbox = Outbox::open(folder, &self.options.buffer, self.metrics.outbox(), None).await?;
        Ok((lock, outbox))
    }
}

/// Holds the folder until the file is closed, by whatever end of the process.
fn lock(folder: PathBuf) -> io::Result<File> {
    std::fs::create_dir_all(&folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
