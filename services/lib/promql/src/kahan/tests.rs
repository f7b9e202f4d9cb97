use super::*;

#[test]
fn small_addends_are_not_lost() {
    let mut sum = KahanSum::default();
    [1e100, 1.0, -1e100].iter().for_each(|value| sum.add(*value));
    assert_eq!(sum.value(), 1.0);
}

#[test]
fn infinities_stay() {
    let mut sum = KahanSum::default();
    [1.0, f64::INFINITY, 5.0].iter().for_each(|value| sum.add(*value));
    assert_eq!(sum.value(), f64::INFINITY);
    sum.add(f64::NEG_INFINITY);
    assert!(sum.value().is_nan());
}

#[test]
fn a_mean_survives_an_overflowing_sum() {
    let mut mean = KahanMean::default();
    [1e308, 1e308, 1e308, 1e308].iter().for_each(|value| mean.add(*value));
    assert!((mean.value() / 1e308 - 1.0).abs() < 1e-12);
    let mut grouped = KahanMean::default();
    grouped.add_many(6.0, 3.0);
    grouped.add(6.0);
    assert_eq!(grouped.value(), 3.0);
    assert!(KahanMean::default().value().is_nan());
}

#[test]
fn quantiles_lie_between_ranks_and_nan_sorts_first() {
    assert_eq!(quantile(0.25, &mut [4.0, 1.0, 3.0]), 2.0);
    assert!(quantile(0.0, &mut [4.0, f64::NAN]).is_nan());
    assert_eq!(quantile(1.0, &mut [4.0, f64::NAN]), 4.0);
    assert!(quantile(0.5, &mut []).is_nan());
}
