//! What the fold and the compactor remember.

use std::collections::BTreeMap;

use tidegate_model::{
    BatchId, Clock, HourState, LedgerEntry, LedgerKey, Progress, SessionsSnapshot, Sighting, SightingsChunk, SourceId,
    Touch,
};

use super::{Harness, SOURCE};
use crate::HourRow;

const OTHER: SourceId = SourceId { epoch: SOURCE.epoch, partition: SOURCE.partition + 1 };

pub(super) async fn run(harness: &dyn Harness) {
    progress_never_goes_back(harness).await;
    the_chunk_with_more_sightings_stays(harness).await;
    sightings_are_read_from_the_latest_back(harness).await;
    the_latest_snapshot_before_an_offset_is_read(harness).await;
    ledger_entries_are_kept(harness).await;
    hours_only_move_forward(harness).await;
    the_first_partition_count_stays(harness).await;
}

pub(super) fn progress(source: SourceId, position: u64) -> Progress {
    let clock = Clock { era: 1, effective_ms: position as i64 * 1_000 };
    let entry = LedgerEntry { counted: position, ..LedgerEntry::default() };
    let ledger = BTreeMap::from([(LedgerKey { era: 1, hour: 500_000 }, entry)]);
    Progress { source, resume_offset: position / 2, resume_clock: clock, closed_through: clock, position, ledger }
}

pub(super) fn sightings(source: SourceId, minute: u32, offsets: &[u64]) -> SightingsChunk {
    let entries = offsets.iter().map(|offset| sighting(*offset)).collect();
    SightingsChunk { source, era: 0, minute, entries }
}

fn sighting(offset: u64) -> Sighting {
    let clock = Clock { era: 0, effective_ms: offset as i64 };
    Sighting { offset, batch: BatchId::Session { session: 7, sequence: offset }, clock, new_ids: offset + 1 }
}

async fn progress_never_goes_back(harness: &dyn Harness) {
    let store = harness.create().await;
    assert_eq!(store.load_progress(SOURCE).await.expect("load_progress"), None);
    for position in [10, 30, 20] {
        store.save_progress(progress(SOURCE, position)).await.expect("save_progress");
    }
    store.save_progress(progress(OTHER, 5)).await.expect("save_progress");
    assert_eq!(store.load_progress(SOURCE).await.expect("load_progress"), Some(progress(SOURCE, 30)));
    let mut all = store.all_progress().await.expect("all_progress");
    all.sort_by_key(|progress| progress.source);
    assert_eq!(all, [progress(SOURCE, 30), progress(OTHER, 5)]);
    let mut same_position = progress(SOURCE, 30);
    same_position.resume_offset = 29;
    store.save_progress(same_position.clone()).await.expect("save_progress");
    assert_eq!(store.load_progress(SOURCE).await.expect("load_progress"), Some(same_position));
}

async fn the_chunk_with_more_sightings_stays(harness: &dyn Harness) {
    let store = harness.create().await;
    for offsets in [&[1][..], &[1, 2, 3], &[1, 2]] {
        store.write_sightings(vec![sightings(SOURCE, 50, offsets)]).await.expect("write_sightings");
    }
    let read = store.read_sightings(SOURCE, 100, 100).await.expect("read_sightings");
    assert_eq!(read, [sightings(SOURCE, 50, &[1, 2, 3])]);
}

async fn sightings_are_read_from_the_latest_back(harness: &dyn Harness) {
    let store = harness.create().await;
    let chunks: Vec<SightingsChunk> =
        (0..6u32).map(|n| sightings(SOURCE, 250 + n, &[u64::from(n) * 10, u64::from(n) * 10 + 5])).collect();
    store.write_sightings(chunks.clone()).await.expect("write_sightings");
    store.write_sightings(vec![sightings(OTHER, 252, &[1])]).await.expect("write_sightings");
    let later_era = SightingsChunk { era: 1, ..sightings(SOURCE, 100, &[60]) };
    store.write_sightings(vec![later_era.clone()]).await.expect("write_sightings");
    let read = |before, max| store.read_sightings(SOURCE, before, max);
    assert_eq!(read(u64::MAX, 2).await.expect("read_sightings"), [later_era, chunks[5].clone()]);
    assert_eq!(read(31, 2).await.expect("read_sightings"), [chunks[3].clone(), chunks[2].clone()]);
    assert_eq!(read(30, 1).await.expect("read_sightings"), [chunks[2].clone()]);
    assert_eq!(read(0, 9).await.expect("read_sightings"), []);
}

async fn the_latest_snapshot_before_an_offset_is_read(harness: &dyn Harness) {
    let store = harness.create().await;
    let snapshot = |offset| SessionsSnapshot { source: SOURCE, offset, entries: vec![sighting(offset / 2)] };
    for offset in [100, 300, 200] {
        store.write_sessions(snapshot(offset)).await.expect("write_sessions");
    }
    assert_eq!(store.read_sessions(SOURCE, 99).await.expect("read_sessions"), None);
    assert_eq!(store.read_sessions(SOURCE, 250).await.expect("read_sessions"), Some(snapshot(200)));
    assert_eq!(store.read_sessions(SOURCE, 300).await.expect("read_sessions"), Some(snapshot(300)));
    assert_eq!(store.read_sessions(OTHER, 300).await.expect("read_sessions"), None);
}

async fn ledger_entries_are_kept(harness: &dyn Harness) {
    let store = harness.create().await;
    let entry = |n| LedgerEntry { counted: n, duplicate: n + 1, poison: n + 2, gap: n + 3 };
    let key = |era, hour| LedgerKey { era, hour };
    let entries = vec![(key(0, 500_001), entry(1)), (key(1, 500_000), entry(2)), (key(0, 500_000), entry(3))];
    store.write_ledger(SOURCE, entries).await.expect("write_ledger");
    store.write_ledger(SOURCE, vec![(key(1, 500_000), entry(9))]).await.expect("write_ledger");
    store.write_ledger(OTHER, vec![(key(1, 500_000), entry(5))]).await.expect("write_ledger");
    let mut read = store.read_ledger(SOURCE).await.expect("read_ledger");
    read.sort_by_key(|(key, _)| *key);
    assert_eq!(read, [(key(0, 500_000), entry(3)), (key(0, 500_001), entry(1)), (key(1, 500_000), entry(9))]);
}

async fn hours_only_move_forward(harness: &dyn Harness) {
    let store = harness.create().await;
    let clock = |era, effective_ms| Clock { era, effective_ms };
    store
        .touch_hours(SOURCE, vec![Touch::on_time(500, clock(0, 70)), Touch::on_time(501, clock(0, 80))])
        .await
        .expect("touch_hours");
    store.ship_hour(SOURCE, 500, clock(0, 70)).await.expect("ship_hour");
    let late = |hour, clock| Touch { hour, closed: clock, late: Some(clock) };
    store.touch_hours(SOURCE, vec![late(500, clock(1, 10)), late(501, clock(0, 75))]).await.expect("touch_hours");
    store.touch_hours(SOURCE, vec![late(500, clock(1, 9)), late(501, clock(0, 74))]).await.expect("touch_hours");
    store.touch_hours(SOURCE, vec![Touch::on_time(501, clock(0, 90))]).await.expect("touch_hours");
    store.touch_hours(OTHER, vec![Touch::on_time(500, clock(0, 1))]).await.expect("touch_hours");
    store.ship_hour(SOURCE, 500, clock(0, 60)).await.expect("an older ship_hour");
    let mut hours = store.read_hours().await.expect("read_hours");
    hours.sort_by_key(|row| (row.hour, row.source));
    let row = |hour, source: SourceId, touched, late, shipped| HourRow {
        shard: source.partition,
        hour,
        source,
        state: HourState { touched, late, shipped },
    };
    let expected = [
        row(500, SOURCE, clock(1, 10), Some(clock(1, 10)), Some(clock(0, 70))),
        row(500, OTHER, clock(0, 1), None, None),
        row(501, SOURCE, clock(0, 90), Some(clock(0, 75)), None),
    ];
    assert_eq!(hours, expected);
}

async fn the_first_partition_count_stays(harness: &dyn Harness) {
    let store = harness.create().await;
    assert_eq!(store.partition_count(12).await.expect("partition_count"), 12);
    assert_eq!(store.partition_count(16).await.expect("partition_count"), 12);
}
