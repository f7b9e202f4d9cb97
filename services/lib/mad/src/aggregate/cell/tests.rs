use std::collections::BTreeMap;

use super::{Cell, Results};
use crate::aggregate::plan::Plan;
use crate::{Histogram, Kind, Metric, Quantity, Statistic, Unit};

const ALL: [Statistic; 6] =
    [Statistic::Count, Statistic::Sum, Statistic::Mean, Statistic::Min, Statistic::Max, Statistic::Histogram];

fn metric(samples: &[Quantity], histograms: Vec<Histogram>) -> Metric {
    Metric { kind: Kind::Gauge, samples: samples.to_vec(), histograms }
}

fn plain(values: &[f64]) -> Metric {
    metric(&values.iter().map(|value| Quantity::plain(*value)).collect::<Vec<_>>(), Vec::new())
}

fn run(asked: &[Statistic], metrics: &[Metric]) -> (Results, u64) {
    let plan = Plan::new(asked, crate::aggregate::Histograms::WhereNeeded);
    let mut cell = Cell::new(&plan);
    let refused = metrics.iter().map(|metric| cell.add(metric, &plan)).sum();
    (cell.finish(&plan), refused)
}

fn value(results: &Results, statistic: Statistic) -> Quantity {
    results.statistics.iter().find(|computed| computed.statistic == statistic).unwrap().value
}

fn bits(asked: &[Statistic], values: &[f64], statistic: Statistic) -> u64 {
    value(&run(asked, &[plain(values)]).0, statistic).value.to_bits()
}

#[test]
fn sums_go_from_left_to_right_and_begin_with_the_first_value() {
    let values = [0.1, 0.2, 0.3, 1e16, -1e16];
    let expected = (((0.1 + 0.2) + 0.3) + 1e16) - 1e16;
    assert_eq!(bits(&ALL, &values, Statistic::Sum), f64::to_bits(expected));
    assert_eq!(bits(&ALL, &[-0.0], Statistic::Sum), (-0.0f64).to_bits());
    assert_eq!(bits(&ALL, &values, Statistic::Mean), f64::to_bits(expected / 5.0));
}

#[test]
fn a_nan_that_comes_first_stays_and_a_later_one_changes_nothing() {
    let (first, _) = run(&ALL, &[plain(&[f64::NAN, 1.0, 2.0])]);
    assert!(value(&first, Statistic::Min).value.is_nan() && value(&first, Statistic::Max).value.is_nan());
    let (later, _) = run(&ALL, &[plain(&[1.0, f64::NAN, 2.0])]);
    assert_eq!((value(&later, Statistic::Min).value, value(&later, Statistic::Max).value), (1.0, 2.0));
}

#[test]
fn of_equal_zeros_the_first_is_least_and_greatest() {
    for values in [[0.0, -0.0], [-0.0, 0.0]] {
        assert_eq!(bits(&ALL, &values, Statistic::Min), values[0].to_bits());
        assert_eq!(bits(&ALL, &values, Statistic::Max), values[0].to_bits());
    }
}

#[test]
fn a_sample_of_another_unit_is_refused_alone() {
    let second = |value| Quantity { value, unit: Some(Unit::Second) };
    let samples = [second(1.0), Quantity::plain(5.0), second(2.0), Quantity { value: 9.0, unit: Some(Unit::Byte) }];
    let (results, refused) = run(&ALL, &[metric(&samples, Vec::new())]);
    assert_eq!(refused, 2);
    assert_eq!(value(&results, Statistic::Sum), second(3.0));
    assert_eq!(value(&results, Statistic::Count), Quantity::plain(2.0));
    assert_eq!(results.unit, Some(Unit::Second));
}

#[test]
fn a_mere_count_does_not_look_at_units() {
    let samples = [Quantity { value: 1.0, unit: Some(Unit::Second) }, Quantity::plain(5.0)];
    let (results, refused) = run(&[Statistic::Count], &[metric(&samples, Vec::new())]);
    assert_eq!((value(&results, Statistic::Count).value, refused), (2.0, 0));
}

#[test]
fn what_a_client_has_aggregated_counts_after_the_samples() {
    let entries = BTreeMap::from([(10.0f64.to_bits(), 3), ((-2.0f64).to_bits(), 2)]);
    let histogram = Histogram { entries, min: -2.0, max: 10.1, sum: 26.3, unit: None };
    let mut both = plain(&[5.0]);
    both.histograms.push(histogram);
    let (results, _) = run(&[ALL.as_slice(), &[Statistic::Median]].concat(), &[both]);
    assert_eq!(value(&results, Statistic::Count).value, 6.0);
    assert_eq!(value(&results, Statistic::Sum).value, 5.0 + 26.3);
    assert_eq!((value(&results, Statistic::Min).value, value(&results, Statistic::Max).value), (-2.0, 10.1));
    assert_eq!(value(&results, Statistic::Median).value, 5.0);
    assert_eq!(value(&results, Statistic::Histogram), Quantity::plain(1.0));
    assert_eq!(results.histogram.unwrap().entries.values().sum::<u64>(), 6);
}

#[test]
fn a_histogram_without_a_unit_does_not_join_samples_that_have_one() {
    let histogram =
        Histogram { entries: BTreeMap::from([(1.0f64.to_bits(), 4)]), min: 1.0, max: 1.0, sum: 4.0, unit: None };
    let both = metric(&[Quantity { value: 1.0, unit: Some(Unit::Second) }], vec![histogram]);
    let (results, refused) = run(&ALL, &[both]);
    assert_eq!((value(&results, Statistic::Count).value, refused), (1.0, 4));
}

#[test]
fn an_empty_histogram_has_no_mean() {
    let nothing = Histogram { entries: BTreeMap::new(), min: 0.0, max: 0.0, sum: 0.0, unit: None };
    let (results, _) = run(&[ALL.as_slice(), &[Statistic::Tp99]].concat(), &[metric(&[], vec![nothing])]);
    assert!(value(&results, Statistic::Mean).value.is_nan());
    assert_eq!(value(&results, Statistic::Tp99).value, 0.0);
}

#[test]
fn a_clients_histogram_with_a_unit_gives_it_to_all_but_the_percentiles() {
    let entries = BTreeMap::from([(0.5f64.to_bits(), 4)]);
    let histogram = Histogram { entries, min: 0.25, max: 0.75, sum: 2.0, unit: Some(Unit::Second) };
    let (results, refused) = run(&[ALL.as_slice(), &[Statistic::Median]].concat(), &[metric(&[], vec![histogram])]);
    let second = |value| Quantity { value, unit: Some(Unit::Second) };
    assert_eq!(refused, 0);
    assert_eq!(value(&results, Statistic::Sum), second(2.0));
    assert_eq!(value(&results, Statistic::Mean), second(0.5));
    assert_eq!(value(&results, Statistic::Max), second(0.75));
    assert_eq!(value(&results, Statistic::Count), Quantity::plain(4.0));
    assert_eq!(value(&results, Statistic::Median), Quantity::plain(0.5));
    assert_eq!(results.unit, None);
}
