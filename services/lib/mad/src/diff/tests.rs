use super::*;
use crate::emit::aggregation::statistic_set;
use crate::{Computed, Periodic, Quantity, Statistic};

fn result(metric: &str, start_s: i64, count: f64, sum: f64) -> Periodic {
    let computed = |statistic, value| Computed { statistic, value: Quantity::plain(value), asked_for: true };
    Periodic {
        metric: metric.into(),
        dimensions: [("service", "s"), ("cluster", "c"), ("host", "h")].into_iter().collect(),
        period_ms: 1_000,
        start_ms: 1_000 * start_s,
        min_request_time_ms: None,
        statistics: vec![computed(Statistic::Count, count), computed(Statistic::Sum, sum)],
        unit: None,
        histogram: None,
    }
}

fn capture(results: &[(u64, Periodic)]) -> Capture {
    let mut capture = Capture::default();
    for (after_ms, result) in results {
        capture.add(&statistic_set(result).expect("a frame"), *after_ms).expect("reads");
    }
    capture
}

const RULES: Rules = Rules { tolerance: 0.0, edge_ms: 1_000, length_ms: 60_000 };

#[test]
fn the_same_results_in_any_order_are_the_same() {
    let results =
        [(5_000, result("a", 0, 1.0, 2.0)), (5_000, result("b", 0, 1.0, 2.0)), (6_000, result("a", 0, 2.0, 9.0))];
    let mut reversed = results.clone();
    reversed.reverse();
    let report = compare(&capture(&results), &capture(&reversed), RULES);
    assert!(report.is_same() && report.equal == 3 && report.uneven.is_empty(), "{report}");
}

#[test]
fn what_differs_is_told_with_both_values() {
    let left = capture(&[(5_000, result("a", 0, 1.0, 2.0)), (5_000, result("b", 0, 1.0, 0.1 + 0.2))]);
    let right = capture(&[(5_000, result("a", 0, 1.0, 2.5)), (5_000, result("b", 0, 1.0, 0.3))]);
    let report = compare(&left, &right, RULES);
    assert_eq!(report.different.len(), 2);
    assert!(
        report.to_string().contains("a PT1S 1970-01-01T00:00Z cluster=c host=h service=s\n    sum: 2.0 | 2.5\n"),
        "{report}"
    );
    assert_eq!(report.greatest_difference, 0.2);
    let tolerant = compare(&left, &right, Rules { tolerance: 1e-12, ..RULES });
    assert_eq!((tolerant.different.len(), tolerant.equal), (1, 1));
}

#[test]
fn what_one_alone_has_is_told_but_at_the_edges() {
    let left = capture(&[(500, result("begin", 0, 1.0, 1.0)), (30_000, result("lost", 30, 4.0, 1.0))]);
    let right = capture(&[(59_500, result("end", 59, 1.0, 1.0)), (30_000, result("extra", 30, 1.0, 1.0))]);
    let report = compare(&left, &right, RULES);
    assert_eq!(report.at_the_edges, 2);
    let names = |missing: &[Identity]| missing.iter().map(|identity| identity.metric.clone()).collect::<Vec<_>>();
    assert_eq!(
        (names(&report.missing.right), names(&report.missing.left)),
        (vec!["lost".into()], vec!["extra".into()])
    );
    assert!(!report.is_same());
    assert!(report.to_string().contains("only left: 1, only right: 1"), "{report}");
    assert!(report.uneven.contains(&("lost PT1S".into(), Sides { left: 4.0, right: 0.0 })));
}

#[test]
fn buckets_units_and_statistics_count_too() {
    let with = |bucket: f64, count| {
        let mut result = result("h", 5, 1.0, 1.0);
        let value = Quantity::plain(1.0);
        result.statistics.push(Computed { statistic: Statistic::Histogram, value, asked_for: false });
        let entries = BTreeMap::from([(1.0f64.to_bits(), 1), (bucket.to_bits(), count)]);
        result.histogram = Some(crate::Histogram { entries, min: 1.0, max: 1.0, sum: 1.0, unit: None });
        result
    };
    let one = capture(&[(5_000, with(2.0, 3))]);
    let report = compare(&one, &capture(&[(5_000, with(2.0, 4))]), RULES);
    assert!(report.to_string().contains("histogram: buckets: [2.0×3] | [2.0×4]"), "{report}");
    let report = compare(&one, &capture(&[(5_000, result("h", 5, 1.0, 1.0))]), RULES);
    assert!(report.to_string().contains("histogram: 1.0 (not asked for) | none"), "{report}");
    let mut other_unit = with(2.0, 3);
    other_unit.statistics[1].value.unit = Some(crate::Unit::Byte);
    let report = compare(&one, &capture(&[(5_000, other_unit)]), RULES);
    assert!(report.to_string().contains("sum: 1.0 | 1.0 BYTE"), "{report}");
}

#[test]
fn a_nan_is_a_nan_and_zeros_have_signs() {
    let of = |value| capture(&[(5_000, result("m", 5, 1.0, value))]);
    assert!(compare(&of(f64::NAN), &of(f64::NAN), RULES).is_same());
    assert!(!compare(&of(0.0), &of(-0.0), RULES).is_same());
    assert_eq!(compare(&of(f64::NAN), &of(1.0), RULES).greatest_difference, f64::INFINITY);
}

#[test]
fn a_flood_is_printed_in_part() {
    let left: Vec<_> = (0..60).map(|number| (5_000, result(&format!("m{number}"), 5, 1.0, 1.0))).collect();
    let text = compare(&capture(&left), &Capture::default(), RULES).to_string();
    assert!(text.contains("and 10 more"), "{text}");
}
