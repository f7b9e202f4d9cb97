//! Windows against the samples they were folded from: a naive implementation on
//! raw samples is the oracle.

use proptest::prelude::*;
use tidegate_model::{is_stale, stale_nan};

use crate::QueryValue;
use crate::testing::{Memory, float};

type Raw = [(i64, f64)];

fn in_range(raw: &Raw, start_ms: i64, end_ms: i64) -> Vec<(i64, f64)> {
    let inside = |&&(time_ms, value): &&(i64, f64)| time_ms > start_ms && time_ms <= end_ms && !is_stale(value);
    raw.iter().filter(inside).copied().collect()
}

/// Prometheus' extrapolated growth, straight from its documentation.
fn increase(raw: &Raw, start_ms: i64, end_ms: i64) -> Option<f64> {
    let samples = in_range(raw, start_ms, end_ms);
    let (first, last) = (samples.first()?, samples.last()?);
    if samples.len() < 2 {
        return None;
    }
    let mut growth = last.1 - first.1;
    for pair in samples.windows(2) {
        if pair[1].1 < pair[0].1 {
            growth += pair[0].1;
        }
    }
    let sampled = (last.0 - first.0) as f64 / 1e3;
    let distance = sampled / (samples.len() - 1) as f64;
    let limit = |gap_ms: i64| {
        let gap = gap_ms as f64 / 1e3;
        if gap >= distance * 1.1 { distance / 2.0 } else { gap }
    };
    let mut to_start = limit(first.0 - start_ms);
    if growth > 0.0 && first.1 >= 0.0 {
        to_start = to_start.min(sampled * first.1 / growth);
    }
    Some(growth * (sampled + to_start + limit(end_ms - last.0)) / sampled)
}

fn over(raw: &Raw, start_ms: i64, end_ms: i64, of: impl Fn(&[f64]) -> f64) -> Option<f64> {
    let values: Vec<_> = in_range(raw, start_ms, end_ms).into_iter().map(|(_, value)| value).collect();
    (!values.is_empty()).then(|| of(&values))
}

fn steps_where(values: &[f64], counts: impl Fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| counts(pair[0], pair[1])).count() as f64
}

fn expected(function: &str, raw: &Raw, start_ms: i64, end_ms: i64) -> Option<f64> {
    let range_s = (end_ms - start_ms) as f64 / 1e3;
    match function {
        "increase" => increase(raw, start_ms, end_ms),
        "rate" => increase(raw, start_ms, end_ms).map(|growth| growth / range_s),
        "resets" => over(raw, start_ms, end_ms, |values| steps_where(values, |a, b| b < a)),
        "changes" => over(raw, start_ms, end_ms, |values| steps_where(values, |a, b| b != a)),
        "count_over_time" => over(raw, start_ms, end_ms, |values| values.len() as f64),
        "sum_over_time" => over(raw, start_ms, end_ms, |values| values.iter().sum()),
        "avg_over_time" => over(raw, start_ms, end_ms, |values| values.iter().sum::<f64>() / values.len() as f64),
        "min_over_time" => over(raw, start_ms, end_ms, |values| values.iter().copied().fold(f64::INFINITY, f64::min)),
        "max_over_time" => {
            over(raw, start_ms, end_ms, |values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
        "last_over_time" => over(raw, start_ms, end_ms, |values| values[values.len() - 1]),
        other => panic!("no oracle for {other}"),
    }
}

const FUNCTIONS: [&str; 10] = [
    "increase",
    "rate",
    "resets",
    "changes",
    "count_over_time",
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "last_over_time",
];

/// All functions, at every step, against the oracle.
fn check(raw: &Raw, start_ms: i64, end_ms: i64, step_ms: i64, range_s: i64) {
    let memory = Memory::default().floats(&[("__name__", "x_total")], raw);
    for function in FUNCTIONS {
        let evaluated = memory.range(&format!("{function}(x_total[{range_s}s])"), start_ms, end_ms, step_ms);
        assert_eq!(evaluated.infos, Vec::<String>::new(), "{function}");
        let QueryValue::Matrix(matrix) = evaluated.value else { panic!("not a matrix") };
        let got: Vec<_> = matrix.first().map_or(Vec::new(), |series| series.points.clone());
        let mut points = got.into_iter().peekable();
        for time_ms in (start_ms..=end_ms).step_by(step_ms as usize) {
            let at = points.next_if(|(at_ms, _)| *at_ms == time_ms).map(|(_, value)| float(&value));
            let wanted = expected(function, raw, time_ms - range_s * 1000, time_ms);
            let same = match (at, wanted) {
                (Some(at), Some(wanted)) => (at - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
                (at, wanted) => at.is_none() && wanted.is_none(),
            };
            assert!(same, "{function} over ({}, {time_ms}] gives {at:?}, wanted {wanted:?}", time_ms - range_s * 1000);
        }
    }
}

/// Samples of a counter with resets and stale markers, `gaps_ms` apart.
fn counter(gaps_ms: std::ops::Range<i64>, length: usize) -> impl Strategy<Value = Vec<(i64, f64)>> {
    let sample = (gaps_ms, prop_oneof![4 => (0..50i64).prop_map(Some), 1 => Just(None)], 0..12u8);
    prop::collection::vec(sample, 0..length).prop_map(|samples| {
        let (mut time_ms, mut value) = (0, 0.0);
        let mut raw = Vec::new();
        for (gap_ms, growth, kind) in samples {
            time_ms += gap_ms;
            value = growth.map_or(3.0, |growth| value + growth as f64 * 0.25);
            raw.push((time_ms, if kind == 0 { stale_nan() } else { value }));
        }
        raw
    })
}

proptest! {
    #[test]
    fn windows_of_at_most_two_samples_answer_as_raw_samples(
        raw in counter(2500..40_000, 60),
        start_ms in 0..200_000i64,
        step_ms in 1000..40_000i64,
        range_s in 1..300i64,
    ) {
        check(&raw, start_ms, start_ms + 20 * step_ms, step_ms, range_s);
    }

    #[test]
    fn whole_windows_of_many_samples_answer_as_raw_samples(
        raw in counter(1..1500, 300),
        range_windows in 1..30i64,
        step_windows in 1..5i64,
    ) {
        // Ranges that end a millisecond before a window begins cut none.
        check(&raw, 4_999, 4_999 + 20 * step_windows * 5_000, step_windows * 5_000, range_windows * 5);
    }
}
