use std::sync::Arc;

use tidegate_model::{Buckets, Histogram, ResetHint, Span};

use super::*;

fn written(write: impl FnOnce(&mut Json)) -> String {
    let mut json = Json::default();
    write(&mut json);
    json.into_string()
}

#[test]
fn numbers_are_written_as_go_writes_them() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e6, "1000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-07"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ] {
        assert_eq!(written(|json| json.number(value)), format!("\"{expected}\""));
    }
}

#[test]
fn times_are_seconds_with_three_digits_or_none() {
    for (time_ms, expected) in [
        (0, "0"),
        (1_700_000_000_000, "1700000000"),
        (1_700_000_000_010, "1700000000.010"),
        (1_500, "1.500"),
        (-1, "-0.001"),
        (i64::MIN, "-9223372036854775.808"),
    ] {
        assert_eq!(written(|json| json.time(time_ms)), expected);
    }
}

#[test]
fn texts_are_escaped() {
    let labels = Labels::from_pairs([("a", "\"\\\n\u{1}é"), ("__name__", "m")]).unwrap();
    assert_eq!(written(|json| json.labels(&labels)), "{\"__name__\":\"m\",\"a\":\"\\\"\\\\\\n\\u0001é\"}");
}

fn histogram() -> SampleValue {
    let one = |offset, counts: &[f64]| Buckets {
        spans: vec![Span { offset, length: counts.len() as u32 }],
        counts: counts.to_vec(),
    };
    let histogram = Histogram {
        schema: 0,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 12.0,
        sum: 18.5,
        positive: one(1, &[3.0, 0.0, 4.0]),
        negative: one(0, &[3.0]),
        custom_bounds: Vec::new(),
        reset_hint: ResetHint::Unknown,
    };
    SampleValue::Histogram(Arc::new(HistogramValue::from(&histogram)))
}

#[test]
fn histograms_list_their_populated_buckets_with_boundary_rules() {
    let labels = Labels::empty();
    let sample = InstantSample { labels, time_ms: 1_000, value: histogram() };
    assert_eq!(
        written(|json| json.value(&QueryValue::Vector(vec![sample]), 0)),
        concat!(
            r#"{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"12","sum":"18.5","#,
            r#""buckets":[[1,"-1","-0.5","3"],[3,"-0.001","0.001","2"],[0,"1","2","3"],[0,"4","8","4"]]}]}]}"#
        )
    );
}

#[test]
fn a_series_may_have_both_floats_and_histograms() {
    let points = vec![(1_000, SampleValue::Float(1.0)), (2_000, histogram()), (3_500, SampleValue::Float(f64::NAN))];
    let series = RangeSeries { labels: Labels::from_pairs([("a", "b")]).unwrap(), points };
    let text = written(|json| json.value(&QueryValue::Matrix(vec![series]), 0));
    assert!(
        text.contains(r#"{"metric":{"a":"b"},"values":[[1,"1"],[3.500,"NaN"]],"histograms":[[2,{"count""#),
        "{text}"
    );
}

#[test]
fn nothing_is_an_empty_list() {
    let empty = |value| written(|json| json.value(&value, 0));
    assert_eq!(empty(QueryValue::Vector(Vec::new())), r#"{"resultType":"vector","result":[]}"#);
    assert_eq!(empty(QueryValue::Matrix(Vec::new())), r#"{"resultType":"matrix","result":[]}"#);
}
