//! The live tail: windows that were published and that the store may not have
//! yet, and how far each partition has come.

mod follow;
mod held;
mod late;
mod watermark;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use tidegate_codec::stored::{LiveRecord, LiveWindow};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_model::time::{MINUTE_MS, WINDOW_MS, minute_of, minute_start_ms};
use tidegate_model::{Clock, MetricId, Progress, SourceId, TenantId};
use tokio::sync::watch;

pub(crate) use follow::Follower;
pub(crate) use watermark::Watermarks;

use crate::Config;
use crate::fragments::Fragment;
use crate::metrics::Metrics;
use held::{Held, Inserted};
use late::Late;

/// A window is published when the clock has come this far past its end.
const PUBLISHED_AFTER_MS: i64 = 1_000;

/// Notes of late windows older than this are forgotten; live windows are not
/// published when they are older than three minutes.
const LATE_KEPT_MS: i64 = 600_000;

/// By tenant and series, ascending by key.
type Shard = HashMap<TenantId, HashMap<MetricId, Vec<Held>>>;

pub(crate) struct Tail {
    /// By metric id, so that partitions seldom wait for one another.
    shards: Vec<RwLock<Shard>>,
    /// Of each source, up to where fragments are stored.
    stored: RwLock<HashMap<SourceId, Clock>>,
    watermarks: watch::Sender<Watermarks>,
    /// The lowest of them, once all is read that was there at the start.
    passed: watch::Sender<Option<i64>>,
    late: Mutex<Late>,
    /// Of the log whose watermarks count.
    epoch: u64,
    hold: Hold,
    metrics: Arc<Metrics>,
}

/// How much the tail holds of what the store does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    longest_ms: i64,
    max_windows: i64,
}

impl Hold {
    pub fn of(config: &Config) -> Self {
        let bounded = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Self { longest_ms: bounded(config.tail_hold_ms), max_windows: bounded(config.max_tail_windows as u64) }
    }
}

impl Tail {
    pub fn new(log: &dyn EventLog, hold: Hold, metrics: Arc<Metrics>) -> Self {
        let partitions = log.partitions(Topic::MetricsRaw);
        Self {
            shards: (0..partitions.max(1)).map(|_| RwLock::default()).collect(),
            stored: RwLock::default(),
            watermarks: watch::Sender::new(Watermarks::unknown(partitions)),
            passed: watch::Sender::new(None),
            late: Mutex::default(),
            epoch: log.epoch(Topic::MetricsRaw),
            hold,
            metrics,
        }
    }

    /// Told whenever a partition advances.
    pub fn watermarks(&self) -> watch::Receiver<Watermarks> {
        self.watermarks.subscribe()
    }

    /// Told when the slowest partition advances, and when the tail has caught
    /// up: seldom, compared with [`Tail::watermarks`].
    pub fn passed(&self) -> watch::Receiver<Option<i64>> {
        self.passed.subscribe()
    }

    /// What changed after a watermark had promised that it would not.
    pub fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock()
    }

    /// The tail holds everything that had been published when it was started.
    pub fn is_caught_up(&self) -> bool {
        self.watermarks.borrow().caught_up
    }

    pub fn set_caught_up(&self) {
        self.watermarks.send_modify(|watermarks| watermarks.caught_up = true);
        self.tell_passed();
    }

    fn tell_passed(&self) {
        self.passed.send_if_modified(|passed| {
            let now = Some(self.watermarks.borrow()).filter(|marks| marks.caught_up).map(|marks| marks.lowest_ms());
            let was = std::mem::replace(passed, now.flatten());
            // Being caught up is news even while a partition is not known.
            was != *passed || (now.is_some() && passed.is_none())
        });
    }

    /// What each of the `wanted` series has in windows that start in
    /// `from_ms..until_ms`.
    pub fn read(&self, tenant: &TenantId, wanted: &[MetricId], times: &Range<i64>) -> Vec<Vec<Fragment>> {
        self.read_by(|shard| Some(shard.read()), tenant, wanted, times).unwrap_or_default()
    }

    /// Likewise; `None` where it would have to wait.
    pub fn read_at_once(
        &self,
        tenant: &TenantId,
        wanted: &[MetricId],
        times: &Range<i64>,
    ) -> Option<Vec<Vec<Fragment>>> {
        self.read_by(RwLock::try_read, tenant, wanted, times)
    }

    fn read_by<'a>(
        &'a self,
        lock: impl Fn(&'a RwLock<Shard>) -> Option<RwLockReadGuard<'a, Shard>>,
        tenant: &TenantId,
        wanted: &[MetricId],
        times: &Range<i64>,
    ) -> Option<Vec<Vec<Fragment>>> {
        let mut by_shard: Vec<Vec<usize>> = vec![Vec::new(); self.shards.len()];
        for (index, id) in wanted.iter().enumerate() {
            by_shard[self.shard_of(*id)].push(index);
        }
        let mut found: Vec<Vec<Fragment>> = Vec::new();
        found.resize_with(wanted.len(), Vec::new);
        for (shard, indices) in self.shards.iter().zip(by_shard).filter(|(_, indices)| !indices.is_empty()) {
            let shard = lock(shard)?;
            let Some(series) = shard.get(tenant) else { continue };
            for index in indices {
                let Some(held) = series.get(&wanted[index]) else { continue };
                let first = held.partition_point(|held| held.start_ms < times.start);
                let after = held.partition_point(|held| held.start_ms < times.end);
                found[index] = held.get(first..after).unwrap_or_default().iter().map(Held::to_fragment).collect();
            }
        }
        Some(found)
    }

    fn shard_of(&self, id: MetricId) -> usize {
        usize::from(id.partition(self.shards.len() as u16))
    }

    /// The clock up to which the store has the fragments of a source.
    fn stored_through(&self, source: SourceId) -> Option<Clock> {
        self.stored.read().get(&source).copied()
    }

    /// Takes a record's windows, then its watermark, so that whoever sees the
    /// watermark sees the windows.
    fn apply(&self, record: LiveRecord) {
        let LiveRecord { source, watermark, windows } = record;
        // Windows that start before this were thought to be complete.
        let late_before_ms = {
            let watermarks = self.watermarks.borrow();
            let known = watermarks.of(source.partition).filter(|_| watermarks.caught_up && source.epoch == self.epoch);
            known.map_or(i64::MIN, |clock| clock.effective_ms - PUBLISHED_AFTER_MS - WINDOW_MS + 1)
        };
        let added = self.insert(source, windows, late_before_ms);
        self.metrics.tail_windows.inc_by(added);
        if source.epoch == self.epoch
            && self.watermarks.send_if_modified(|watermarks| watermarks.advance(source.partition, watermark))
        {
            self.tell_passed();
        }
    }

    /// Returns how many windows it is more. Windows of a record are mostly of
    /// one shard and tenant, which are then looked for once.
    fn insert(&self, source: SourceId, windows: Vec<LiveWindow>, late_before_ms: i64) -> i64 {
        let mut added = 0;
        let mut windows = windows.into_iter().peekable();
        while let Some(first) = windows.next() {
            let index = self.shard_of(first.metric_id);
            let tenant = first.tenant.clone();
            let mut late_starts = BTreeSet::new();
            {
                let mut shard = self.shards[index].write();
                let series = shard.entry_ref(&tenant).or_default();
                let mut add = |live: LiveWindow| {
                    let start_ms = live.window.start_ms;
                    let held = Held::new(source, live.era, live.fragment, live.window);
                    let inserted = held::insert(series.entry(live.metric_id).or_default(), held);
                    added += i64::from(inserted == Inserted::New);
                    if start_ms < late_before_ms && inserted != Inserted::Known {
                        late_starts.insert(start_ms);
                    }
                };
                add(first);
                let same = |live: &LiveWindow| self.shard_of(live.metric_id) == index && live.tenant == tenant;
                while let Some(live) = windows.next_if(same) {
                    add(live);
                }
            }
            // After the windows, so that whoever sees the note sees them.
            if !late_starts.is_empty() {
                let noted_ms = self.watermarks.borrow().highest_ms().unwrap_or(i64::MIN);
                self.late.lock().note(&tenant, late_starts, noted_ms);
            }
        }
        added
    }

    /// Notes what the store has and lets go of it. Queries read the tail
    /// before the store, so what goes here they find there. What grew older
    /// than the limit goes too, and the oldest of what is too much, so that a
    /// store that is down costs a bounded amount of memory; that is counted and
    /// said. A store that does not say what it has has nothing new.
    fn evict(&self, progress: &[Progress]) {
        {
            let mut stored = self.stored.write();
            for progress in progress {
                let through = stored.entry(progress.source).or_default();
                *through = (*through).max(progress.closed_through);
            }
        }
        let highest_ms = self.watermarks.borrow().highest_ms();
        if let Some(highest_ms) = highest_ms {
            self.late.lock().forget_before(highest_ms.saturating_sub(LATE_KEPT_MS));
        }
        let oldest_ms = highest_ms.map(|highest| highest.saturating_sub(self.hold.longest_ms));
        let stored = self.stored.read().clone();
        let (mut dropped, mut left) = (0u64, 0i64);
        for shard in &self.shards {
            let mut shard = shard.write();
            for series in shard.values_mut() {
                series.retain(|_, windows| {
                    windows.retain(|held| {
                        let close = close_of(held.start_ms, held.era, held.fragment);
                        if stored.get(&held.source).is_some_and(|through| *through >= close) {
                            return false;
                        }
                        let too_old = oldest_ms.is_some_and(|oldest| held.start_ms < oldest);
                        dropped += u64::from(too_old);
                        !too_old
                    });
                    left += windows.len() as i64;
                    !windows.is_empty()
                });
            }
            shard.retain(|_, series| !series.is_empty());
        }
        if left > self.hold.max_windows {
            let too_many = self.drop_oldest(left - self.hold.max_windows);
            dropped += too_many;
            left -= i64::try_from(too_many).unwrap_or(left);
        }
        if dropped > 0 {
            tracing::warn!(windows = dropped, "live windows were dropped before the store had them");
            self.metrics.tail_dropped.inc_by(dropped);
        }
        self.metrics.tail_windows.set(left);
    }
}

impl Tail {
    /// Drops the oldest windows, all of the same start together, until it is
    /// `too_many` fewer at least. Gives their number.
    fn drop_oldest(&self, too_many: i64) -> u64 {
        let mut starts: BTreeMap<i64, i64> = BTreeMap::new();
        for shard in &self.shards {
            for held in shard.read().values().flat_map(HashMap::values).flatten() {
                *starts.entry(held.start_ms).or_default() += 1;
            }
        }
        let mut sum = 0;
        let last = starts.into_iter().find_map(|(start_ms, windows)| {
            sum += windows;
            (sum >= too_many).then_some(start_ms)
        });
        let Some(last_ms) = last else { return 0 };
        let mut dropped = 0;
        for shard in &self.shards {
            for series in shard.write().values_mut() {
                series.retain(|_, windows| {
                    let before = windows.len();
                    // Ascending by start.
                    windows.drain(..windows.partition_point(|held| held.start_ms <= last_ms));
                    dropped += (before - windows.len()) as u64;
                    windows.shrink_to(2 * windows.len());
                    !windows.is_empty()
                });
            }
        }
        dropped
    }
}

/// How long after its minute what came on time closes.
pub(crate) const GRACE_MS: i64 = 10_000;

/// The clock at which the fragment of a window closes, by fold v1: samples in
/// time 10 s after their minute, late ones at the end of the minute in which
/// they came, which is what their fragment's number says.
fn close_of(start_ms: i64, era: u32, fragment: u32) -> Clock {
    let effective_ms = match fragment {
        0 => minute_start_ms(minute_of(start_ms)) + MINUTE_MS + GRACE_MS,
        late => i64::from(late) * MINUTE_MS,
    };
    Clock { era, effective_ms }
}

#[cfg(test)]
mod tests;
