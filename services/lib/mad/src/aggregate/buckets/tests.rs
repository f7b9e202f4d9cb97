use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Buckets, KEY_MASK};

fn bits(value: f64) -> u64 {
    value.to_bits() & KEY_MASK
}

fn of(values: &[f64]) -> Buckets {
    let mut buckets = Buckets::default();
    for value in values {
        buckets.record(*value);
    }
    buckets
}

#[test]
fn a_percentile_is_the_first_bucket_that_reaches_its_rank() {
    let percentile = |values: &[f64], percentile: f64| of(values).finish().percentile(percentile);
    assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 50.0), 2.0);
    assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 75.0), 3.0);
    assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0], 76.0), 4.0);
    assert_eq!(percentile(&[4.0, -1.0, 2.0], 99.9), 4.0);
    assert_eq!(percentile(&[], 50.0), 0.0);
    assert_eq!(percentile(&[0.0, -0.0], 50.0).to_bits(), (-0.0f64).to_bits());
    assert!(percentile(&[f64::NAN, f64::INFINITY], 99.0).is_nan());
}

#[test]
fn bounds_are_cut_towards_zero() {
    let entries = of(&[100.3, -100.3]).finish().into_entries();
    assert_eq!(entries, BTreeMap::from([(100.0f64.to_bits(), 1), ((-100.0f64).to_bits(), 1)]));
}

#[test]
fn all_nan_are_one_entry_under_the_bits_of_the_first() {
    let negative = f64::from_bits(0xfff8_0000_0000_0000);
    assert_eq!(of(&[negative, f64::NAN]).finish().into_entries(), BTreeMap::from([(negative.to_bits(), 2)]));
    // What is left of this one after cutting is infinity.
    let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
    assert_eq!(of(&[signalling]).finish().into_entries(), BTreeMap::from([(f64::INFINITY.to_bits(), 1)]));
}

#[test]
fn what_clients_count_may_be_nothing_and_wraps() {
    let mut buckets = of(&[1.0]);
    buckets.add(&BTreeMap::from([(2.0f64.to_bits(), 0), (3.0f64.to_bits(), u64::MAX)]));
    let finished = buckets.finish();
    // One sample and −1 of them are none: rank 0 is reached at once.
    assert_eq!(finished.percentile(99.0), 1.0);
    let expected = [(1.0, 1), (2.0, 0), (3.0, u64::MAX)].map(|(bound, count): (f64, u64)| (bound.to_bits(), count));
    assert_eq!(finished.into_entries(), BTreeMap::from(expected));
}

proptest! {
    #[test]
    fn counts_are_those_of_a_map(
        values in prop::collection::vec(
            prop_oneof![any::<f64>(), -10.0..10.0f64, Just(0.0), Just(-0.0)].prop_filter("one NaN", |value| !value.is_nan()),
            0..600,
        ),
        counted in prop::collection::vec((0..values_of().len(), 0..5u64), 0..9),
        at in 0..600usize,
    ) {
        let counted: BTreeMap<u64, u64> = counted.into_iter().map(|(index, count)| (bits(values_of()[index]), count)).collect();
        let at = at.min(values.len());
        let mut buckets = of(&values[..at]);
        buckets.add(&counted);
        for value in &values[at..] {
            buckets.record(*value);
        }
        let mut expected = counted.clone();
        for value in &values {
            *expected.entry(bits(*value)).or_insert(0) += 1;
        }
        prop_assert_eq!(buckets.finish().into_entries(), expected);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values(
        mut values in prop::collection::vec(any::<f64>(), 1..300),
        percentile in prop::sample::select(vec![50.0, 75.0, 90.0, 95.0, 99.0, 99.9]),
    ) {
        let cut = of(&values).finish().percentile(percentile);
        for value in &mut values {
            *value = f64::from_bits(bits(*value));
        }
        values.sort_by(|one, other| one.is_nan().cmp(&other.is_nan()).then(one.total_cmp(other)));
        let rank = (values.len() as f64 * percentile / 100.0).ceil() as usize;
        let expected = values[rank - 1];
        prop_assert!(cut.to_bits() == expected.to_bits() || cut.is_nan() && expected.is_nan());
    }
}

fn values_of() -> [f64; 5] {
    [1.0, -1.0, 0.0, 1e300, f64::INFINITY]
}
