//! What is deleted, and when not.

use std::time::Duration;

use tidegate_coldstore::{Archive, ArchiveError};
use tidegate_hotstore::{HotStore, HourRow, StoreError};
use tidegate_model::Progress;
use tidegate_model::time::HOURS_PER_DAY;
use tokio::time::Instant;

use crate::Config;

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

/// Answers how many objects were deleted.
pub async fn expire_archive(archive: &Archive, config: &Config, today: u32) -> Result<u64, ArchiveError> {
    let Some(days) = (config.retention_5s_days > 0).then_some(config.retention_5s_days) else { return Ok(0) };
    let before_hour = today.saturating_sub(days) * HOURS_PER_DAY;
    let mut deleted = 0;
    for tenant in archive.tenants().await? {
        deleted += archive.expire(&tenant, before_hour).await?;
    }
    if deleted > 0 {
        tracing::info!(objects = deleted, retention_days = days, "deleted objects after their retention");
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests;
