//! What is deleted, and when not.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_coldstore::{Archive, ArchiveError, ObjectKey, Parts, Tier};
use tidegate_hotstore::{HotStore, HourRow, StoreError};
use tidegate_model::Progress;
use tidegate_model::time::HOURS_PER_DAY;
use tokio::time::Instant;

use crate::{Config, Error, TenantRetention};

const DAY: Duration = Duration::from_secs(86_400);

/// A clock that differs by more from the time that passed has jumped.
const JUMP_MS: i64 = 60_000;

/// The first day that the hot store keeps, and how many days of its retention
/// are kept longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotCut {
    pub rows_from_day: u32,
    pub held_days: u32,
}

/// Days that are not in the archive are held, but not for ever, so that a dead
/// archive does not fill the disk: once days have been held for as long as a
/// retention, those older than two are given up. What counts is how long they
/// were held, not their age: after a long standstill there must be time to
/// ship them.
pub fn hot_cut(today: u32, retention_days: u32, oldest_unarchived_hour: Option<u32>, held_for: Duration) -> HotCut {
    let due = today.saturating_sub(retention_days);
    let last = if held_for < DAY * retention_days { 0 } else { due.saturating_sub(retention_days) };
    let rows_from_day = oldest_unarchived_hour.map_or(due, |hour| (hour / HOURS_PER_DAY).clamp(last, due));
    HotCut { rows_from_day, held_days: due - rows_from_day }
}

/// The oldest hour of which the archive lacks something that the store has,
/// over or not, shipped before or never.
pub fn oldest_unarchived_hour(rows: &[HourRow]) -> Option<u32> {
    let lacks = |row: &&HourRow| row.state.shipped.is_none_or(|shipped| shipped < row.state.touched);
    rows.iter().filter(lacks).map(|row| row.hour).min()
}

/// Up to when all partitions of the log have been folded; `None` while one has
/// no progress yet. Nothing is too old by a later clock: what the log still
/// holds is yet to be stored, marked and shipped.
pub fn folded_through_ms(progress: &[Progress], epoch: u64, partitions: u16) -> Option<i64> {
    let current: Vec<_> = progress.iter().filter(|progress| progress.source.epoch == epoch).collect();
    if current.len() < usize::from(partitions) {
        return None;
    }
    current.iter().map(|progress| progress.closed_through.effective_ms).min()
}

/// Watches whether a clock goes as time passes. One that has just been set, or
/// has just been met, is no reason to delete anything.
#[derive(Debug, Default)]
pub struct SteadyClock {
    last: Option<(Instant, i64)>,
    since: Option<Instant>,
}

impl SteadyClock {
    /// How long the clock, which says `now_ms` at `at`, has gone without a
    /// jump.
    pub fn observe(&mut self, now_ms: i64, at: Instant) -> Duration {
        let jumped = self.last.is_none_or(|(last, last_ms)| {
            let passed_ms = i64::try_from(at.duration_since(last).as_millis()).unwrap_or(i64::MAX);
            now_ms.saturating_sub(last_ms).saturating_sub(passed_ms).saturating_abs() > JUMP_MS
        });
        self.last = Some((at, now_ms));
        if jumped {
            self.since = Some(at);
        }
        self.since.map_or(Duration::ZERO, |since| at.duration_since(since))
    }
}

pub async fn expire_hot(store: &dyn HotStore, cut: HotCut) -> Result<(), StoreError> {
    if cut.held_days > 0 {
        tracing::error!(
            held_days = cut.held_days,
            "the store keeps days beyond their retention, because they are not in the archive"
        );
    }
    store.expire(cut.rows_from_day).await
}

/// Days that the archive keeps the windows of each tier; 0: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    days: [u32; 3],
}

impl Retention {
    pub fn of(config: &Config, tenant: Option<&TenantRetention>) -> Self {
        let own = tenant.copied().unwrap_or_default();
        Self {
            days: [
                own.retention_5s_days.unwrap_or(config.retention_5s_days),
                own.retention_1m_days.unwrap_or(config.retention_1m_days),
                own.retention_1h_days.unwrap_or(config.retention_1h_days),
            ],
        }
    }

    /// By the names of the configuration.
    pub fn named(self) -> [(&'static str, u64); 3] {
        let [five_seconds, minute, hour] = self.days.map(u64::from);
        [("retention_5s_days", five_seconds), ("retention_1m_days", minute), ("retention_1h_days", hour)]
    }

    fn days(self, tier: Tier) -> u32 {
        match tier {
            Tier::FiveSeconds => self.days[0],
            Tier::Minute => self.days[1],
            Tier::Hour => self.days[2],
        }
    }

    /// A finer tier must outlive the changes of its hours, and not the coarser
    /// one, which would leave a gap where it ends.
    pub fn check(self, hot_retention_days: u32, of: &str) -> Result<(), Error> {
        let mut least = hot_retention_days + 1;
        for tier in Tier::ALL {
            let days = self.days(tier);
            if days > 0 && days < least {
                return Err(Error::ArchiveRetention { finer: tier.name(), of: of.to_owned(), days, least });
            }
            least = if days == 0 { u32::MAX } else { days };
        }
        Ok(())
    }

    /// Hours before this one may have left even the coarsest tier.
    pub fn gone_before_hour(self, today: u32) -> u32 {
        self.cut(Tier::Hour, today)
    }

    /// Hours before this one are past the tier's retention.
    fn cut(self, tier: Tier, today: u32) -> u32 {
        match self.days(tier) {
            0 => 0,
            days => today.saturating_sub(days) * HOURS_PER_DAY,
        }
    }
}

/// What was deleted from the archive, and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expired {
    pub deleted: u64,
    /// Objects that must be built before finer ones can go.
    pub wanted: BTreeSet<ObjectKey>,
}

/// Deletes what is past its retention in some shards, a finer object only when
/// a coarser one covers it.
pub async fn expire_archive(
    archive: &Archive,
    config: &Config,
    shards: &[u16],
    today: u32,
) -> Result<Expired, ArchiveError> {
    let mut expired = Expired::default();
    for tenant in archive.tenants().await? {
        let retention = config.retention(&tenant);
        // The coarse before the fine: a month that goes needs no days before.
        for tier in Tier::ALL.into_iter().rev() {
            let cut = retention.cut(tier, today);
            let listed = archive.list(&tenant, tier, 0..cut).await?;
            let keys = listed.into_iter().map(|listed| listed.key);
            let keys = keys.filter(|key| key.period.hours().end <= cut && shards.contains(&key.shard));
            expire_tier(archive, keys, retention, today, &mut expired).await?;
        }
    }
    if expired.deleted > 0 {
        tracing::info!(objects = expired.deleted, "deleted objects after their retention");
    }
    Ok(expired)
}

async fn expire_tier(
    archive: &Archive,
    keys: impl Iterator<Item = ObjectKey>,
    retention: Retention,
    today: u32,
    expired: &mut Expired,
) -> Result<(), ArchiveError> {
    // The one that was looked at last; keys come in the order of time.
    let mut covering: Option<(ObjectKey, Parts)> = None;
    for key in keys {
        if let Some(period) = key.period.coarser() {
            let coarser = ObjectKey { period, ..key.clone() };
            // What is past the coarser tier's retention too is not kept for it.
            if period.hours().end > retention.cut(period.tier(), today) {
                if covering.as_ref().is_none_or(|(at, _)| *at != coarser) {
                    let parts = archive.summary(&coarser).await?.map(|summary| summary.parts).unwrap_or_default();
                    covering = Some((coarser.clone(), parts));
                }
                let part = covering.as_ref().and_then(|(_, parts)| parts.0.get(&key.period.number()));
                let coverage = archive.coverage(&key).await?.unwrap_or_default();
                if part.is_none_or(|part| coverage.shrinks_to(&part.coverage).is_some()) {
                    expired.wanted.insert(coarser);
                    continue;
                }
            }
        }
        archive.delete(&key).await?;
        expired.deleted += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
