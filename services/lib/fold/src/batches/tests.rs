use super::*;

const SOURCE: SourceId = SourceId { epoch: 1, partition: 0 };
const RULES: Rules = Rules { forget_ms: 60_000, forget_ids: 3, forget_session_ms: 3_600_000, ..Rules::V1 };

fn clock(effective_ms: i64) -> Clock {
    Clock { era: 0, effective_ms }
}

fn batches() -> Batches {
    Batches::new(SOURCE, RULES, clock(0), Vec::new(), None)
}

/// One record with one batch.
fn read(batches: &mut Batches, offset: u64, before: i64, now: i64, batch: BatchId) -> Admission {
    batches.begin_record(offset, clock(before), clock(now));
    batches.admit(offset, batch, clock(now))
}

fn session(session: u128, sequence: u64) -> BatchId {
    BatchId::Session { session, sequence }
}

#[test]
fn a_content_id_is_forgotten_only_when_both_time_and_ids_have_passed() {
    let mut batches = batches();
    assert_eq!(read(&mut batches, 0, 0, 0, BatchId::Content(1)), Admission::New);
    assert_eq!(read(&mut batches, 1, 0, 100_000, BatchId::Content(1)), Admission::Duplicate);
    for id in 2..=5 {
        assert_eq!(read(&mut batches, id, 100_000, 100_000, BatchId::Content(id.into())), Admission::New);
    }
    assert_eq!(read(&mut batches, 6, 100_000, 160_000, BatchId::Content(1)), Admission::Duplicate);
    for id in 7..=10 {
        read(&mut batches, id, 160_000, 220_001, BatchId::Content(id.into()));
    }
    assert_eq!(read(&mut batches, 11, 220_001, 220_001, BatchId::Content(1)), Admission::New);
}

#[test]
fn a_session_takes_rising_sequences_only() {
    let mut batches = batches();
    let admissions = [3, 3, 2, 5, 4].map(|sequence| read(&mut batches, sequence, 0, 0, session(9, sequence)));
    use Admission::{Duplicate, New};
    assert_eq!(admissions, [New, Duplicate, Duplicate, New, Duplicate]);
}

#[test]
fn memory_is_bounded_by_the_forgetting_rule() {
    let mut batches = batches();
    for number in 0..100_000u64 {
        let now = number as i64 * 1_000;
        read(&mut batches, number, now - 1_000, now, BatchId::Content(u128::from(number) << 64));
        // The same batch again and again must not pile up either.
        read(&mut batches, number, now, now, BatchId::Content(7));
    }
    assert!(batches.len() < 70, "{}", batches.len());
}

#[test]
fn a_take_over_goes_on_with_the_whole_minute() {
    let mut first = batches();
    read(&mut first, 0, 0, 1_000, BatchId::Content(1));
    read(&mut first, 1, 1_000, 2_000, session(4, 1));
    let [chunk] = &first.take_sightings()[..] else { panic!() };
    assert_eq!(chunk.entries.len(), 2);

    let mut second = Batches::new(SOURCE, RULES, clock(1_000), chunk.entries[..1].to_vec(), None);
    assert!(second.take_sightings().is_empty());
    assert_eq!(read(&mut second, 1, 1_000, 2_000, session(4, 1)), Admission::New);
    assert_eq!(read(&mut second, 2, 2_000, 3_000, BatchId::Content(1)), Admission::Duplicate);
    let [longer] = &second.take_sightings()[..] else { panic!() };
    assert_eq!(longer.entries[..2], chunk.entries[..]);
    assert_eq!(longer.entries.iter().map(|s| s.new_ids).collect::<Vec<_>>(), [1, 2, 2]);
}

#[test]
fn an_hour_begins_with_a_snapshot_of_the_sessions() {
    let mut batches = batches();
    read(&mut batches, 0, 0, 0, session(1, 8));
    for offset in 1..6 {
        read(&mut batches, offset, 0, 3_599_999, session(2, offset));
    }
    read(&mut batches, 6, 3_599_999, 3_600_001, session(2, 6));
    let [snapshot] = &batches.take_sessions()[..] else { panic!() };
    let known: Vec<_> = snapshot.entries.iter().map(|s| (s.batch, s.offset)).collect();
    assert_eq!((snapshot.offset, known), (6, vec![(session(2, 5), 5)]), "session 1 was silent for an hour");

    let sightings: Vec<_> = batches.take_sightings().into_iter().flat_map(|chunk| chunk.entries).collect();
    let before: Vec<_> = sightings.into_iter().filter(|s| s.offset < 7).collect();
    let mut resumed = Batches::new(SOURCE, RULES, clock(3_600_001), before, Some(snapshot.clone()));
    assert_eq!(read(&mut resumed, 7, 3_600_001, 3_600_001, session(2, 6)), Admission::Duplicate);
    assert_eq!(read(&mut resumed, 8, 3_600_001, 3_600_001, session(1, 8)), Admission::New);
}

#[test]
fn without_sessions_a_take_over_still_need_not_read_everything() {
    let mut batches = batches();
    let minutes = 3 * 60;
    for minute in 0..minutes {
        let now = minute * 60_000;
        let id = BatchId::Content(minute as u128 + 1);
        read(&mut batches, minute as u64, (now - 60_000).max(0), now, id);
    }
    let snapshots = batches.take_sessions();
    assert_eq!(snapshots.iter().map(|s| s.offset).collect::<Vec<_>>(), [60, 120], "one for every hour that began");
    let sightings: Vec<_> = batches.take_sightings().into_iter().flat_map(|chunk| chunk.entries).collect();
    let latest = Sighting { new_ids: Rules::V1.forget_ids + 100, ..*sightings.last().unwrap() };
    let horizon = Horizon::new(clock((minutes - 1) * 60_000), &latest, snapshots.last());
    assert!(horizon.covered_by(&sightings[0]), "the first hour's sightings make no difference");
}

#[test]
fn the_horizon_reaches_back_until_nothing_before_matters() {
    let at = |effective_ms, offset, new_ids| Sighting {
        offset,
        batch: BatchId::Content(1),
        clock: clock(effective_ms),
        new_ids,
    };
    let now_ms = 10_000_000;
    let latest = at(now_ms, 99_000, 200_000);
    let snapshot = SessionsSnapshot { source: SOURCE, offset: 50_000, entries: Vec::new() };
    let horizon = Horizon::new(clock(now_ms), &latest, Some(&snapshot));
    let long_ago = now_ms - Rules::V1.forget_ms - 1;
    let few_ids = 200_000 - Rules::V1.forget_ids;
    assert!(horizon.covered_by(&at(long_ago, 49_999, few_ids - 1)));
    assert!(!horizon.covered_by(&at(long_ago, 50_000, few_ids - 1)), "sessions since the snapshot");
    assert!(!horizon.covered_by(&at(long_ago, 49_999, few_ids)), "too few ids since");
    assert!(!horizon.covered_by(&at(long_ago + 1, 49_999, few_ids - 1)), "too recent");
    assert!(!Horizon::new(clock(now_ms), &latest, None).covered_by(&at(0, 0, 1)), "no snapshot: all sessions");
}
