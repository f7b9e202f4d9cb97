use std::collections::HashSet;

use super::*;

const SHAPE: Shape =
    Shape { series: 1_000, labels: 6, interval: Duration::from_secs(15), rounds: 3, batch: 100, ago: Duration::ZERO };

#[test]
fn series_differ_and_have_the_labels_asked_for() {
    for labels in [4, 6, 9] {
        let mut workload = Workload::new(&Shape { labels, ..SHAPE }, 1);
        let round = workload.round(0);
        assert!(round.iter().all(|series| series.labels.len() == usize::from(labels)));
        assert_eq!(round.iter().map(|series| series.labels.clone()).collect::<HashSet<_>>().len(), 1_000);
    }
}

#[test]
fn half_are_counters_and_half_of_those_count_something() {
    let mut workload = Workload::new(&SHAPE, 1);
    let first: Vec<f64> = workload.round(0).iter().map(|series| series.samples[0].1).collect();
    let second = workload.round(15_000);
    let counters = second.iter().filter(|series| series.name().ends_with("_total")).count();
    assert_eq!(counters, 480);
    let mut rising = 0;
    for (before, series) in first.iter().zip(second) {
        let after = series.samples[0].1;
        assert!(!series.name().ends_with("_total") || after >= *before);
        rising += usize::from(series.name().ends_with("_total") && after > *before);
        assert!((15_000..15_008).contains(&series.samples[0].0));
    }
    assert_eq!(rising, 240);
}

#[test]
fn a_seed_gives_the_same_values_again() {
    let (mut one, mut other) = (Workload::new(&SHAPE, 7), Workload::new(&SHAPE, 7));
    assert_eq!(one.round(0), other.round(0));
    assert_ne!(one.round(1), Workload::new(&SHAPE, 8).round(1));
}

#[test]
fn the_names_are_those_of_the_series() {
    for series in [10, 200, 1_000] {
        let mut workload = Workload::new(&Shape { series, ..SHAPE }, 1);
        let used: HashSet<String> = workload.round(0).iter().map(|series| series.name().to_owned()).collect();
        assert_eq!(used, names(series).into_iter().collect());
    }
}
