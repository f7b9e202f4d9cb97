//! `AggregationServerSink`: frames over one TCP connection, with a heartbeat
//! every 15 s. The server answers nothing: what it had not read when the
//! connection broke is lost, as with the Java daemon.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tidegate_mad::emit::aggregation::{heartbeat, statistic_set};
use tidegate_runtime::TaskError;
use tidegate_runtime::backoff::{Backoff, Policy, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::metrics::{Dropped, SinkMetrics};
use super::queue::{Item, Queue};
use super::task::{Deadline, SinkTask};
use super::{One, Sink, each_demanded};
use crate::clock::unix_ms;

/// Between two heartbeats.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that does not read for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The waits of the house when the base is Java's default of 500 ms.
pub fn policy(base_ms: u32) -> Policy {
    let base_ms = u64::from(base_ms.max(1));
    Policy { first_ms: 2 * base_ms, max_ms: 32 * base_ms, probe_ms: 60 * base_ms, ..Policy::default() }
}

pub struct AggregationTcp {
    queue: Arc<Queue<One>>,
    metrics: SinkMetrics,
    task: SinkTask,
}

impl AggregationTcp {
    /// Starts the task. Must be called within a runtime.
    pub fn start(
        address: (String, u16),
        max_queue: u64,
        policy: Policy,
        heartbeat: Duration,
        metrics: SinkMetrics,
        failures: mpsc::Sender<TaskError>,
    ) -> Self {
        let queue = Arc::new(Queue::new(max_queue.max(1)));
        let connection = Connection {
            address,
            queue: queue.clone(),
            backoff: Backoff::new(policy),
            heartbeat,
            metrics: metrics.clone(),
            started: Instant::now(),
            writing: None,
        };
        let task = SinkTask::start("agent-sink-tcp", failures, |deadline, cancel| connection.run(deadline, cancel));
        Self { queue, metrics, task }
    }
}

#[async_trait]
impl Sink for AggregationTcp {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        each_demanded(results, &self.metrics, |message| {
            let evicted = self.queue.push(Item { message, results: 1 });
            self.metrics.dropped(Dropped::Evicted, evicted);
        });
        self.metrics.queued_results.set(self.queue.results() as i64);
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.task.close(deadline).await;
    }
}

struct Connection {
    address: (String, u16),
    queue: Arc<Queue<One>>,
    backoff: Backoff,
    heartbeat: Duration,
    metrics: SinkMetrics,
    started: Instant,
    /// What is being written, until it is.
    writing: Option<Item<One>>,
}

impl Connection {
    async fn run(mut self, deadline: Deadline, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut stream = None;
        tokio::select! {
            () = cancel.cancelled() => {}
            never = self.send_for_ever(&mut stream) => match never {},
        }
        if let Some(item) = self.writing.take() {
            // Half a frame cannot be taken back: another connection begins anew.
            stream = None;
            self.metrics.dropped(Dropped::Evicted, self.queue.put_back(item));
        }
        timeout_at(deadline.instant(), self.send_the_rest(stream)).await.ok();
        let cut_off = self.writing.map_or(0, |item| item.results);
        self.metrics.dropped(Dropped::Stopped, self.queue.results() + cut_off);
        self.metrics.queued_results.set(0);
        Ok(())
    }

    /// The connection is the caller's, so that it outlives the call.
    async fn send_for_ever(&mut self, stream: &mut Option<TcpStream>) -> Infallible {
        loop {
            tokio::time::sleep(Duration::from_millis(self.backoff.wait_ms(self.now_ms()))).await;
            let result = match stream {
                Some(open) => self.serve(open).await,
                None => self.connect().await.map(|connected| *stream = Some(connected)),
            };
            if let Err(error) = result {
                *stream = None;
                self.failed(&error);
            }
        }
    }

    async fn send_the_rest(&mut self, stream: Option<TcpStream>) {
        if self.queue.is_empty() {
            return;
        }
        let connected = match stream {
            Some(stream) => Ok(stream),
            None => self.connect().await,
        };
        let sent = async {
            let mut stream = connected?;
            while let Some(item) = self.queue.pop() {
                self.write(&mut stream, item).await?;
            }
            stream.shutdown().await
        };
        if let Err(error) = sent.await {
            tracing::warn!(%error, "an aggregation server did not get the rest");
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Sends what comes until the connection breaks.
    async fn serve(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut heartbeats = tokio::time::interval_at(Instant::now() + self.heartbeat, self.heartbeat);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ignored = [0; 256];
        loop {
            while let Some(item) = self.queue.pop() {
                self.write(stream, item).await?;
            }
            tokio::select! {
                () = self.queue.added() => {}
                _ = heartbeats.tick() => {
                    write_all(stream, &heartbeat(unix_ms())).await?;
                    self.answered();
                }
                read = stream.read(&mut ignored) => if read? == 0 {
                    return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the server closed the connection"));
                }
            }
        }
    }

    async fn write(&mut self, stream: &mut TcpStream, item: Item<One>) -> io::Result<()> {
        self.metrics.queued_results.set(self.queue.results() as i64);
        // What lacks a dimension was not queued.
        let Ok(frame) = statistic_set(item.message.result()) else { return Ok(()) };
        let began = Instant::now();
        self.writing = Some(item);
        let written = write_all(stream, &frame).await;
        self.metrics.send.observe(began.elapsed().as_secs_f64());
        match (&written, self.writing.take()) {
            (Err(_), Some(item)) => self.metrics.dropped(Dropped::Evicted, self.queue.put_back(item)),
            _ => {
                self.metrics.sent_results.inc();
                self.answered();
            }
        }
        written
    }

    fn answered(&mut self) {
        if self.backoff.failures() > 0 {
            tracing::info!(failures = self.backoff.failures(), "an aggregation server is connected again");
        }
        self.backoff.succeeded();
        self.metrics.breaker_open.set(0);
    }

    fn failed(&mut self, error: &io::Error) {
        self.metrics.failed_sends.inc();
        let now_ms = self.now_ms();
        self.backoff.failed(now_ms, rand::random(), None);
        let (host, port) = &self.address;
        let wait_ms = self.backoff.wait_ms(now_ms);
        tracing::warn!(%error, host, port, failures = self.backoff.failures(), wait_ms, "no aggregation server");
        if self.backoff.state(now_ms) != State::Closed {
            self.metrics.breaker_open.set(1);
        }
    }

    /// Milliseconds of a clock that does not go back.
    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

async fn write_all(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await?
}

#[cfg(test)]
mod tests;
