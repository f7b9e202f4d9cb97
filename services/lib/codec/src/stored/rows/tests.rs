use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tidegate_model::{
    HourState, LedgerEntry, LedgerKey, Progress, SeriesKind, SessionsSnapshot, Sighting, SightingsChunk,
};

use super::super::arbitrary;
use super::*;

fn entry() -> impl Strategy<Value = LedgerEntry> {
    any::<[u64; 4]>().prop_map(|[counted, duplicate, poison, gap]| LedgerEntry { counted, duplicate, poison, gap })
}

fn progress() -> impl Strategy<Value = Progress> {
    let key = any::<(u32, u32)>().prop_map(|(era, hour)| LedgerKey { era, hour });
    let clocks = [arbitrary::clock(), arbitrary::clock()];
    (arbitrary::source(), any::<[u64; 2]>(), clocks, btree_map(key, entry(), 0..5)).prop_map(
        |(source, [resume_offset, position], [resume_clock, closed_through], ledger)| Progress {
            source,
            resume_offset,
            resume_clock,
            closed_through,
            position,
            ledger,
        },
    )
}

fn sightings() -> impl Strategy<Value = Vec<Sighting>> {
    let sighting = (any::<[u64; 2]>(), arbitrary::batch(), arbitrary::clock())
        .prop_map(|([offset, new_ids], batch, clock)| Sighting { offset, batch, clock, new_ids });
    vec(sighting, 0..6)
}

fn series_kind() -> impl Strategy<Value = SeriesKind> {
    prop_oneof![
        Just(SeriesKind::Float),
        Just(SeriesKind::DeltaFloat),
        Just(SeriesKind::Histogram),
        Just(SeriesKind::DeltaDistribution)
    ]
}

/// No decoder panics on `bytes`.
fn decode_all(bytes: &[u8]) {
    let _ = decode_progress(bytes);
    let _ = decode_ledger_entry(bytes);
    let _ = decode_sightings(bytes);
    let _ = decode_sessions(bytes);
    let _ = decode_hour_state(bytes);
    let _ = decode_series(bytes);
    let _ = decode_metadata(bytes);
}

proptest! {
    #[test]
    fn progress_comes_back(progress in progress()) {
        prop_assert_eq!(decode_progress(&encode_progress(&progress)), Ok(progress));
    }

    #[test]
    fn ledger_entries_come_back(entry in entry()) {
        prop_assert_eq!(decode_ledger_entry(&encode_ledger_entry(&entry)), Ok(entry));
    }

    #[test]
    fn sightings_come_back(source in arbitrary::source(), era: u32, minute: u32, entries in sightings()) {
        let chunk = SightingsChunk { source, era, minute, entries };
        prop_assert_eq!(decode_sightings(&encode_sightings(&chunk)), Ok(chunk));
    }

    #[test]
    fn sessions_come_back(source in arbitrary::source(), offset: u64, entries in sightings()) {
        let snapshot = SessionsSnapshot { source, offset, entries };
        prop_assert_eq!(decode_sessions(&encode_sessions(&snapshot)), Ok(snapshot));
    }

    #[test]
    fn hours_come_back(
        touched in arbitrary::clock(),
        late in proptest::option::of(arbitrary::clock()),
        shipped in proptest::option::of(arbitrary::clock()),
    ) {
        let state = HourState { touched, late, shipped };
        prop_assert_eq!(decode_hour_state(&encode_hour_state(&state)), Ok(state));
    }

    #[test]
    fn series_come_back(kind in series_kind(), labels in arbitrary::labels()) {
        prop_assert_eq!(decode_series(&encode_series(kind, &labels)), Ok((kind, labels)));
    }

    #[test]
    fn metadata_comes_back(metadata in arbitrary::metadata()) {
        prop_assert_eq!(decode_metadata(&encode_metadata(&metadata)), Ok(metadata));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(mut bytes: Vec<u8>) {
        decode_all(&bytes);
        bytes.insert(0, 1);
        decode_all(&bytes);
    }

    #[test]
    fn damaged_rows_do_not_panic(bytes in progress().prop_flat_map(|p| arbitrary::mutated(encode_progress(&p)))) {
        decode_all(&bytes);
    }
}

#[test]
fn what_is_left_over_is_an_error() {
    let mut bytes = encode_ledger_entry(&LedgerEntry::default());
    bytes.push(0);
    assert_eq!(decode_ledger_entry(&bytes), Err(StoredError::Invalid("bytes after the end")));
    assert_eq!(decode_hour_state(&[3]), Err(StoredError::Version { format: "hour", found: 3 }));
    let state = HourState::default();
    assert_eq!(encode_hour_state(&state).len(), 4);
}
