//! Carries what sinks hand over to the other side: in order, several sends at
//! once if asked for, again after failures, with a back-off that doubles and a
//! breaker that probes. One task a sink.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tidegate_runtime::TaskError;
use tidegate_runtime::backoff::{Backoff, Policy, State};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::metrics::{Dropped, SinkMetrics};
use super::queue::{Item, Queue};
use super::task::{Deadline, SinkTask};

/// How a send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    /// The other side is well and does not want it, now or later.
    Refused(String),
    /// Not known to have arrived; to be sent again.
    Failed {
        message: String,
        retry_after_ms: Option<u64>,
    },
}

/// The way to the other side.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    type Message: Send + Sync + 'static;

    async fn send(&self, message: &Self::Message) -> Outcome;
}

#[derive(Clone, Debug)]
pub struct Options {
    pub max_concurrency: usize,
    /// Results that wait at most.
    pub max_queue: u64,
    /// Wait before sending what comes to an empty queue, so that hosts whose
    /// periods end together do not all send at once.
    pub spread: Duration,
    pub backoff: Policy,
}

/// The end where messages go in.
pub struct Delivery<M> {
    queue: Arc<Queue<M>>,
    metrics: SinkMetrics,
    task: SinkTask,
}

impl<M: Send + Sync + 'static> Delivery<M> {
    /// Starts the task. Must be called within a runtime.
    pub fn start<T: Transport<Message = M>>(
        transport: T,
        options: Options,
        metrics: SinkMetrics,
        failures: mpsc::Sender<TaskError>,
    ) -> Self {
        let queue = Arc::new(Queue::new(options.max_queue));
        let worker = Worker {
            queue: queue.clone(),
            transport: Arc::new(transport),
            backoff: Backoff::new(options.backoff),
            max_concurrency: options.max_concurrency.max(1),
            spread: options.spread,
            metrics: metrics.clone(),
            started: Instant::now(),
            results_in_flight: 0,
        };
        let task = SinkTask::start("agent-sink", failures, |deadline, cancel| worker.run(deadline, cancel));
        Self { queue, metrics, task }
    }

    /// Queues a message that holds so many results.
    pub fn send(&self, message: M, results: u64) {
        let evicted = self.queue.push(Item { message, results });
        self.metrics.queued_results.set(self.queue.results() as i64);
        self.metrics.dropped(Dropped::Evicted, evicted);
    }

    /// Sends what waits until the deadline; the rest is dropped and counted.
    pub async fn close(self, deadline: Instant) {
        self.task.close(deadline).await;
    }
}

struct Worker<T: Transport> {
    queue: Arc<Queue<T::Message>>,
    transport: Arc<T>,
    backoff: Backoff,
    max_concurrency: usize,
    spread: Duration,
    metrics: SinkMetrics,
    started: Instant,
    results_in_flight: u64,
}

struct Sent<M> {
    item: Item<M>,
    outcome: Outcome,
}

type InFlight<M> = FuturesUnordered<BoxFuture<'static, Sent<M>>>;

impl<T: Transport> Worker<T> {
    async fn run(mut self, deadline: Deadline, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut in_flight = InFlight::new();
        tokio::select! {
            () = cancel.cancelled() => {}
            never = self.send_for_ever(&mut in_flight) => match never {},
        }
        tokio::time::timeout_at(deadline.instant(), self.send_the_rest(&mut in_flight)).await.ok();
        self.metrics.sends_in_flight.set(0);
        let mut left = self.results_in_flight;
        left += self.queue.results();
        self.metrics.queued_results.set(0);
        self.metrics.dropped(Dropped::Stopped, left);
        Ok(())
    }

    async fn send_for_ever(&mut self, in_flight: &mut InFlight<T::Message>) -> Infallible {
        let mut not_before = Instant::now();
        loop {
            not_before = not_before.max(self.backoff_ends());
            let held_back = Instant::now() < not_before;
            if !held_back {
                self.fill(in_flight);
            }
            let idle = in_flight.len() < self.limit() && !held_back;
            tokio::select! {
                Some(sent) = in_flight.next() => self.settle(sent),
                () = self.queue.added(), if idle => {
                    if !self.spread.is_zero() && !self.queue.is_empty() {
                        not_before = Instant::now() + self.spread;
                    }
                }
                () = tokio::time::sleep_until(not_before), if held_back => {}
            }
        }
    }

    /// Until nothing is left to send.
    async fn send_the_rest(&mut self, in_flight: &mut InFlight<T::Message>) {
        loop {
            tokio::time::sleep_until(self.backoff_ends()).await;
            self.fill(in_flight);
            match in_flight.next().await {
                Some(sent) => self.settle(sent),
                None => return,
            }
        }
    }

    fn fill(&mut self, in_flight: &mut InFlight<T::Message>) {
        while in_flight.len() < self.limit() {
            let Some(item) = self.queue.pop() else { return };
            self.metrics.queued_results.set(self.queue.results() as i64);
            self.metrics.sends_in_flight.inc();
            self.results_in_flight += item.results;
            let (transport, seconds) = (self.transport.clone(), self.metrics.send.clone());
            in_flight.push(Box::pin(async move {
                let began = Instant::now();
                let outcome = transport.send(&item.message).await;
                seconds.observe(began.elapsed().as_secs_f64());
                Sent { item, outcome }
            }));
        }
    }

    /// After a failure one send at a time finds out how things are.
    fn limit(&self) -> usize {
        if self.backoff.failures() > 0 { 1 } else { self.max_concurrency }
    }

    fn settle(&mut self, sent: Sent<T::Message>) {
        let Sent { item, outcome } = sent;
        self.metrics.sends_in_flight.dec();
        self.results_in_flight -= item.results;
        match outcome {
            Outcome::Taken => {
                self.metrics.sent_results.inc_by(item.results);
                self.answered();
            }
            Outcome::Refused(reason) => {
                tracing::warn!(reason, results = item.results, "results are refused for good");
                self.metrics.dropped(Dropped::Refused, item.results);
                self.answered();
            }
            Outcome::Failed { message, retry_after_ms } => {
                self.metrics.failed_sends.inc();
                self.failed(&message, retry_after_ms);
                self.metrics.dropped(Dropped::Evicted, self.queue.put_back(item));
                self.metrics.queued_results.set(self.queue.results() as i64);
            }
        }
    }

    fn answered(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(failures = self.backoff.failures(), "the other side of a sink answers again");
        }
        self.backoff.succeeded();
        self.metrics.breaker_open.set(0);
    }

    fn failed(&mut self, message: &str, retry_after_ms: Option<u64>) {
        let now_ms = self.now_ms();
        self.backoff.failed(now_ms, rand::random(), retry_after_ms);
        let wait_ms = self.backoff.wait_ms(now_ms);
        tracing::warn!(error = message, failures = self.backoff.failures(), wait_ms, "a send failed");
        if self.backoff.state(now_ms) != State::Closed {
            self.metrics.breaker_open.set(1);
        }
    }

    fn backoff_ends(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.backoff.wait_ms(self.now_ms()))
    }

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

#[cfg(test)]
mod tests;
