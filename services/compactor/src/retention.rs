//! What is deleted, and when not.

use tidegate_coldstore::{Archive, ArchiveError};
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::time::HOURS_PER_DAY;

use crate::Config;

/// The first day that the hot store keeps, and how many days of its retention
/// are kept longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotCut {
    pub rows_from_day: u32,
    pub held_days: u32,
}

/// Days that are not in the archive are held, but not for ever: no longer than
/// twice their retention, so that a dead archive does not fill the disk.
pub fn hot_cut(today: u32, retention_days: u32, oldest_unshipped_hour: Option<u32>) -> HotCut {
    let due = today.saturating_sub(retention_days);
    let last = due.saturating_sub(retention_days);
    let rows_from_day = oldest_unshipped_hour.map_or(due, |hour| (hour / HOURS_PER_DAY).clamp(last, due));
    HotCut { rows_from_day, held_days: due - rows_from_day }
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
mod tests {
    use super::*;

    #[test]
    fn days_leave_after_their_retention() {
        assert_eq!(hot_cut(100, 8, None), HotCut { rows_from_day: 92, held_days: 0 });
        assert_eq!(hot_cut(100, 8, Some(99 * 24)), HotCut { rows_from_day: 92, held_days: 0 });
        assert_eq!(hot_cut(3, 8, None), HotCut { rows_from_day: 0, held_days: 0 });
    }

    #[test]
    fn days_that_are_not_archived_stay_but_not_for_ever() {
        assert_eq!(hot_cut(100, 8, Some(90 * 24 + 5)), HotCut { rows_from_day: 90, held_days: 2 });
        assert_eq!(hot_cut(100, 8, Some(10 * 24)), HotCut { rows_from_day: 84, held_days: 8 });
    }
}
