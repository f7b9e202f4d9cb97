use tidegate_model::{Labels, MetricId, TenantId};

use super::*;

fn index(series: &[&[(&str, &str)]]) -> TenantIndex {
    let mut index = TenantIndex::default();
    for pairs in series {
        let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
        index.insert(MetricId::of(&TenantId::default(), &labels), labels, 7);
    }
    index
}

fn counts(counts: &[(&str, u64)]) -> Counts {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn counts_metrics_labels_and_pairs_the_most_first() {
    let index = index(&[
        &[("__name__", "up"), ("host", "a")],
        &[("__name__", "up"), ("host", "bb")],
        &[("__name__", "load"), ("host", "a")],
        &[("__name__", "load"), ("host", "c")],
        &[("__name__", "load"), ("host", "bb")],
    ]);
    let all = index.seen_on(0..=9);
    let counted = index.cardinality(&all, 10);
    assert_eq!((counted.series, counted.label_pairs), (5, 5));
    assert_eq!(counted.series_by_metric, counts(&[("load", 3), ("up", 2)]));
    assert_eq!(counted.values_by_label, counts(&[("host", 3), ("__name__", 2)]));
    assert_eq!(counted.value_bytes_by_label, counts(&[("__name__", 6), ("host", 4)]));
    let pairs = [("__name__=load", 3), ("__name__=up", 2), ("host=a", 2), ("host=bb", 2), ("host=c", 1)];
    assert_eq!(counted.series_by_pair, counts(&pairs));
    let cut = index.cardinality(&all, 3);
    assert_eq!(cut.series_by_pair, counts(&pairs[..3]));
    assert_eq!(cut.label_pairs, 5);
    assert_eq!(index.cardinality(&all, 0).series_by_pair, Vec::new());
}

#[test]
fn counts_only_what_was_asked_for() {
    let index = index(&[&[("__name__", "up"), ("host", "a")], &[("__name__", "load"), ("job", "x")]]);
    let counted = index.cardinality(&RoaringBitmap::from_iter([0]), 10);
    assert_eq!((counted.series, counted.label_pairs), (1, 2));
    assert_eq!(counted.values_by_label, counts(&[("__name__", 1), ("host", 1)]));
    assert_eq!(index.cardinality(&RoaringBitmap::new(), 10), Cardinality::default());
}
