use tidegate_model::{Buckets, Histogram, ResetHint, Span, stale_nan};

use crate::testing::{Memory, float};
use crate::{QueryValue, Range, parse, selections};

/// Schema 0 from (0.5, 1] on; the sum is 5.
pub(super) fn native(counts: &[f64]) -> Histogram {
    Histogram {
        schema: 0,
        zero_threshold: 0.001,
        zero_count: 0.0,
        count: counts.iter().sum(),
        sum: 5.0,
        positive: Buckets { spans: vec![Span { offset: 0, length: counts.len() as u32 }], counts: counts.to_vec() },
        negative: Buckets::default(),
        custom_bounds: vec![],
        reset_hint: ResetHint::Unknown,
    }
}

fn series(job: &'static str) -> [(&'static str, &'static str); 2] {
    [("__name__", "up"), ("job", job)]
}

#[test]
fn a_sample_is_seen_for_less_than_five_minutes() {
    let memory = Memory::default().floats(&series("a"), &[(10_000, 1.0)]);
    assert_eq!(memory.vector("up", 9_999), []);
    assert_eq!(memory.one("up", 10_000), 1.0);
    assert_eq!(memory.one("up", 309_999), 1.0);
    assert_eq!(memory.vector("up", 310_000), []);
}

#[test]
fn a_range_is_open_on_the_left() {
    let memory = Memory::default().floats(&series("a"), &[(0, 1.0), (60_000, 2.0), (120_000, 4.0)]);
    assert_eq!(memory.one("sum_over_time(up[2m])", 120_000), 6.0);
    assert_eq!(memory.one("sum_over_time(up[2m])", 119_999), 3.0);
    let QueryValue::Matrix(matrix) = memory.instant("up[1m]", 120_000).unwrap().value else { panic!() };
    assert_eq!(matrix[0].points.len(), 1);
}

#[test]
fn a_stale_marker_ends_a_series_until_it_comes_back() {
    let samples = [(10_000, 1.0), (20_000, stale_nan()), (21_000, stale_nan()), (40_000, 2.0)];
    let memory = Memory::default().floats(&series("a"), &samples);
    assert_eq!(memory.one("up", 19_999), 1.0);
    assert_eq!(memory.vector("up", 22_000), []);
    assert_eq!(memory.vector("up", 39_999), []);
    assert_eq!(memory.one("up", 40_000), 2.0);
    // Ranges see through the marker.
    assert_eq!(memory.one("count_over_time(up[1m])", 40_000), 2.0);
}

#[test]
fn a_stale_marker_within_the_window_of_a_sample_counts_by_its_time() {
    let after = Memory::default().floats(&series("a"), &[(10_000, 1.0), (11_000, stale_nan())]);
    assert_eq!(after.one("up", 10_500), 1.0);
    assert_eq!(after.vector("up", 11_000), []);
    let before = Memory::default().floats(&series("a"), &[(10_000, stale_nan()), (11_000, 1.0)]);
    assert_eq!(before.one("up", 12_000), 1.0);
}

#[test]
fn of_two_samples_in_a_millisecond_the_first_counts() {
    let memory = Memory::default().floats(&series("a"), &[(10_000, 1.0), (10_000, 7.0)]);
    assert_eq!(memory.one("up", 12_000), 1.0);
    assert_eq!(memory.one("count_over_time(up[1m])", 12_000), 1.0);
}

#[test]
fn matchers() {
    let memory = Memory::default()
        .floats(&series("api"), &[(0, 1.0)])
        .floats(&series("web"), &[(0, 2.0)])
        .floats(&[("__name__", "up")], &[(0, 4.0)]);
    for (query, sum) in [
        ("up", 7.0),
        ("up{job=\"api\"}", 1.0),
        ("up{job!=\"api\"}", 6.0),
        ("up{job=~\"a.*|web\"}", 3.0),
        ("up{job=~\"a\"}", f64::NAN),
        ("up{job!~\"a.*\"}", 6.0),
        ("up{job=\"\"}", 4.0),
        ("up{job!=\"\"}", 3.0),
        ("{__name__=~\"u.\", job=~\".+\"}", 3.0),
    ] {
        let got = memory.vector(&format!("sum({query})"), 0);
        assert_eq!(
            got.first().map_or("none".to_owned(), |(_, value)| value.to_string()),
            if sum.is_nan() { "none".to_owned() } else { sum.to_string() },
            "{query}"
        );
    }
}

#[test]
fn offsets_and_fixed_times() {
    let memory = Memory::default().floats(&series("a"), &(0..=10).map(|n| (n * 60_000, n as f64)).collect::<Vec<_>>());
    for (query, value) in [
        ("up offset 2m", 8.0),
        ("up offset -1m", 10.0),
        ("up @ 180", 3.0),
        ("up @ 180 offset 1m", 2.0),
        ("sum_over_time(up[2m] @ 180)", 5.0),
        ("sum_over_time(up[3m:1m] offset 1m)", 9.0 + 8.0 + 7.0),
        ("sum_over_time(up[2m:1m] @ 300)", 9.0),
    ] {
        assert_eq!(memory.one(query, 600_000), value, "{query}");
    }
    let evaluated = memory.range("up @ end() - up @ start()", 120_000, 300_000, 60_000);
    let QueryValue::Matrix(matrix) = evaluated.value else { panic!() };
    assert_eq!(matrix[0].points.iter().map(|(_, value)| float(value)).collect::<Vec<_>>(), [3.0; 4]);
}

#[test]
fn selections_are_what_evaluation_reads() {
    let expr = parse("rate(a[5m] offset 1m) + sum_over_time(b[10m:3m]) + c @ 100 + c @ 100").unwrap();
    let range = Range { start_ms: 1_000_000, end_ms: 1_200_000, step_ms: 50_000 };
    let bounds: Vec<_> =
        selections(&expr, &range).iter().map(|s| (s.matchers[0].value.clone(), s.start_ms, s.end_ms)).collect();
    assert_eq!(
        bounds,
        [
            ("a".to_owned(), 640_000, 1_140_000),
            // From 540 s on, the first multiple of 3 min after 400 s, less the look-back.
            ("b".to_owned(), 240_000, 1_080_000),
            ("c".to_owned(), -200_000, 100_000),
        ]
    );
}

#[test]
fn native_histograms() {
    let samples: Vec<_> = (0..=10)
        .map(|n| {
            let n = f64::from(n);
            (n as i64 * 30_000, Histogram { sum: 5.0 * n, ..native(&[n, 2.0 * n, n]) })
        })
        .collect();
    let memory = Memory::default().histograms(&[("__name__", "h")], &samples);
    for (query, wanted) in [
        // 4 n observations: half of them up to the middle of (1, 2].
        ("histogram_quantile(0.5, h)", 2f64.sqrt()),
        ("histogram_quantile(0.25, h)", 1.0),
        ("histogram_quantile(1, h)", 4.0),
        ("histogram_quantile(0, h)", 0.5),
        ("histogram_quantile(0.875, h)", 8f64.sqrt()),
        ("histogram_fraction(1, 2, h)", 0.5),
        ("histogram_fraction(-Inf, +Inf, h)", 1.0),
        ("histogram_count(h)", 40.0),
        ("histogram_sum(h)", 50.0),
        ("histogram_avg(h)", 1.25),
        // As for floats: (180, 300] reads 28…40, 30 s to the start.
        ("histogram_count(increase(h[2m]))", 16.0),
        ("histogram_sum(rate(h[2m]))", 20.0 / 120.0),
        ("histogram_quantile(0.5, rate(h[2m]))", 2f64.sqrt()),
        ("histogram_count(h - h offset 30s)", 4.0),
        ("histogram_count(sum_over_time(h[1m]))", 76.0),
        ("histogram_count(avg_over_time(h[1m]))", 38.0),
        ("histogram_count(2 * h / 4)", 20.0),
        ("count(h)", 1.0),
        ("resets(h[5m])", 0.0),
    ] {
        let got = memory.one(query, 300_000);
        assert!((got - wanted).abs() < 1e-12 * wanted.abs().max(1.0), "{query}: {got} not {wanted}");
    }
}

#[test]
fn a_reset_of_a_native_histogram_is_allowed_for() {
    let samples = [(0, native(&[5.0, 5.0])), (30_000, native(&[6.0, 6.0])), (60_000, native(&[1.0, 2.0]))];
    let memory = Memory::default().histograms(&[("__name__", "h")], &samples);
    assert_eq!(memory.one("resets(h[61s])", 60_000), 1.0);
    // 10, 12, 3: growth −7 + 12 = 5 in 60 s; 1 s to the start of the range.
    let got = memory.one("histogram_count(increase(h[61s]))", 60_000);
    assert!((got - 5.0 * 61.0 / 60.0).abs() < 1e-12, "{got}");
}
