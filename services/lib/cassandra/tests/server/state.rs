//! What fold and compactor remember, in all orders of writing.

use tidegate_hotstore::HotStore;
use tidegate_model::{BatchId, Clock, HourState, SessionsSnapshot, Sighting, SightingsChunk, Touch};

use super::shared::{SOURCE, clean_up, config, cqlsh, open, reopen};

fn clock(era: u32, effective_ms: i64) -> Clock {
    Clock { era, effective_ms }
}

#[tokio::test]
async fn the_later_clock_stays_across_eras() {
    let Some(config) = config("clocks of hours on Cassandra") else { return };
    let store = open(&config).await;
    let now = 1_800_000_000_000;
    // Eras restart the time; beyond a thousand of them timestamps that held both would lie in the far future.
    let clocks = [clock(0, now), clock(0, now + 1), clock(1, now - 3_600_000), clock(5_000, 7), clock(u32::MAX, 0)];
    for (hour, order) in [(1, [0, 1, 2, 3, 4]), (2, [4, 3, 2, 1, 0]), (3, [2, 4, 0, 3, 1])] {
        for at in order {
            let late = (at % 2 == 0).then_some(clocks[at]);
            store.touch_hours(SOURCE, vec![Touch { hour, closed: clocks[at], late }]).await.expect("touch_hours");
        }
        // Shipping lags behind, in an era of its own.
        store.ship_hour(SOURCE, hour, clocks[1]).await.expect("ship_hour");
        store.ship_hour(SOURCE, hour, clocks[0]).await.expect("ship_hour");
    }
    for row in reopen(&config).await.read_hours().await.expect("read_hours") {
        let HourState { touched, late, shipped } = row.state;
        assert_eq!((touched, late, shipped), (clocks[4], Some(clocks[4]), Some(clocks[1])), "hour {}", row.hour);
        assert_eq!((row.source, row.shard), (SOURCE, SOURCE.partition));
    }
    clean_up(&config).await;
}

fn sighting(offset: u64, new_ids: u64) -> Sighting {
    Sighting { offset, batch: BatchId::Content(u128::from(offset)), clock: clock(0, offset as i64), new_ids }
}

fn chunk(minute: u32, new_ids: u64) -> SightingsChunk {
    let offset = u64::from(minute) * 10;
    SightingsChunk {
        source: SOURCE,
        era: 0,
        minute,
        entries: vec![sighting(offset, new_ids - 1), sighting(offset + 1, new_ids)],
    }
}

#[tokio::test]
async fn sightings_that_the_fold_has_forgotten_are_deleted() {
    let Some(config) = config("forgotten sightings on Cassandra") else { return };
    let store = open(&config).await;
    // An hour each; the last brings more ids than the fold remembers.
    let chunks: Vec<_> = (0..10).map(|hour| chunk(28_800_000 + hour * 60, 10 + u64::from(hour) * 2)).collect();
    store.write_sightings(chunks.clone()).await.expect("write_sightings");
    let last = chunk(28_800_000 + 600, 200_000);
    store.write_sightings(vec![last.clone()]).await.expect("write_sightings");
    let snapshot = |offset| SessionsSnapshot { source: SOURCE, offset, entries: Vec::new() };
    let read = || store.read_sightings(SOURCE, u64::MAX, 100);
    // Covers the first three hours only.
    store.write_sessions(snapshot(chunks[3].entries[0].offset)).await.expect("write_sessions");
    assert_eq!(read().await.expect("read_sightings").len(), 11 - 3);
    store.write_sessions(snapshot(last.entries[0].offset)).await.expect("write_sessions");
    let kept = read().await.expect("read_sightings");
    assert_eq!(kept.len(), 5, "the last four hours and the one under way");
    assert_eq!((&kept[0], &kept[4]), (&last, &chunks[6]));
    let session = cqlsh(&config).await;
    let answer = session.query_unpaged("SELECT count(*) FROM sightings", ()).await.expect("answered");
    let (rows,): (i64,) = answer.into_rows_result().expect("rows").single_row().expect("one row");
    assert_eq!(rows, 5);
    clean_up(&config).await;
}
