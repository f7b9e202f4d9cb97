use proptest::prelude::*;
use tidegate_model::time::MINUTES_PER_HOUR;
use tidegate_model::{BatchId, MetricId, Sighting, SourceId, TenantId};

use super::*;

const SOURCE: SourceId = SourceId { epoch: 1, partition: 2 };

fn row(minute: u32) -> RowKey {
    RowKey { tenant: TenantId::default(), metric_id: MetricId(7), minute, source: SOURCE, era: 0, fragment: 0 }
}

fn sightings(minute: u32, entries: usize) -> SightingsChunk {
    let clock = Clock { era: 0, effective_ms: 0 };
    let entry = Sighting { offset: 1, batch: BatchId::Content(1), clock, new_ids: 1 };
    SightingsChunk { source: SOURCE, era: 0, minute, entries: vec![entry; entries] }
}

proptest! {
    #[test]
    fn the_fuller_row_is_later(minute: u32, a: u32, b: u32) {
        let key = row(minute);
        prop_assert_eq!(of_row(&key, a).cmp(&of_row(&key, b)), a.cmp(&b));
    }

    #[test]
    fn the_fuller_sightings_are_later_and_all_before_their_deletion(minute in 0u32..1 << 30, a in 0usize..99, b in 0usize..99) {
        let (one, other) = (sightings(minute, a), sightings(minute, b));
        prop_assert_eq!(of_sightings(&one).cmp(&of_sightings(&other)), a.cmp(&b));
        prop_assert!(of_sightings(&one) < after_sightings(minute / MINUTES_PER_HOUR));
    }

    #[test]
    fn times_keep_their_order(a in -1i64 << 42..1 << 42, b in -1i64 << 42..1 << 42) {
        let clock = |effective_ms| Clock { era: 3, effective_ms };
        prop_assert_eq!(within_era(clock(a)).cmp(&within_era(clock(b))), a.cmp(&b));
    }

    #[test]
    fn offsets_keep_their_order(a in 0u64..1 << 62, b in 0u64..1 << 62) {
        prop_assert_eq!(of_offset(a).cmp(&of_offset(b)), a.cmp(&b));
    }
}
