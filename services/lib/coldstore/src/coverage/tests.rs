use proptest::prelude::*;

use super::*;

fn source(partition: u16) -> SourceId {
    SourceId { epoch: 9, partition }
}

#[test]
fn the_text_names_source_clock_and_eras() {
    let mut coverage = Coverage::default();
    coverage.count(source(3), 0, 10);
    coverage.count(source(3), 1, 5);
    coverage.count(source(3), 1, 1);
    coverage.sources.get_mut(&source(3)).unwrap().clock = Clock { era: 1, effective_ms: 42 };
    assert_eq!(coverage.to_text(), "9/3@1:42=0:10,1:6");
    assert_eq!(coverage.samples(), 16);
}

#[test]
fn a_source_and_era_with_fewer_samples_is_named() {
    let (mut old, mut new) = (Coverage::default(), Coverage::default());
    old.count(source(1), 0, 10);
    new.count(source(1), 0, 10);
    new.count(source(1), 2, 5);
    new.count(source(2), 0, 1);
    assert_eq!(old.shrinks_to(&new), None);
    assert_eq!(new.shrinks_to(&old), Some(Shrunk { source: source(1), era: 2, archived: 5, rebuilt: 0 }));
}

/// As many samples of another era are other samples.
#[test]
fn one_era_does_not_make_up_for_another() {
    let (mut old, mut new) = (Coverage::default(), Coverage::default());
    old.count(source(1), 0, 10);
    new.count(source(1), 0, 9);
    new.count(source(1), 1, 50);
    assert_eq!(old.shrinks_to(&new), Some(Shrunk { source: source(1), era: 0, archived: 10, rebuilt: 9 }));
}

#[test]
fn other_text_is_refused() {
    for text in ["9/3", "9/3@1:2", "9/3@1:2=x", "9/3@1=0:1", "9/99999@1:2="] {
        assert!(Coverage::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn text_round_trips(entries in prop::collection::vec((any::<u64>(), any::<u16>(), any::<u32>(), any::<i64>(),
        prop::collection::btree_map(any::<u32>(), any::<u64>(), 0..4)), 0..5)) {
        let sources = entries.into_iter().map(|(epoch, partition, era, effective_ms, samples_by_era)| {
            (SourceId { epoch, partition }, SourceCoverage { clock: Clock { era, effective_ms }, samples_by_era })
        });
        let coverage = Coverage { sources: sources.collect() };
        prop_assert_eq!(Coverage::parse(&coverage.to_text()), Ok(coverage));
    }
}
