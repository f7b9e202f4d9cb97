//! Gathers the parts of concurrent requests into one record per partition,
//! appends them, and answers the requests when all is durable.
//!
//! A round takes what has gathered since the round before, and rounds begin at
//! least the configured linger apart, unless there is enough for a full record:
//! a request at a quiet time waits for the log alone, and small requests cost
//! the log no more than a record per partition and linger, however many there
//! are. A round waits for the one before it, unless several may be open; a
//! session has one batch in flight, so order between rounds means nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_codec::stored::merge;
use tidegate_eventlog::{Appended, ClockFn, EventLog, LogError, Topic};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::Error;
use crate::metrics::Metrics;

/// The runtime's timers go off at the next whole millisecond after the time
/// that they are set to; so half a millisecond too late on average.
const TIMER_STEP: Duration = Duration::from_millis(1);

/// What a request may hand in and wait for.
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
}

/// The task that appends.
pub struct Flusher {
    shared: Arc<Shared>,
    clock: ClockFn,
    linger: Duration,
    append_timeout: Duration,
    open_appends: Arc<Semaphore>,
}

struct Shared {
    log: Arc<dyn EventLog>,
    partitions: u16,
    gathering: Mutex<Gathering>,
    /// There is something to take.
    arrived: Notify,
    /// There is enough for a round without further lingering.
    full: Notify,
    in_flight_bytes: AtomicUsize,
    max_in_flight_bytes: usize,
    record_target_bytes: usize,
    /// As configured, or what the log turned out to take.
    max_record_bytes: AtomicUsize,
    /// The log's clock ahead of ours, in ms, as of the last record.
    clock_offset_ms: Arc<AtomicI64>,
    metrics: Metrics,
}

#[derive(Default)]
struct Gathering {
    is_closed: bool,
    bytes: usize,
    waiting: Vec<Waiting>,
}

/// A request.
struct Waiting {
    /// (partition, a record of one part).
    parts: Vec<(u16, Bytes)>,
    bytes: usize,
    answer: oneshot::Sender<Result<(), LogError>>,
}

impl Waiting {
    /// Size of the largest record that holds one of its parts alone.
    fn largest_record_bytes(&self) -> usize {
        largest_record_bytes(&self.parts)
    }
}

fn largest_record_bytes(parts: &[(u16, Bytes)]) -> usize {
    parts.iter().map(|(_, part)| part.len()).max().unwrap_or(0)
}

impl Producer {
    pub fn new(config: &Config, log: Arc<dyn EventLog>, clock: ClockFn, metrics: Metrics) -> (Self, Flusher) {
        let partitions = log.partitions(Topic::MetricsRaw);
        let shared = Arc::new(Shared {
            log,
            partitions,
            gathering: Mutex::new(Gathering::default()),
            arrived: Notify::new(),
            full: Notify::new(),
            in_flight_bytes: AtomicUsize::new(0),
            max_in_flight_bytes: config.max_in_flight_bytes,
            record_target_bytes: config.record_target_bytes,
            max_record_bytes: AtomicUsize::new(config.max_record_bytes),
            clock_offset_ms: Arc::new(AtomicI64::new(0)),
            metrics,
        });
        let flusher = Flusher {
            shared: Arc::clone(&shared),
            clock,
            linger: Duration::from_millis(config.linger_ms),
            append_timeout: Duration::from_millis(config.append_timeout_ms),
            open_appends: Arc::new(Semaphore::new(config.max_open_appends)),
        };
        (Self { shared }, flusher)
    }

    /// The log's clock ahead of ours, in ms.
    pub fn clock_offset(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.shared.clock_offset_ms)
    }

    /// Returns when all parts are durable. A caller that stops waiting does
    /// not take its parts back.
    ///
    /// # Errors
    /// [`Error::PartTooLarge`], [`Error::Unavailable`] when too much is on its
    /// way or the log does not take it; some parts may be stored even then.
    pub async fn submit(&self, parts: Vec<(u16, Bytes)>) -> Result<(), Error> {
        if parts.is_empty() {
            return Ok(());
        }
        self.enqueue(parts)?.await.map_err(|_| stopping())?.map_err(Error::from)
    }

    fn enqueue(&self, parts: Vec<(u16, Bytes)>) -> Result<oneshot::Receiver<Result<(), LogError>>, Error> {
        let shared = &*self.shared;
        let (size_bytes, limit_bytes) = (largest_record_bytes(&parts), shared.max_record_bytes.load(Ordering::Relaxed));
        if size_bytes > limit_bytes {
            return Err(Error::PartTooLarge { size_bytes, limit_bytes });
        }
        // All of a batch or nothing: what is stored of one that is refused
        // comes twice.
        parts.iter().try_for_each(|(partition, _)| shared.log.takes_records(Topic::MetricsRaw, *partition))?;
        let bytes: usize = parts.iter().map(|(_, part)| part.len()).sum();
        let reserve = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= shared.max_in_flight_bytes);
        if shared.in_flight_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve).is_err() {
            return Err(Error::Unavailable("overloaded: too many bytes are on their way to the log".into()));
        }
        shared.metrics.in_flight_bytes.inc_by(bytes as i64);
        let (answer, answered) = oneshot::channel();
        let mut gathering = shared.gathering.lock();
        if gathering.is_closed {
            drop(gathering);
            shared.release(bytes);
            return Err(stopping());
        }
        gathering.bytes += bytes;
        gathering.waiting.push(Waiting { parts, bytes, answer });
        let is_full = gathering.bytes >= shared.record_target_bytes;
        drop(gathering);
        shared.arrived.notify_one();
        if is_full {
            shared.full.notify_one();
        }
        Ok(answered)
    }
}

fn stopping() -> Error {
    Error::Unavailable("the gateway is stopping".into())
}

impl Shared {
    fn release(&self, bytes: usize) {
        self.in_flight_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.metrics.in_flight_bytes.dec_by(bytes as i64);
    }

    /// What has gathered.
    fn take(&self) -> Vec<Waiting> {
        let mut gathering = self.gathering.lock();
        gathering.bytes = 0;
        std::mem::take(&mut gathering.waiting)
    }

    /// The parts of all as records.
    fn records(&self, waiting: &[Waiting]) -> Vec<(u16, Bytes)> {
        let mut by_partition = vec![Vec::new(); usize::from(self.partitions)];
        for (partition, part) in waiting.iter().flat_map(|waiting| &waiting.parts) {
            if let Some(parts) = by_partition.get_mut(usize::from(*partition)) {
                parts.push(part.clone());
            }
        }
        let mut records = Vec::new();
        for (partition, parts) in by_partition.iter().enumerate() {
            self.pack(partition as u16, parts, &mut records);
        }
        records
    }

    /// Parts in order into records no larger than wanted; a part that is
    /// larger by itself has a record for itself.
    fn pack(&self, partition: u16, mut parts: &[Bytes], records: &mut Vec<(u16, Bytes)>) {
        let target_bytes = self.record_target_bytes.min(self.max_record_bytes.load(Ordering::Relaxed));
        while !parts.is_empty() {
            let mut size = 0;
            let fits = parts.iter().take_while(|part| {
                size += part.len();
                size <= target_bytes
            });
            let (now, later) = parts.split_at(fits.count().max(1));
            records.push((partition, merge(now)));
            self.metrics.record_parts.inc_by(now.len() as u64);
            parts = later;
        }
    }
}

impl Flusher {
    /// Appends until cancelled, then whatever has gathered by then.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut open = JoinSet::new();
        let mut next_round = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = self.shared.arrived.notified() => {}
            }
            while open.try_join_next().is_some() {}
            if Instant::now() < next_round {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = self.shared.full.notified() => {}
                    () = tokio::time::sleep_until(next_round) => {}
                }
            }
            next_round = Instant::now() + self.linger.saturating_sub(TIMER_STEP / 2);
            self.round(&mut open).await;
        }
        self.shared.gathering.lock().is_closed = true;
        self.round(&mut open).await;
        while open.join_next().await.is_some() {}
        Ok(())
    }

    async fn round(&self, open: &mut JoinSet<()>) {
        let Ok(permit) = Arc::clone(&self.open_appends).acquire_owned().await else { return };
        let waiting = self.shared.take();
        if waiting.is_empty() {
            return;
        }
        let append =
            Append { shared: Arc::clone(&self.shared), clock: Arc::clone(&self.clock), timeout: self.append_timeout };
        open.spawn(async move {
            append.run(waiting).await;
            drop(permit);
        });
    }
}

/// One call to the log.
struct Append {
    shared: Arc<Shared>,
    clock: ClockFn,
    timeout: Duration,
}

impl Append {
    async fn run(self, mut waiting: Vec<Waiting>) {
        let mut result = self.append(&waiting).await;
        // The log takes less than the configuration says: only those that do
        // not fit by themselves fail. Some records may be stored already; the
        // fold knows their batches when they come again.
        let mut known_limit_bytes = usize::MAX;
        while let Err(LogError::TooLarge { limit_bytes, .. }) = result
            && limit_bytes < known_limit_bytes
        {
            known_limit_bytes = limit_bytes;
            self.shared.max_record_bytes.fetch_min(limit_bytes, Ordering::Relaxed);
            tracing::warn!(limit_bytes, "the log takes smaller records than gateway.max_record_bytes");
            let fits = |waiting: &Waiting| waiting.largest_record_bytes() <= limit_bytes;
            let (fitting, too_large): (Vec<_>, Vec<_>) = waiting.into_iter().partition(fits);
            for one in too_large {
                let size_bytes = one.largest_record_bytes();
                self.answer(vec![one], &Err(LogError::TooLarge { size_bytes, limit_bytes }));
            }
            waiting = fitting;
            result = self.append(&waiting).await;
        }
        if let Err(error) = &result {
            tracing::warn!(%error, requests = waiting.len(), "the log did not take a batch");
        }
        self.answer(waiting, &result);
    }

    fn answer(&self, waiting: Vec<Waiting>, result: &Result<(), LogError>) {
        for Waiting { bytes, answer, .. } in waiting {
            self.shared.release(bytes);
            // Whoever no longer waits will send the batch again.
            answer.send(result.clone()).ok();
        }
    }

    async fn append(&self, waiting: &[Waiting]) -> Result<(), LogError> {
        let records = self.shared.records(waiting);
        if records.is_empty() {
            return Ok(());
        }
        let metrics = &self.shared.metrics;
        metrics.records.inc_by(records.len() as u64);
        metrics.record_bytes.inc_by(records.iter().map(|(_, record)| record.len() as u64).sum());
        let started = Instant::now();
        let appended = tokio::time::timeout(self.timeout, self.shared.log.append(Topic::MetricsRaw, records)).await;
        metrics.append_seconds.observe(started.elapsed().as_secs_f64());
        match appended {
            Ok(Ok(appended)) => {
                self.note_clock(&appended);
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LogError::Unavailable(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    fn note_clock(&self, appended: &[Appended]) {
        if let Some(last) = appended.last() {
            let offset_ms = last.append_time_ms.saturating_sub((self.clock)());
            self.shared.clock_offset_ms.store(offset_ms, Ordering::Relaxed);
            self.shared.metrics.clock_offset_seconds.set(offset_ms as f64 / 1_000.0);
        }
    }
}

#[cfg(test)]
mod tests;
