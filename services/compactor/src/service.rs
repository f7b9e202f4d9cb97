//! The loop: look, ship what is due, delete what is old, wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tidegate_coldstore::{Archive, ArchiveError, Period};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_hotstore::{HotStore, HourRow, StoreError};
use tidegate_model::time::{HOUR_MS, day_of, hour_start_ms};
use tidegate_runtime::Part;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::due::{DueHour, Pending, Settle, Waiting};
use crate::metrics::Metrics;
use crate::retention::{SteadyClock, expire_archive, expire_hot, folded_through_ms, hot_cut, oldest_unarchived_hour};
use crate::ship::ship_hour;
use crate::tiers::{Tiers, changing_from_hour};
use crate::{Config, Error, GROUP};

/// Between two looks for what is past its retention.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// How long the clock must have gone without a jump before anything is deleted
/// by it: a machine may start with a wrong one.
const STEADY_FOR: Duration = Duration::from_secs(900);

/// Longest wait before an hour that failed is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

pub struct Service {
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    metrics: Metrics,
    health: Part,
    waiting: Waiting,
    failed: HashMap<(u16, u32), Failed>,
    /// Hours that are wholly shipped, but for their `_SUCCESS` marker.
    unmarked: BTreeSet<u32>,
    looked_for_unmarked: bool,
    tiers: Tiers,
    clock: SteadyClock,
    steady_for: Duration,
    next_retention: Instant,
    /// Since when days are kept beyond their retention.
    holding_since: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Failed {
    times: u32,
    not_before: Instant,
}

impl Service {
    pub fn new(
        config: Config,
        log: Arc<dyn EventLog>,
        store: Arc<dyn HotStore>,
        archive: Arc<Archive>,
        metrics: Metrics,
        health: Part,
    ) -> Self {
        Self {
            config,
            log,
            store,
            archive,
            metrics,
            health,
            waiting: Waiting::default(),
            failed: HashMap::new(),
            unmarked: BTreeSet::new(),
            looked_for_unmarked: false,
            tiers: Tiers::default(),
            clock: SteadyClock::default(),
            steady_for: STEADY_FOR,
            next_retention: Instant::now(),
            holding_since: None,
        }
    }

    /// Runs until it is stopped. A round cut short leaves nothing half done: a
    /// put happens whole or not at all.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Error> {
        let mut assignment = self.log.assignment(Topic::MetricsRaw, GROUP);
        let poll = Duration::from_secs(self.config.poll_seconds.into());
        loop {
            let shards = assignment.borrow_and_update().clone();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.round(&shards) => {}
                // Another member has what was taken away, and may wait for
                // nothing; this one begins anew with what is left. A put under
                // way happens or not, as when the process dies.
                Ok(()) = assignment.changed() => continue,
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(poll) => {}
                Ok(()) = assignment.changed() => {}
            }
        }
    }

    /// One look at everything. Failures are told and tried again later: the
    /// archive being away must not stop the process.
    async fn round(&mut self, shards: &[u16]) {
        let pending = match self.look(shards).await {
            Ok(pending) => pending,
            Err(error) => {
                self.health.not_ready(error.to_string());
                tracing::warn!(%error, "cannot read from the store which hours to ship");
                return;
            }
        };
        self.health.ready();
        // Before shipping: readers may take an hour for unshipped a little longer,
        // so it leaves the store in a later round than it was shipped in.
        let now = Instant::now();
        let steady = self.clock.observe(self.log.now_ms(), now) >= self.steady_for;
        if !shards.is_empty() && steady && now >= self.next_retention {
            match self.retain(shards).await {
                Ok(Retained::Done) => self.next_retention = now + RETENTION_EVERY,
                Ok(Retained::NotFolded) => {}
                Err(error) => tracing::warn!(%error, "cannot delete old days from the store"),
            }
        }
        let failures_before = self.metrics.failures.get();
        self.ship(&pending).await;
        let marked = self.mark_complete().await;
        if let Err(error) = &marked {
            tracing::warn!(%error, "cannot mark hours as complete in the archive");
        }
        let built = self.build_tiers(shards).await;
        if let Err(error) = &built {
            tracing::warn!(%error, "cannot look for days and months to build");
        }
        if self.metrics.failures.get() == failures_before && marked.is_ok() && built.is_ok() {
            self.metrics.last_round_seconds.set(self.now_seconds());
        }
    }

    /// Days and months of longer windows, as far as the log is folded.
    async fn build_tiers(&mut self, shards: &[u16]) -> Result<(), Error> {
        let Some(today) = self.today().await? else { return Ok(()) };
        let changing = changing_from_hour(today, self.config.hot_retention_days);
        self.tiers.look(&self.archive, shards, changing).await?;
        let rest = Duration::from_secs(self.config.tier_settle_seconds.into());
        let outcome = self.tiers.build_due(&self.archive, today, rest).await;
        self.metrics.waiting_tier_objects.set(outcome.waiting as i64);
        self.metrics.tier_failures.inc_by(outcome.failures);
        for built in outcome.built {
            self.metrics.tier_objects.inc();
            self.metrics.tier_bytes.inc_by(built.size_bytes);
        }
        Ok(())
    }

    /// The day by the clock and by what is folded, whichever is earlier; `None`
    /// while a partition of the log has no progress yet.
    async fn today(&self) -> Result<Option<u32>, StoreError> {
        let progress = self.store.all_progress().await?;
        let (epoch, partitions) = (self.log.epoch(Topic::MetricsRaw), self.log.partitions(Topic::MetricsRaw));
        let folded_ms = folded_through_ms(&progress, epoch, partitions);
        Ok(folded_ms.map(|folded_ms| day_of(self.log.now_ms().min(folded_ms))))
    }

    async fn look(&mut self, shards: &[u16]) -> Result<Pending, Error> {
        // Progress before the marks: what is closed by then is marked.
        let progress = self.store.all_progress().await?;
        let rows = self.store.read_hours().await?;
        if !self.looked_for_unmarked {
            self.unmarked = shipped_hours(&rows);
            self.looked_for_unmarked = true;
        }
        let closed: BTreeMap<_, _> = progress.iter().map(|p| (p.source, p.closed_through)).collect();
        let mine: Vec<_> = rows.into_iter().filter(|row| shards.contains(&row.shard)).collect();
        let settle = Settle {
            rest_ms: i64::from(self.config.settle_seconds) * 1000,
            limit_ms: i64::from(self.config.settle_limit_seconds) * 1000,
        };
        let pending = self.waiting.pending(&mine, &closed, self.log.epoch(Topic::MetricsRaw), settle);
        self.metrics.due_hours.set(pending.due.len() as i64);
        self.metrics.waiting_hours.set(pending.waiting as i64);
        let age_ms = |hour| self.log.now_ms().saturating_sub(hour_start_ms(hour) + HOUR_MS).max(0);
        self.metrics.oldest_unshipped_seconds.set(pending.oldest_unshipped.map_or(0.0, |h| age_ms(h) as f64 / 1000.0));
        Ok(pending)
    }

    async fn ship(&mut self, pending: &Pending) {
        let now = Instant::now();
        let ready = |due: &&DueHour| self.failed.get(&(due.shard, due.hour)).is_none_or(|f| f.not_before <= now);
        let ready: Vec<&DueHour> = pending.due.iter().filter(ready).collect();
        let mut shipped = BTreeSet::new();
        for (done, due) in ready.iter().enumerate() {
            if ready.len() > 1 {
                tracing::info!(hour = due.hour, shard = due.shard, done, of = ready.len(), "shipping hours");
            }
            match self.ship_one(due).await {
                Ok(()) => _ = shipped.insert(due.hour),
                Err(error) => {
                    let wait_seconds = self.note_failure(due, &error).as_secs();
                    tracing::error!(shard = due.shard, hour = due.hour, %error, wait_seconds, "cannot ship an hour");
                    if error.concerns_all_hours() {
                        break;
                    }
                }
            }
        }
        if !shipped.is_empty() {
            match self.store.read_hours().await {
                Ok(rows) => self.unmarked.extend(shipped_hours(&rows).intersection(&shipped)),
                // Looks at all hours again, these among them.
                Err(_) => self.looked_for_unmarked = false,
            }
        }
    }

    fn now_seconds(&self) -> f64 {
        self.log.now_ms() as f64 / 1000.0
    }

    async fn ship_one(&mut self, due: &DueHour) -> Result<(), Error> {
        let started = Instant::now();
        let partitions = self.log.partitions(Topic::MetricsRaw);
        let shipped = ship_hour(&*self.store, &self.archive, partitions, due).await?;
        self.metrics.objects.inc_by(shipped.objects - shipped.unchanged);
        self.metrics.samples.inc_by(shipped.samples);
        self.metrics.bytes.inc_by(shipped.bytes);
        self.metrics.ship_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.last_shipped_seconds.set(self.now_seconds());
        for tenant in &shipped.tenants {
            self.tiers.touched(tenant, Period::Hour(due.hour), due.shard);
        }
        self.failed.remove(&(due.shard, due.hour));
        self.waiting.shipped(due.shard, due.hour);
        Ok(())
    }

    fn note_failure(&mut self, due: &DueHour, error: &Error) -> Duration {
        self.metrics.failures.inc();
        if matches!(error, Error::Archive(ArchiveError::FewerSamples { .. })) {
            self.metrics.refused.inc();
        }
        let times = self.failed.get(&(due.shard, due.hour)).map_or(0, |failed| failed.times) + 1;
        let wait = back_off(Duration::from_secs(self.config.poll_seconds.into()), times);
        self.failed.insert((due.shard, due.hour), Failed { times, not_before: Instant::now() + wait });
        wait
    }

    async fn mark_complete(&mut self) -> Result<(), ArchiveError> {
        if self.unmarked.is_empty() {
            return Ok(());
        }
        let tenants = self.archive.tenants().await?;
        while let Some(hour) = self.unmarked.first().copied() {
            for tenant in &tenants {
                if !self.archive.shards(tenant, Period::Hour(hour)).await?.is_empty() {
                    self.archive.mark_complete(tenant, hour).await?;
                }
            }
            self.unmarked.remove(&hour);
        }
        Ok(())
    }

    /// Deletes what is past its retention as far as the log is folded.
    async fn retain(&mut self, shards: &[u16]) -> Result<Retained, StoreError> {
        // Progress before the marks, as in `look`.
        let Some(today) = self.today().await? else { return Ok(Retained::NotFolded) };
        match expire_archive(&self.archive, &self.config, shards, today).await {
            Ok(expired) => {
                self.metrics.expired_objects.inc_by(expired.deleted);
                self.metrics.uncovered_objects.set(expired.wanted.len() as i64);
                let rested = Duration::from_secs(self.config.tier_settle_seconds.into());
                expired.wanted.into_iter().for_each(|key| self.tiers.wanted(key, rested));
            }
            Err(error) => tracing::warn!(%error, "cannot delete old objects from the archive"),
        }
        // The store is one for all shards: one member does it for all.
        if shards.contains(&0) {
            let rows = self.store.read_hours().await?;
            let held_for = self.holding_since.map_or(Duration::ZERO, |since| since.elapsed());
            let cut = hot_cut(today, self.config.hot_retention_days, oldest_unarchived_hour(&rows), held_for);
            self.metrics.held_days.set(cut.held_days.into());
            self.holding_since = (cut.held_days > 0).then(|| self.holding_since.unwrap_or_else(Instant::now));
            expire_hot(&*self.store, cut).await?;
        }
        Ok(Retained::Done)
    }
}

/// How a look for what is past its retention ended.
enum Retained {
    Done,
    /// A partition of the log has no progress yet.
    NotFolded,
}

/// Hours of which every shard is shipped as it is.
fn shipped_hours(rows: &[HourRow]) -> BTreeSet<u32> {
    let done = |row: &&HourRow| row.state.shipped.is_some_and(|shipped| shipped >= row.state.touched);
    let open: BTreeSet<u32> = rows.iter().filter(|row| !done(row)).map(|row| row.hour).collect();
    rows.iter().map(|row| row.hour).filter(|hour| !open.contains(hour)).collect()
}

/// Doubles with every failure.
fn back_off(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod race_tests;
#[cfg(test)]
mod tests;
