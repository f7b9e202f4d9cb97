//! The task that keeps index and tail up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tidegate_codec::stored::{LiveRecord, decode_live};
use tidegate_eventlog::{EventLog, LogError, Record, Topic};
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::time::{DAY_MS, HOUR_MS, HOURS_PER_DAY, day_of};
use tidegate_model::{Clock, MetricId, Progress, SourceId, TenantId};
use tidegate_runtime::Part;
use tokio_util::sync::CancellationToken;

use super::{Tail, close_of};
use crate::held::HeldHours;
use crate::hours::HourCache;
use crate::index::{Rotation, SeriesIndex, load_all, refresh};

const FETCH_BYTES: usize = 1 << 20;
const FETCH_WAIT: Duration = Duration::from_secs(1);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// How often the store is asked what it has.
const EVICT_EVERY: Duration = Duration::from_secs(5);
/// For its answer.
const STORED_LIMIT: Duration = Duration::from_secs(10);
/// Series looked up at once.
const LOOK_UP: usize = 2_000;
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct Follower {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn HotStore>,
    pub index: Arc<SeriesIndex>,
    pub tail: Arc<Tail>,
    pub held: Arc<HeldHours>,
    pub hours: Arc<HourCache>,
    pub health: Part,
    pub refresh: Duration,
    pub hot_retention_hours: u32,
}

/// Partitions of the live topic that have not read what was there at the
/// start, and those that cannot be read now.
struct Reading {
    behind: AtomicUsize,
    failing: AtomicUsize,
}

impl Follower {
    /// Runs until cancelled. Trouble with log or store is waited out.
    pub async fn run(self, cancel: CancellationToken) -> Result<(), std::convert::Infallible> {
        cancel.run_until_cancelled(self.follow()).await;
        Ok(())
    }

    async fn follow(&self) {
        self.health.not_ready("loading the series index");
        let partitions = self.log.partitions(Topic::MetricsRaw);
        self.until_it_works("loading the series index", || async {
            load_all(&*self.store, &self.index, partitions, self.first_day().await?).await
        })
        .await;
        self.until_it_works("reading what the store has", || async {
            self.tail.evict(&self.what_is_stored(&mut Vec::new()).await?);
            Ok::<_, StoreError>(())
        })
        .await;
        self.health.not_ready("reading the live tail");
        let live = self.log.partitions(Topic::MetricsRollup);
        let state = Reading { behind: AtomicUsize::new(usize::from(live)), failing: AtomicUsize::new(0) };
        let followers = join_all((0..live).map(|partition| self.follow_partition(partition, &state)));
        tokio::join!(followers, self.evict(), self.refresh_index(partitions));
    }

    /// First day that the index shall hold: that of the horizon, or of older
    /// hours that are read from the store.
    async fn first_day(&self) -> Result<u32, StoreError> {
        let first = day_of(self.log.now_ms() - i64::from(self.hot_retention_hours) * HOUR_MS - DAY_MS);
        let held = self.held.get(&*self.store).await?;
        Ok(held.first().map_or(first, |hour| first.min(hour / HOURS_PER_DAY)))
    }

    async fn refresh(&self, partitions: u16, rotation: &mut Rotation) -> Result<Duration, StoreError> {
        let first_day = self.first_day().await?;
        refresh(&*self.store, &self.index, partitions, first_day, rotation).await
    }

    async fn until_it_works<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
        &self,
        what: &'static str,
        mut work: impl FnMut() -> F,
    ) -> T {
        let mut pause = RETRY_FIRST;
        loop {
            match work().await {
                Ok(value) => return value,
                Err(error) => {
                    tracing::warn!(%error, "{what} failed and is tried again");
                    self.health.not_ready(format!("{what}: {error}"));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    /// Reads a partition of the live topic for ever.
    async fn follow_partition(&self, partition: u16, state: &Reading) {
        const TOPIC: Topic = Topic::MetricsRollup;
        let bounds = self.until_it_works("finding the live tail's start", || self.log.bounds(TOPIC, partition)).await;
        let mut next = bounds.start;
        let mut catching_up = true;
        let mut failing = false;
        let mut pause = RETRY_FIRST;
        loop {
            if catching_up && next >= bounds.end {
                catching_up = false;
                if state.behind.fetch_sub(1, Ordering::Relaxed) == 1 {
                    self.tail.set_caught_up();
                }
                self.report(state);
            }
            match self.log.fetch(TOPIC, partition, next, FETCH_BYTES, FETCH_WAIT).await {
                Ok(fetched) => {
                    if std::mem::take(&mut failing) {
                        state.failing.fetch_sub(1, Ordering::Relaxed);
                        self.report(state);
                    }
                    pause = RETRY_FIRST;
                    if let Some(last) = fetched.records.last() {
                        next = last.offset + 1;
                        self.take(&fetched.records).await;
                    }
                    continue;
                }
                // The topic's retention is short: a reader that stood still
                // goes on with what is left. The store has the rest.
                Err(LogError::OutOfRange { from, bounds }) => {
                    tracing::warn!(partition, from, start = bounds.start, "the live topic moved on; skipping ahead");
                    next = bounds.start;
                }
                Err(error) => {
                    tracing::warn!(partition, %error, "the live topic cannot be read; trying again");
                    if !std::mem::replace(&mut failing, true) {
                        state.failing.fetch_add(1, Ordering::Relaxed);
                        self.report(state);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    fn report(&self, state: &Reading) {
        let (behind, failing) = (state.behind.load(Ordering::Relaxed), state.failing.load(Ordering::Relaxed));
        match (behind, failing) {
            (0, 0) => self.health.ready(),
            (behind, 0) => self.health.not_ready(format!("reading the live tail; {behind} partitions to go")),
            (_, failing) => self.health.not_ready(format!("{failing} partitions of the live topic cannot be read")),
        }
    }

    /// Series first, then windows, then watermarks: who waits for a watermark
    /// finds everything that it stands for.
    async fn take(&self, records: &[Record]) {
        let mut live: Vec<LiveRecord> = Vec::with_capacity(records.len());
        for record in records {
            match decode_live(&record.payload) {
                Ok(record) => live.push(self.without_stored(record)),
                Err(error) => {
                    tracing::error!(offset = record.offset, %error, "a live record cannot be read and is skipped");
                    self.tail.metrics.tail_bad_records.inc();
                }
            }
        }
        self.look_up(&live).await;
        for record in live {
            self.tail.apply(record);
        }
    }

    fn without_stored(&self, mut record: LiveRecord) -> LiveRecord {
        if let Some(through) = self.tail.stored_through(record.source) {
            record.windows.retain(|w| close_of(w.window.start_ms, w.era, w.fragment) > through);
        }
        record
    }

    /// Puts series that the index does not know into it. Those that are not
    /// found come up again with their next window.
    async fn look_up(&self, live: &[LiveRecord]) {
        let mut unknown: BTreeMap<u32, BTreeSet<MetricId>> = BTreeMap::new();
        let mut current: Option<(&TenantId, Option<_>)> = None;
        for window in live.iter().flat_map(|record| &record.windows) {
            if current.as_ref().is_none_or(|(tenant, _)| *tenant != &window.tenant) {
                current = Some((&window.tenant, self.index.tenant(&window.tenant)));
            }
            let index = current.as_ref().and_then(|(_, index)| index.as_ref());
            let day = day_of(window.window.start_ms);
            if !index.is_some_and(|index| index.read().knows(window.metric_id, day)) {
                unknown.entry(day).or_default().insert(window.metric_id);
            }
        }
        let mut unresolved: usize = unknown.values().map(BTreeSet::len).sum();
        let partitions = self.log.partitions(Topic::MetricsRaw);
        for (day, ids) in unknown {
            let ids: Vec<MetricId> = ids.into_iter().collect();
            for part in ids.chunks(LOOK_UP) {
                let found = self.store.find_series(partitions, part, day..day + 1);
                match tokio::time::timeout(LOOK_UP_LIMIT, found).await {
                    Ok(Ok(rows)) => {
                        unresolved = unresolved.saturating_sub(rows.len());
                        self.index.insert(rows);
                    }
                    Ok(Err(error)) => tracing::warn!(%error, "looking up live series failed"),
                    Err(_) => tracing::warn!("looking up live series takes too long"),
                }
            }
        }
        self.tail.metrics.index_unresolved.set(unresolved as i64);
    }

    async fn evict(&self) {
        let mut closed = Vec::new();
        loop {
            tokio::time::sleep(EVICT_EVERY).await;
            let stored = tokio::time::timeout(STORED_LIMIT, self.what_is_stored(&mut closed)).await;
            let progress = stored.unwrap_or_else(|_| Err(StoreError::Unavailable("no answer".into())));
            // What is too old or too much goes even so.
            let progress = progress.unwrap_or_else(|error| {
                tracing::warn!(%error, "the store does not say what it has; the live tail grows to its limit");
                Vec::new()
            });
            let tail = self.tail.clone();
            // A panic in there is one in here.
            if let Err(error) = tokio::task::spawn_blocking(move || tail.evict(&progress)).await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
            if let Some(lowest) = self.tail.watermarks.borrow().lowest_ms() {
                let lag_ms = self.log.now_ms().saturating_sub(lowest);
                self.tail.metrics.watermark_lag_seconds.set(lag_ms as f64 / 1e3);
            }
        }
    }

    /// Progress first: what it covers has touched its hours. They are noted
    /// here, before the tail lets go of what touched them, and read only when
    /// `closed`, how far the progress was that they were read under, is
    /// another: until then the tail lets go of nothing.
    async fn what_is_stored(&self, closed: &mut Vec<(SourceId, Clock)>) -> Result<Vec<Progress>, StoreError> {
        let progress = self.store.all_progress().await?;
        let mut now: Vec<_> = progress.iter().map(|one| (one.source, one.closed_through)).collect();
        now.sort_unstable();
        if now != *closed {
            self.hours.set_touched(&self.store.read_hours().await?);
            *closed = now;
        }
        Ok(progress)
    }

    async fn refresh_index(&self, partitions: u16) {
        let mut rotation = Rotation::default();
        let mut pause = self.refresh;
        loop {
            tokio::time::sleep(pause).await;
            match self.refresh(partitions, &mut rotation).await {
                Ok(paced) => pause = paced.max(self.refresh),
                Err(error) => tracing::warn!(%error, "refreshing the series index failed; trying again"),
            }
        }
    }
}
