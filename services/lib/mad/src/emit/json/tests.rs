use std::collections::BTreeMap;

use super::{number, result, text};
use crate::{Computed, Histogram, Periodic, Quantity, Statistic, Unit};

#[test]
fn a_result_is_one_object() {
    let unit = Some(Unit::Second);
    let computed =
        |statistic, value, unit, asked_for| Computed { statistic, value: Quantity { value, unit }, asked_for };
    let entries = BTreeMap::from([(4.5f64.to_bits(), 2), ((-1.0f64).to_bits(), 1)]);
    let periodic = Periodic {
        metric: "a\"b".into(),
        dimensions: [("service", "s"), ("cluster", "ü\n")].into_iter().collect(),
        period_ms: 60_000,
        start_ms: 1_795_210_010_000,
        min_request_time_ms: Some(1),
        statistics: vec![
            computed(Statistic::Mean, 8.0 / 3.0, unit, true),
            computed(Statistic::Sum, 8.0, unit, false),
            computed(Statistic::Max, f64::INFINITY, unit, true),
            computed(Statistic::Histogram, 1.0, None, true),
        ],
        unit,
        histogram: Some(Histogram { entries, min: -1.0, max: 4.5, sum: 8.0, unit: None }),
    };
    let mut out = String::new();
    result(&mut out, &periodic);
    let expected = concat!(
        r#"{"metric":"a\"b","dimensions":{"cluster":"ü\n","service":"s"},"period":"PT1M","start":"2026-11-20T21:26:50Z","#,
        r#""clientMinimumRequestTime":"1970-01-01T00:00:00.001Z","statistics":{"#,
        r#""mean":{"value":2.6666666666666665,"unit":"SECOND"},"max":{"value":"Infinity","unit":"SECOND"},"#,
        r#""histogram":{"value":1.0,"unit":"SECOND","entries":[[-1.0,1],[4.5,2]]}}}"#,
    );
    assert_eq!(out, expected);
}

#[test]
fn what_json_lacks_is_text_and_what_it_forbids_is_escaped() {
    let mut out = String::new();
    for value in [f64::NAN, f64::NEG_INFINITY, 4.5e15] {
        number(&mut out, value);
    }
    text(&mut out, "\u{1}\t\\\u{7f}");
    assert_eq!(out, "\"NaN\"\"-Infinity\"4.5E15\"\\u0001\\t\\\\\u{7f}\"");
}
