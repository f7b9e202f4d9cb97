//! One partition: from the log through the fold to live windows and jobs for
//! the flusher.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_eventlog::{Fetched, LogError, Topic};
use tidegate_fold::Fold;
use tidegate_model::SourceId;
use tidegate_model::time::{MINUTE_MS, day_of};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::flush::{Flusher, Job};
use crate::intake::Intake;
use crate::live::{Live, Reach};
use crate::metrics;
use crate::retry::Retry;
use crate::take_over::take_over;
use crate::{Context, Error};

/// Jobs that may wait for the flusher before reading pauses: two minutes of a
/// partition that keeps up.
const WAITING_JOBS: usize = 2;
/// Samples between two points where other tasks get their turn.
const SLICE_SAMPLES: u64 = 10_000;

/// Consumes a partition until cancelled.
///
/// # Errors
/// What cannot pass by itself.
pub(crate) async fn run(context: Arc<Context>, partition: u16, cancel: CancellationToken) -> Result<(), Error> {
    match consume(context, partition, cancel).await {
        Err(Error::Stopped) => Ok(()),
        other => other,
    }
}

async fn consume(context: Arc<Context>, partition: u16, cancel: CancellationToken) -> Result<(), Error> {
    let retry = Retry { context: context.clone(), partition, cancel: cancel.clone() };
    let taken = Box::pin(take_over(&retry)).await?;
    let source = taken.fold.source();
    let (jobs, waiting) = mpsc::channel(WAITING_JOBS);
    let flusher = Flusher::new(retry.clone(), source, waiting);
    let mut consumer = Consumer {
        saved_minute: save_minute(&taken.fold),
        fold: taken.fold,
        source,
        intake: Intake::new(taken.registry),
        live: Live::new(),
        due_since_ms: None,
        jobs,
        caught_up_at: taken.log_end,
        caught_up: false,
        read_all: false,
        reads: reads(&retry.context),
        retry,
    };
    let consuming = async move { consumer.run().await };
    let flushing = async {
        let result = flusher.run().await;
        if result.is_err() {
            cancel.cancel();
        }
        result
    };
    // Both run to their end: what was handed over is stored before we stop.
    let (consumed, flushed) = tokio::join!(Box::pin(consuming), Box::pin(flushing));
    flushed.and(consumed)
}

struct Consumer {
    retry: Retry,
    source: SourceId,
    fold: Fold,
    intake: Intake,
    live: Live,
    /// Append time of the record that made what waits for publication due.
    due_since_ms: Option<i64>,
    jobs: mpsc::Sender<Job>,
    /// Minute of the effective time for which progress was saved last.
    saved_minute: i64,
    /// Offset up to which the log was filled at the take-over.
    caught_up_at: u64,
    caught_up: bool,
    /// The last read left nothing in the log.
    read_all: bool,
    /// The moments at which a partition that keeps up reads.
    reads: Option<Interval>,
}

fn reads(context: &Context) -> Option<Interval> {
    let every = Duration::from_millis(context.config.read_every_ms);
    let mut reads = (!every.is_zero()).then(|| interval_at(context.began, every))?;
    reads.set_missed_tick_behavior(MissedTickBehavior::Skip);
    Some(reads)
}

/// Progress is saved whenever something closed, and on quiet partitions once a
/// minute, at the time when minutes close.
fn save_minute(fold: &Fold) -> i64 {
    (fold.clock().effective_ms - 10_000).div_euclid(MINUTE_MS)
}

impl Consumer {
    async fn run(&mut self) -> Result<(), Error> {
        let cancel = self.retry.cancel.clone();
        self.note_position(self.caught_up_at);
        loop {
            let fetched = tokio::select! {
                () = cancel.cancelled() => break,
                fetched = self.next() => fetched?,
            };
            match fetched {
                Some(fetched) => self.fold_all(fetched, &cancel).await?,
                None => continue,
            }
        }
        self.settle().await?;
        self.hand_over().await
    }

    /// As `fetch`, in the partition's turn.
    async fn next(&mut self) -> Result<Option<Fetched>, Error> {
        if let Some(reads) = self.reads.as_mut().filter(|_| self.read_all) {
            reads.tick().await;
        }
        self.fetch().await
    }

    /// The next records; `None` after a gap.
    async fn fetch(&mut self) -> Result<Option<Fetched>, Error> {
        let (from, partition) = (self.fold.next_offset(), self.source.partition);
        let context = self.retry.context.clone();
        let (max_bytes, max_wait) =
            (context.config.fetch_max_bytes, Duration::from_millis(context.config.fetch_wait_ms));
        let fetched = self
            .retry
            .run("reading the log", || context.log.fetch(Topic::MetricsRaw, partition, from, max_bytes, max_wait))
            .await;
        match fetched {
            Err(Error::Log(LogError::OutOfRange { from, bounds })) if from < bounds.start => {
                crate::take_over::note_gap(&context, &mut self.fold, bounds.start - from);
                Ok(None)
            }
            Err(Error::Log(LogError::OutOfRange { from, bounds })) => {
                Err(Error::LogBehind { partition, needed: from, end: bounds.end })
            }
            other => other.map(Some),
        }
    }

    async fn fold_all(&mut self, fetched: Fetched, cancel: &CancellationToken) -> Result<(), Error> {
        let mut since_yield = 0;
        let mut last_append_ms = None;
        for record in &fetched.records {
            let counts = self.intake.fold(&mut self.fold, record, &self.retry.context.metrics);
            last_append_ms = Some(record.append_time_ms);
            self.live.gather(&mut self.fold);
            if self.due_since_ms.is_none() && self.live.is_due(self.fold.clock()) {
                self.due_since_ms = Some(record.append_time_ms);
            }
            if self.fold.has_closed() || self.saved_minute != save_minute(&self.fold) {
                self.hand_over().await?;
            }
            if self.live.is_full() {
                self.publish().await?;
            }
            since_yield += counts;
            if since_yield > SLICE_SAMPLES {
                since_yield = 0;
                tokio::task::yield_now().await;
                if cancel.is_cancelled() {
                    break;
                }
            }
        }
        self.settle().await?;
        if self.live.is_due(self.fold.clock()) {
            self.publish().await?;
        }
        self.read_all = self.fold.next_offset() >= fetched.bounds.end;
        self.retry.context.pulses.seen(self.source.partition, last_append_ms, self.read_all);
        self.note_position(fetched.bounds.end);
        Ok(())
    }

    /// Makes sure that series and metadata are stored before anything that
    /// refers to them can be seen.
    async fn settle(&mut self) -> Result<(), Error> {
        let context = &self.retry.context;
        let series = self.intake.registry.take_pending();
        if !series.is_empty() {
            self.retry.run("writing series", || context.store.write_series(series.clone())).await?;
            context.metrics.series_rows.inc_by(series.len() as u64);
        }
        for (tenant, metadata) in self.intake.metadata.take_pending() {
            self.retry.run("writing metadata", || context.store.write_metadata(&tenant, metadata.clone())).await?;
        }
        self.intake.registry.forget_before(day_of(self.fold.clock().effective_ms));
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), Error> {
        self.settle().await?;
        let windows = self.live.take();
        let reach = Reach { source: self.source, before: self.live.published, now: self.fold.clock() };
        crate::live::publish(&self.retry, reach, windows).await?;
        self.live.published = reach.now;
        // What is read again at a take-over was due long ago.
        if let Some(since_ms) = self.due_since_ms.take().filter(|_| self.caught_up) {
            let context = &self.retry.context;
            let delay_ms = context.log.now_ms().saturating_sub(since_ms).max(0);
            context.metrics.live_delay_seconds.observe(delay_ms as f64 / 1e3);
        }
        Ok(())
    }

    /// Gives all that closed to the flusher; waits while it has enough to do.
    async fn hand_over(&mut self) -> Result<(), Error> {
        self.settle().await?;
        let job = Job {
            fragments: std::iter::from_fn(|| self.fold.take_closed()).collect(),
            sightings: self.fold.take_sightings(),
            sessions: self.fold.take_sessions(),
            final_ledger: self.fold.take_final_ledger(),
            progress: self.fold.progress(),
            closed_at: Instant::now(),
        };
        self.saved_minute = save_minute(&self.fold);
        // The flusher is gone only when it failed, and then tells why.
        self.jobs.send(job).await.map_err(|_| Error::Stopped)
    }

    fn note_position(&mut self, log_end: u64) {
        let context = &self.retry.context;
        let label = metrics::Partition { partition: self.source.partition };
        let metrics = &context.metrics;
        let position = self.fold.next_offset();
        metrics.lag_records.get_or_create(&label).set(log_end.saturating_sub(position) as i64);
        metrics.watermark_seconds.get_or_create(&label).set(self.fold.clock().effective_ms / 1_000);
        metrics.open_fragments.get_or_create(&label).set(self.fold.open_fragments() as i64);
        metrics.open_samples.get_or_create(&label).set(self.fold.open_samples() as i64);
        metrics.known_batches.get_or_create(&label).set(self.fold.known_batches() as i64);
        if !self.caught_up && position >= self.caught_up_at {
            self.caught_up = true;
            context.readiness.caught_up(self.source.partition);
        }
    }
}
