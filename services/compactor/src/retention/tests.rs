use std::collections::BTreeMap;

use tidegate_model::{Clock, HourState, SourceId};

use super::*;

#[test]
fn days_leave_after_their_retention() {
    let cut = |today, oldest| hot_cut(today, 8, oldest, Duration::ZERO);
    assert_eq!(cut(100, None), HotCut { rows_from_day: 92, held_days: 0 });
    assert_eq!(cut(100, Some(99 * 24)), HotCut { rows_from_day: 92, held_days: 0 });
    assert_eq!(cut(3, None), HotCut { rows_from_day: 0, held_days: 0 });
}

#[test]
fn days_that_are_not_archived_are_given_up_by_how_long_they_were_held() {
    let cut = |oldest_day: u32, held_days: u32| hot_cut(100, 8, Some(oldest_day * 24 + 5), DAY * held_days);
    assert_eq!(cut(90, 0), HotCut { rows_from_day: 90, held_days: 2 });
    assert_eq!(cut(10, 7), HotCut { rows_from_day: 10, held_days: 82 });
    assert_eq!(cut(10, 8), HotCut { rows_from_day: 84, held_days: 8 });
    assert_eq!(cut(90, 8), HotCut { rows_from_day: 90, held_days: 2 });
}

fn row(hour: u32, touched_ms: i64, shipped_ms: Option<i64>) -> HourRow {
    let clock = |effective_ms| Clock { era: 0, effective_ms };
    let state = HourState { touched: clock(touched_ms), late: None, shipped: shipped_ms.map(clock) };
    HourRow { shard: 0, hour, source: SourceId { epoch: 1, partition: 0 }, state }
}

#[test]
fn whatever_the_archive_lacks_counts() {
    let never = row(7, 10, None);
    let to_be_rebuilt = row(5, 10, Some(9));
    let done = row(3, 10, Some(10));
    assert_eq!(oldest_unarchived_hour(&[never, done]), Some(7));
    assert_eq!(oldest_unarchived_hour(&[never, to_be_rebuilt, done]), Some(5));
    assert_eq!(oldest_unarchived_hour(&[done]), None);
}

#[test]
fn the_slowest_partition_of_the_log_says_what_is_folded() {
    let of = |epoch, partition, effective_ms| Progress {
        source: SourceId { epoch, partition },
        resume_offset: 0,
        resume_clock: Clock::default(),
        closed_through: Clock { era: 0, effective_ms },
        position: 0,
        ledger: BTreeMap::new(),
    };
    let progress = [of(1, 0, 3), of(2, 0, 50), of(2, 1, 40)];
    assert_eq!(folded_through_ms(&progress, 2, 2), Some(40));
    assert_eq!(folded_through_ms(&progress, 2, 3), None);
    assert_eq!(folded_through_ms(&progress, 3, 1), None);
}

#[test]
fn a_clock_that_jumps_has_to_prove_itself_anew() {
    let (mut clock, start) = (SteadyClock::default(), Instant::now());
    let mut at = |seconds: u64, now_ms: i64| clock.observe(now_ms, start + Duration::from_secs(seconds)).as_secs();
    assert_eq!(at(0, 1_000_000), 0);
    assert_eq!(at(600, 1_600_000), 600);
    assert_eq!(at(1_200, 2_259_000), 1_200, "a clock that is set right by less than a minute");
    assert_eq!(at(1_210, 90_000_000_000), 0);
    assert_eq!(at(1_220, 90_000_010_000), 10);
    assert_eq!(at(1_230, 2_280_000), 0, "back again");
}
