use proptest::prelude::*;
use tidegate_model::{Buckets, Span};

use super::*;
use crate::notes::NoteSet;

fn distribution(values: &[f64]) -> HistogramValue {
    let mut distribution = Distribution::empty();
    values.iter().for_each(|value| distribution.record(*value));
    HistogramValue::from(&distribution)
}

fn native(schema: i8, offset: i32, counts: &[f64]) -> HistogramValue {
    HistogramValue::from(&Histogram {
        schema,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: counts.iter().sum(),
        sum: 1.0,
        positive: Buckets { spans: vec![Span { offset, length: counts.len() as u32 }], counts: counts.to_vec() },
        negative: Buckets::default(),
        custom_bounds: vec![],
        reset_hint: ResetHint::Unknown,
    })
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![8 => -1e6..1e6f64, 4 => 0.0..1.0f64, 1 => Just(0.0), 1 => 1e-300..1e300f64];
    prop::collection::vec(value, 1..60)
}

proptest! {
    #[test]
    fn quantiles_of_sums_and_rates_of_distributions_keep_their_error(
        parts in prop::collection::vec(values(), 1..8),
        phi in 0.0..=1.0f64,
        range_s in 1.0..1000.0f64,
    ) {
        let mut all: Vec<f64> = parts.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let wanted = all[((phi * all.len() as f64).ceil() as usize).max(1) - 1];
        let windows: Vec<_> = parts.iter().map(|part| distribution(part)).collect();
        let merged = merge_distributions(windows.iter(), None).unwrap();
        let added = windows[1..].iter().fold(windows[0].clone(), |sum, next| sum.add(next, &mut NoteSet::default()).unwrap());
        prop_assert_eq!(&merged.shape, &added.shape);
        for got in [merged.quantile(phi), merged.divided(range_s).quantile(phi)] {
            prop_assert!((got - wanted).abs() <= wanted.abs() / 128.0, "{} is not {}", got, wanted);
        }
    }

    #[test]
    fn sliding_counts_are_what_adding_up_gives(
        parts in prop::collection::vec(prop::collection::vec(0.001..2.0f64, 0..20), 1..30),
        length in 1..10usize,
        stride in 1..15usize,
    ) {
        let windows: Vec<_> = parts.iter().map(|part| distribution(part)).collect();
        let mut counts = SlidingCounts::over(windows.iter());
        for from in (0..windows.len()).step_by(stride) {
            let range = from..(from + length).min(windows.len());
            if let Some(counts) = &mut counts {
                counts.advance(|index| &windows[index], range.start, range.end);
            }
            let slid = merge_distributions(windows[range.clone()].iter(), counts.as_ref());
            prop_assert_eq!(slid, merge_distributions(windows[range].iter(), None));
        }
    }

    #[test]
    fn a_fraction_undoes_a_quantile(counts in prop::collection::vec(1.0..100.0f64, 1..20), phi in 0.01..0.99f64) {
        let histogram = native(2, -5, &counts);
        let fraction = histogram.fraction(f64::NEG_INFINITY, histogram.quantile(phi));
        prop_assert!((fraction - phi).abs() < 1e-9, "{} is not {}", fraction, phi);
    }

    #[test]
    fn coarser_buckets_hold_the_same(counts in prop::collection::vec(0.0..100.0f64, 1..40), offset in -40..40i32) {
        let fine = native(3, offset, &counts);
        let sum = fine.add(&native(0, 0, &[0.0]), &mut NoteSet::default()).unwrap();
        let total: f64 = sum.buckets().iter().map(|bucket| bucket.count).sum();
        prop_assert!((total - fine.count).abs() < 1e-9);
        for bucket in sum.buckets() {
            let inside: f64 = fine.buckets().iter()
                .filter(|b| b.lower >= bucket.lower * (1.0 - 1e-9) && b.upper <= bucket.upper * (1.0 + 1e-9))
                .map(|b| b.count).sum();
            prop_assert!((inside - bucket.count).abs() < 1e-9);
        }
    }
}

#[test]
fn bounds_of_buckets() {
    for (schema, index, wanted) in [
        (0, 0, 1.0),
        (0, 3, 8.0),
        (0, -2, 0.25),
        (1, 1, 2f64.sqrt()),
        (3, 8, 2.0),
        (3, -8, 0.5),
        (-1, 2, 16.0),
        (-4, 1, 65_536.0),
        (0, 1024, f64::MAX),
        (-4, 64, f64::MAX),
        (0, 1025, f64::INFINITY),
    ] {
        assert_eq!(buckets::upper_bound(schema, index), wanted, "schema {schema}, index {index}");
    }
}

#[test]
fn negative_zero_and_positive_buckets_come_in_order() {
    let mut histogram = native(0, 1, &[3.0]);
    let Shape::Exponential(shape) = &mut histogram.shape else { unreachable!() };
    shape.negative = vec![(1, 1.0), (2, 2.0)];
    (shape.zero_threshold, shape.zero_count) = (0.5, 4.0);
    let listed: Vec<_> = histogram.buckets().iter().map(|b| (b.lower, b.upper, b.count, b.boundary_rule())).collect();
    assert_eq!(listed, [(-4.0, -2.0, 2.0, 1), (-2.0, -1.0, 1.0, 1), (-0.5, 0.5, 4.0, 3), (1.0, 2.0, 3.0, 0)]);
    histogram.count = 10.0;
    // Rank 2.5 lies 0.5 into the one of [−2, −1), rank 3 at its end.
    assert_eq!(histogram.quantile(0.3), -1.0);
    assert!((histogram.quantile(0.25) + 2f64.sqrt()).abs() < 1e-12);
    // Rank 5 is 2 of 4 into the zero bucket, linear.
    assert_eq!(histogram.quantile(0.5), 0.0);
}

#[test]
fn custom_buckets_interpolate_linearly() {
    let custom = HistogramValue::from(&Histogram {
        schema: CUSTOM_SCHEMA,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 10.0,
        sum: 50.0,
        positive: Buckets { spans: vec![Span { offset: 0, length: 3 }], counts: vec![4.0, 4.0, 2.0] },
        negative: Buckets::default(),
        custom_bounds: vec![5.0, 10.0],
        reset_hint: ResetHint::Unknown,
    });
    assert_eq!(custom.quantile(0.2), 2.5);
    assert_eq!(custom.quantile(0.6), 7.5);
    assert_eq!(custom.quantile(0.95), 10.0);
    assert_eq!(custom.fraction(0.0, 7.5), 0.6);
    assert_eq!(custom.add(&native(0, 0, &[1.0]), &mut NoteSet::default()), Err(Incompatible));
    assert_eq!(custom.add(&custom, &mut NoteSet::default()).unwrap().quantile(0.6), 7.5);
    let rules: Vec<_> = custom.buckets().iter().map(Bucket::boundary_rule).collect();
    assert_eq!(rules, [3, 0, 0]);
}

#[test]
fn zero_buckets_of_different_width_are_reconciled() {
    let mut wide = native(0, 2, &[1.0]);
    let Shape::Exponential(shape) = &mut wide.shape else { unreachable!() };
    (shape.zero_threshold, shape.zero_count) = (1.5, 5.0);
    // (1, 2] is cut by 1.5: it goes into the zero bucket, which then ends at 2.
    let sum = wide.add(&native(0, 0, &[1.0, 2.0, 4.0]), &mut NoteSet::default()).unwrap();
    let Shape::Exponential(shape) = &sum.shape else { unreachable!() };
    assert_eq!((shape.zero_threshold, shape.zero_count), (2.0, 8.0));
    assert_eq!(shape.positive, [(2, 5.0)]);
}

#[test]
fn resets_show_in_any_bucket() {
    let before = native(0, 0, &[3.0, 3.0]);
    assert!(!native(0, 0, &[3.0, 4.0]).is_reset_from(&before));
    assert!(native(0, 0, &[9.0, 2.0]).is_reset_from(&before));
    assert!(native(0, 0, &[9.0]).is_reset_from(&before));
    assert!(native(1, 0, &[9.0, 9.0]).is_reset_from(&before));
    assert!(!native(-1, 0, &[3.0, 9.0]).is_reset_from(&before));
    let mut hinted = native(0, 0, &[9.0, 9.0]);
    hinted.reset_hint = ResetHint::Reset;
    assert!(hinted.is_reset_from(&before));
}
