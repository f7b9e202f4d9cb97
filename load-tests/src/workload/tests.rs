use std::collections::HashSet;

use super::*;

const SHAPE: Shape =
    Shape { series: 1_000, labels: 6, interval: Duration::from_secs(15), rounds: 3, batch: 100, ago: Duration::ZERO };

#[test]
fn series_differ_and_have_the_labels_asked_for() {
    for labels in [3, 6, 9] {
        let mut workload = Workload::new(&Shape { labels, ..SHAPE }, 1);
        // With three labels there is no room for the device.
        let wanted = if labels == 3 { 1_000 / 8 } else { 1_000 };
        let round = workload.round(0);
        assert!(round.iter().all(|series| series.labels.len() == usize::from(labels)));
        assert_eq!(round.iter().map(|series| series.labels.clone()).collect::<HashSet<_>>().len(), wanted);
    }
}

#[test]
fn half_are_counters_that_never_fall() {
    let mut workload = Workload::new(&SHAPE, 1);
    let first: Vec<f64> = workload.round(0).iter().map(|series| series.samples[0].1).collect();
    let second = workload.round(15_000);
    let counters = second.iter().filter(|series| series.name().ends_with("_total")).count();
    assert_eq!(counters, 480);
    for (before, series) in first.iter().zip(second) {
        assert!(!series.name().ends_with("_total") || series.samples[0].1 > *before);
        assert!((15_000..15_008).contains(&series.samples[0].0));
    }
}

#[test]
fn a_seed_gives_the_same_values_again() {
    let (mut one, mut other) = (Workload::new(&SHAPE, 7), Workload::new(&SHAPE, 7));
    assert_eq!(one.round(0), other.round(0));
    assert_ne!(one.round(1), Workload::new(&SHAPE, 8).round(1));
}
