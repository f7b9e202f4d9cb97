use proptest::prelude::*;

use super::*;

#[test]
fn pairs_are_sorted_and_empty_values_dropped() {
    let labels = Labels::from_pairs([("job", "node"), ("__name__", "up"), ("zone", "")]).unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), [("__name__", "up"), ("job", "node")]);
    assert_eq!(labels.to_string(), r#"up{job="node"}"#);
}

#[test]
fn a_name_given_twice_is_refused() {
    assert_eq!(Labels::from_pairs([("a", "1"), ("a", "2")]), Err(LabelsError::Duplicate("a".into())));
}

#[test]
fn unsorted_or_truncated_bytes_are_refused() {
    let mut bytes = Vec::new();
    push_pair(&mut bytes, "b", "1");
    push_pair(&mut bytes, "a", "1");
    assert!(Labels::from_bytes(&bytes).is_err());
    assert!(Labels::from_bytes(&bytes[..3]).is_err());
}

#[test]
fn the_id_is_part_of_the_stored_format() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]).unwrap();
    let id = MetricId::of(&TenantId::default(), &labels);
    assert_eq!(id.to_string(), "055ca020ea23dd77652d1565db266414");
    assert_ne!(id, MetricId::of(&TenantId::new("other").unwrap(), &labels));
}

#[test]
fn ids_of_many_series_are_the_same() {
    let (tenant, other) = (TenantId::default(), TenantId::new("other").unwrap());
    let mut ids = MetricIds::of(&tenant);
    for length in [0, 1, 5, 200, 3, 1_000] {
        let labels = vec![b'x'; length];
        assert_eq!(ids.of_canonical(&labels), MetricId::of_canonical(&tenant, &labels));
    }
    ids.begin(&other);
    assert_eq!(ids.of_canonical(b"x"), MetricId::of_canonical(&other, b"x"));
}

proptest! {
    #[test]
    fn the_partition_is_the_id_modulo_partitions(id: u128, partitions: u16) {
        prop_assert_eq!(u128::from(MetricId(id).partition(partitions)), id % u128::from(partitions.max(1)));
    }

    #[test]
    fn canonical_bytes_round_trip(pairs in prop::collection::btree_map(".{1,40}", ".{0,200}", 0..8)) {
        let labels = Labels::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))).unwrap();
        prop_assert_eq!(&Labels::from_bytes(labels.as_bytes()).unwrap(), &labels);
        let kept = pairs.iter().filter(|(_, v)| !v.is_empty()).count();
        prop_assert_eq!(labels.len(), kept);
    }
}
