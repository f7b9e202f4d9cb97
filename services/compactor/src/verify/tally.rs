//! What is known of a line, and what follows. Pure.

use std::cmp::Ordering;

use tidegate_fold::Rules;
use tidegate_model::LedgerEntry;
use tidegate_model::time::MINUTE_MS;

use super::report::Verdict;

/// Counts of one (hour, source, era) from the three places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub ledger: Option<LedgerEntry>,
    /// `None` when the store does not hold the hour any more.
    pub stored: Option<Stored>,
    pub archived: Archived,
}

/// Samples in the store's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// In rows that the saved progress covers.
    pub closed: u64,
    /// In rows that closed after it.
    pub open: u64,
    /// In rows that had closed when the hour was last shipped.
    pub closed_when_shipped: u64,
    /// In the windows of all rows, decoded.
    pub recounted: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    pub mark: Mark,
    /// `None` when no object covers the line hour by hour.
    pub samples: Option<u64>,
    /// The line's day, when an object covers that only.
    pub day: Option<Day>,
    /// Retention may have taken some or all.
    pub may_be_gone: bool,
}

/// What the archive has of all hours of a day, through the line's source and
/// era.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    pub counted: u64,
    pub archived: u64,
}

/// What the store says of the hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing, or nothing any more.
    #[default]
    Absent,
    Touched,
    Shipped,
}

/// Effective time at which a fragment of `minute` closes, by the rules of the
/// fold.
pub fn close_ms(minute: u32, fragment: u32) -> i64 {
    match fragment {
        0 => (i64::from(minute) + 1) * MINUTE_MS + Rules::V1.grace_ms,
        late => i64::from(late) * MINUTE_MS,
    }
}

pub fn judge(facts: &Facts) -> Verdict {
    let ledger = facts.ledger.unwrap_or_default();
    if ledger.gap > 0 {
        return Verdict::LogGap;
    }
    if let Some(stored) = facts.stored {
        if stored.recounted != stored.closed + stored.open {
            return Verdict::Miscounted;
        }
        if stored.closed < ledger.counted {
            return Verdict::LostInStore;
        }
        if stored.closed > ledger.counted {
            return Verdict::SurplusInStore;
        }
    }
    judge_archive(facts, ledger.counted)
}

/// An object holds at least what had closed when the hour was marked as
/// shipped, and nothing that the store has not.
fn judge_archive(facts: &Facts, counted: u64) -> Verdict {
    let Archived { mark, samples, day, may_be_gone } = facts.archived;
    if let (None, Some(day)) = (facts.stored, day) {
        return match day.archived.cmp(&day.counted) {
            Ordering::Less if may_be_gone => Verdict::Expired,
            Ordering::Less => Verdict::LostInArchive,
            Ordering::Equal => Verdict::HoldsByDay,
            Ordering::Greater => Verdict::SurplusInArchive,
        };
    }
    match (facts.stored, samples) {
        (Some(_), None) if mark != Mark::Shipped => Verdict::NotShipped,
        (Some(stored), samples) => {
            let (samples, there) = (samples.unwrap_or(0), stored.closed + stored.open);
            if samples < stored.closed_when_shipped {
                Verdict::LostInArchive
            } else if samples > there {
                Verdict::SurplusInArchive
            } else if samples < stored.closed {
                Verdict::ToBeRebuilt
            } else {
                Verdict::Holds
            }
        }
        (None, Some(samples)) if samples < counted && may_be_gone => Verdict::Expired,
        (None, Some(samples)) if samples < counted => Verdict::LostInArchive,
        (None, Some(samples)) if samples > counted => Verdict::SurplusInArchive,
        (None, Some(_)) => Verdict::Holds,
        (None, None) if counted > 0 && mark == Mark::Touched => Verdict::LostInArchive,
        (None, None) => Verdict::Expired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(counted: u64, stored: Option<Stored>, mark: Mark, samples: Option<u64>) -> Facts {
        let ledger = Some(LedgerEntry { counted, ..LedgerEntry::default() });
        Facts { ledger, stored, archived: Archived { mark, samples, ..Archived::default() } }
    }

    fn stored(closed: u64, open: u64, closed_when_shipped: u64) -> Option<Stored> {
        Some(Stored { closed, open, closed_when_shipped, recounted: closed + open })
    }

    #[test]
    fn the_store_has_what_was_counted() {
        for (closed, verdict) in [(9, Verdict::LostInStore), (10, Verdict::NotShipped), (11, Verdict::SurplusInStore)] {
            assert_eq!(judge(&facts(10, stored(closed, 5, 0), Mark::Touched, None)), verdict);
        }
        let miscounted = Stored { recounted: 9, ..stored(10, 0, 0).unwrap_or_default() };
        assert_eq!(judge(&facts(10, Some(miscounted), Mark::Absent, None)), Verdict::Miscounted);
    }

    #[test]
    fn an_object_holds_at_least_what_it_was_marked_for() {
        for (samples, verdict) in [
            (None, Verdict::LostInArchive),
            (Some(7), Verdict::LostInArchive),
            (Some(8), Verdict::ToBeRebuilt),
            (Some(10), Verdict::Holds),
            (Some(12), Verdict::Holds),
            (Some(13), Verdict::SurplusInArchive),
        ] {
            assert_eq!(judge(&facts(10, stored(10, 2, 8), Mark::Shipped, samples)), verdict, "{samples:?}");
        }
    }

    #[test]
    fn once_the_store_has_expired_the_archive_answers_alone() {
        for (mark, samples, verdict) in [
            (Mark::Shipped, Some(10), Verdict::Holds),
            (Mark::Shipped, Some(9), Verdict::LostInArchive),
            (Mark::Shipped, Some(11), Verdict::SurplusInArchive),
            (Mark::Shipped, None, Verdict::Expired),
            (Mark::Touched, None, Verdict::LostInArchive),
            (Mark::Absent, None, Verdict::Expired),
        ] {
            assert_eq!(judge(&facts(10, None, mark, samples)), verdict, "{mark:?} {samples:?}");
        }
    }

    #[test]
    fn what_the_log_lost_is_never_all_right() {
        let mut facts = facts(10, stored(10, 0, 10), Mark::Shipped, Some(10));
        assert_eq!(judge(&facts), Verdict::Holds);
        facts.ledger = Some(LedgerEntry { counted: 10, gap: 1, ..LedgerEntry::default() });
        assert_eq!(judge(&facts), Verdict::LogGap);
    }
}
