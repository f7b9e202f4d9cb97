use tidegate_model::HourState;

use super::*;

const EPOCH: u64 = 7;
const HOUR: u32 = 1000;
const END_MS: i64 = (HOUR as i64 + 1) * HOUR_MS;
const SETTLE: Settle = Settle { rest_ms: 300_000, limit_ms: 3_600_000 };

fn source(epoch: u64) -> SourceId {
    SourceId { epoch, partition: 3 }
}

fn clock(effective_ms: i64) -> Clock {
    Clock { era: 0, effective_ms }
}

fn row(epoch: u64, touched_ms: i64, shipped_ms: Option<i64>) -> HourRow {
    let state = HourState { touched: clock(touched_ms), late: None, shipped: shipped_ms.map(clock) };
    HourRow { shard: 3, hour: HOUR, source: source(epoch), state }
}

fn pending(rows: &[HourRow], closed_ms: i64) -> Pending {
    Waiting::default().pending(rows, &BTreeMap::from([(source(EPOCH), clock(closed_ms))]), EPOCH, SETTLE)
}

#[test]
fn an_hour_waits_for_its_end_and_its_rest() {
    let rows = [row(EPOCH, END_MS + 10_000, None)];
    for (closed_ms, due) in [(END_MS + 9_999, 0), (END_MS + 10_000, 0), (END_MS + 309_999, 0), (END_MS + 310_000, 1)] {
        let pending = pending(&rows, closed_ms);
        assert_eq!((pending.due.len(), pending.waiting), (due, 1 - due), "closed through {closed_ms}");
    }
}

#[test]
fn what_is_shipped_as_touched_is_done() {
    let done = pending(&[row(EPOCH, END_MS, Some(END_MS))], i64::MAX);
    assert_eq!(done, Pending::default());
    let again = pending(&[row(EPOCH, END_MS + 1, Some(END_MS))], i64::MAX);
    assert!(again.due[0].rebuild);
    assert_eq!(again.due[0].touched, BTreeMap::from([(source(EPOCH), clock(END_MS + 1))]));
    assert_eq!(again.oldest_unshipped, None);
}

#[test]
fn a_source_without_progress_is_not_over() {
    let rows = [row(EPOCH, END_MS, None)];
    let pending = Waiting::default().pending(&rows, &BTreeMap::new(), EPOCH, SETTLE);
    assert_eq!((pending.due.len(), pending.waiting, pending.oldest_unshipped), (0, 1, None));
}

#[test]
fn a_log_that_is_gone_holds_nothing_up() {
    let alone = pending(&[row(1, END_MS - 1, None)], 0);
    assert_eq!((alone.due.len(), alone.oldest_unshipped), (1, Some(HOUR)));
    let beside_the_new = [row(1, END_MS - 1, None), row(EPOCH, END_MS, None)];
    assert_eq!(pending(&beside_the_new, END_MS).due, []);
    assert_eq!(pending(&beside_the_new, END_MS + 310_000).due[0].touched.len(), 2);
}

#[test]
fn a_new_era_is_rest_enough() {
    let closed = BTreeMap::from([(source(EPOCH), Clock { era: 1, effective_ms: END_MS + 10_000 })]);
    let rows = [row(EPOCH, END_MS + 3_000_000, None)];
    assert_eq!(Waiting::default().pending(&rows, &closed, EPOCH, SETTLE).due.len(), 1);
}

/// Samples that trickle in for ever must not keep an hour out of the archive.
#[test]
fn an_hour_that_never_rests_is_shipped_at_the_limit() {
    let mut waiting = Waiting::default();
    let mut at = |closed_ms: i64| {
        let closed = BTreeMap::from([(source(EPOCH), clock(closed_ms))]);
        waiting.pending(&[row(EPOCH, closed_ms - 1, None)], &closed, EPOCH, SETTLE).due.len()
    };
    let start_ms = END_MS + 10_000;
    let due: Vec<_> = (0..=60).map(|minute| at(start_ms + minute * 60_000)).collect();
    assert_eq!(due[..60], [0; 60]);
    assert_eq!(due[60], 1);
}
