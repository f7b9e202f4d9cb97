//! Closed fragments into the store, then everything that a take-over needs,
//! then the progress, then the offset that the log may forget.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_codec::stored::encode_chunk;
use tidegate_eventlog::Topic;
use tidegate_fold::ClosedFragment;
use tidegate_hotstore::Writing;
use tidegate_model::{
    LedgerEntry, LedgerKey, Progress, Row, RowKey, SessionsSnapshot, SightingsChunk, SourceId, Touch,
};
use tokio::sync::mpsc;

use crate::pace::{Next, Pace};
use crate::retry::Retry;
use crate::{Error, GROUP};

/// Rows encoded between two points where other tasks get their turn.
const SLICE_ROWS: usize = 400;
/// How long rows that are not due yet rest before somebody who waits for them
/// is noticed.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What closed at one moment, and the progress that covers it.
pub(crate) struct Job {
    pub fragments: Vec<ClosedFragment>,
    pub sightings: Vec<SightingsChunk>,
    pub sessions: Vec<SessionsSnapshot>,
    pub final_ledger: Vec<(LedgerKey, LedgerEntry)>,
    pub progress: Progress,
    pub closed_at: Instant,
}

/// Does the jobs of one partition, one after another.
pub(crate) struct Flusher {
    retry: Retry,
    source: SourceId,
    jobs: mpsc::Receiver<Job>,
    committed: Option<u64>,
}

impl Flusher {
    pub fn new(retry: Retry, source: SourceId, jobs: mpsc::Receiver<Job>) -> Self {
        Self { retry, source, jobs, committed: None }
    }

    /// Ends when nobody sends jobs any more and all are done.
    pub async fn run(mut self) -> Result<(), Error> {
        while let Some(job) = self.jobs.recv().await {
            self.flush(job).await?;
        }
        Ok(())
    }

    async fn flush(&mut self, job: Job) -> Result<(), Error> {
        let touched = self.write_fragments(job.fragments, job.closed_at).await?;
        let (retry, source) = (&self.retry, self.source);
        let store = &retry.context.store;
        if !job.sightings.is_empty() {
            let write = || store.write_sightings(job.sightings.clone());
            retry.run("writing sightings", write).await?;
        }
        for snapshot in job.sessions {
            retry.run("writing sessions", || store.write_sessions(snapshot.clone())).await?;
        }
        if !touched.is_empty() {
            // After the rows: whoever sees an hour touched finds them.
            retry.run("touching hours", || store.touch_hours(source, touched.clone())).await?;
        }
        if !job.final_ledger.is_empty() {
            let write = || store.write_ledger(source, job.final_ledger.clone());
            retry.run("writing the ledger", write).await?;
        }
        let resume_offset = job.progress.resume_offset;
        retry.run("saving progress", || store.save_progress(job.progress.clone())).await?;
        retry.context.metrics.flush_seconds.observe(job.closed_at.elapsed().as_secs_f64());
        self.commit(resume_offset).await
    }

    /// Returns the hours that were written to.
    async fn write_fragments(&self, fragments: Vec<ClosedFragment>, closed_at: Instant) -> Result<Vec<Touch>, Error> {
        let mut touched: BTreeMap<u32, Touch> = BTreeMap::new();
        if fragments.is_empty() {
            return Ok(Vec::new());
        }
        let context = &self.retry.context;
        // Few partitions encode at a time, so that a minute's close is no
        // stampede. They wait for the store together: it writes what comes at
        // the same moment as one.
        let acquire = || async { context.flushes.acquire().await.map_err(|_| Error::Stopped) };
        let mut permit = acquire().await?;
        let paced = Duration::from_millis(context.config.flush_paced_ms);
        let mut pace = self.pace(fragments.iter().map(ClosedFragment::series).sum());
        let mut rows = Vec::new();
        for mut fragment in fragments {
            let touch = fragment.touch();
            touched.entry(touch.hour).or_insert(touch).join(touch);
            loop {
                let begin = Instant::now();
                let left = encode(&mut fragment, self.source, SLICE_ROWS, &mut rows);
                if rows.len() >= context.config.flush_batch_rows {
                    drop(permit);
                    self.write_rows(std::mem::take(&mut rows), &mut pace, closed_at).await?;
                    permit = acquire().await?;
                }
                if closed_at.elapsed() < paced && !self.retry.cancel.is_cancelled() {
                    tokio::time::sleep(begin.elapsed()).await;
                } else {
                    tokio::task::yield_now().await;
                }
                if left == 0 {
                    break;
                }
            }
        }
        drop(permit);
        self.write_rows(rows, &mut pace, closed_at).await?;
        Ok(touched.into_values().collect())
    }

    fn pace(&self, rows: usize) -> Pace {
        let context = &self.retry.context;
        let spread_ms = match context.store.writing() {
            Writing::Together => 0,
            Writing::Apart => context.config.flush_spread_ms,
        };
        Pace::new(rows, Duration::from_millis(spread_ms), self.source.partition)
    }

    async fn write_rows(&self, rows: Vec<Row>, pace: &mut Pace, closed_at: Instant) -> Result<(), Error> {
        let context = &self.retry.context;
        let mut left = rows.into_iter();
        while left.len() > 0 {
            let now = match pace.next(closed_at.elapsed()) {
                _ if self.is_awaited() => left.len(),
                Next::Write(due) => due,
                Next::Wait(wait) => {
                    self.rest(wait).await;
                    continue;
                }
            };
            let rows: Vec<Row> = left.by_ref().take(now).collect();
            self.retry.run("writing rows", || context.store.write_rows(rows.clone())).await?;
            context.metrics.rows.inc_by(rows.len() as u64);
            pace.wrote(rows.len());
        }
        Ok(())
    }

    /// Whether somebody waits for what there is to write: who stops this
    /// process, or the next minute, as when old records are read again.
    fn is_awaited(&self) -> bool {
        self.retry.cancel.is_cancelled() || !self.jobs.is_empty()
    }

    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = self.retry.cancel.cancelled() => {}
            () = tokio::time::sleep(wait.min(LOOK_AGAIN)) => {}
        }
    }

    async fn commit(&mut self, offset: u64) -> Result<(), Error> {
        if self.committed == Some(offset) {
            return Ok(());
        }
        let (log, partition) = (&self.retry.context.log, self.source.partition);
        let commit = || log.commit(Topic::MetricsRaw, GROUP, partition, offset);
        self.retry.run("committing the offset", commit).await?;
        self.committed = Some(offset);
        Ok(())
    }
}

/// Appends up to `max_rows` rows of the fragment; returns how many are left.
/// Their chunks share one buffer.
fn encode(fragment: &mut ClosedFragment, source: SourceId, max_rows: usize, rows: &mut Vec<Row>) -> usize {
    let first = rows.len();
    let mut buffer = Vec::new();
    let mut ends = Vec::new();
    let left = fragment.rows(max_rows, |row| {
        encode_chunk(row.windows, row.totals, &mut buffer);
        ends.push(buffer.len());
        let key = RowKey {
            tenant: row.tenant.clone(),
            metric_id: row.metric_id,
            minute: row.minute,
            source,
            era: row.era,
            fragment: row.fragment,
        };
        rows.push(Row { key, samples: row.samples, chunk: Bytes::new() });
    });
    let buffer = Bytes::from(buffer);
    let mut begin = 0;
    for (row, end) in rows[first..].iter_mut().zip(ends) {
        row.chunk = buffer.slice(begin..end);
        begin = end;
    }
    left
}
