use serde_json::{Value, json};
use tidegate_promql::SampleValue;

use super::*;

fn sample(host: &str, value: f64) -> InstantSample {
    let labels = Labels::from_pairs([("host", host)]).unwrap();
    InstantSample { labels, time_ms: 1_500, value: SampleValue::Float(value) }
}

fn frame(hosts: &[(&str, f64)], missing: &[u16], before: Option<&Arc<SeriesList>>) -> Frame {
    let value = QueryValue::Vector(hosts.iter().map(|(host, value)| sample(host, *value)).collect());
    let evaluated = Evaluated { value, warnings: Vec::new(), infos: Vec::new() };
    Frame::new(&TenantId::default(), 1_500, evaluated, missing.to_vec(), before)
}

fn data(frame: &Frame, known: Option<&Frame>) -> Value {
    serde_json::from_str(&frame.data(known.map(Frame::series))).unwrap()
}

fn hosts(data: &Value) -> Vec<&str> {
    let series = data["series"].as_object();
    let mut hosts: Vec<_> = series.into_iter().flatten().map(|(_, labels)| labels["host"].as_str().unwrap()).collect();
    hosts.sort_unstable();
    hosts
}

#[test]
fn a_scalar_is_one_series_without_labels_and_what_is_missing_is_said() {
    let value = QueryValue::Scalar(vec![(1_500, 2.0)]);
    let evaluated = Evaluated { value, warnings: vec!["careful".into()], infos: Vec::new() };
    let frame = Frame::new(&TenantId::default(), 1_500, evaluated, vec![3, 4], None);
    let data = data(&frame, None);
    let key = data["points"][0][0].as_str().unwrap().to_owned();
    assert_eq!(key.len(), 16);
    let expected = json!({
        "time": 1.5, "series": {&key: {}}, "points": [[key, "2"]], "missing_partitions": [3, 4],
        "warnings": ["careful"],
    });
    assert_eq!(data, expected);
}

#[test]
fn series_are_told_once_and_points_keep_the_order_of_the_result() {
    let first = frame(&[("b", 2.0), ("a", 1.0)], &[], None);
    let told = data(&first, None);
    assert_eq!(hosts(&told), ["a", "b"]);
    let keys: Vec<_> = (0..2).map(|at| told["points"][at][0].clone()).collect();
    assert_eq!(told["series"][keys[0].as_str().unwrap()]["host"], "b");

    let second = frame(&[("b", 3.0), ("a", 1.0)], &[], Some(first.series()));
    assert!(Arc::ptr_eq(first.series(), second.series()));
    let again = data(&second, Some(&first));
    assert_eq!(again, json!({"time": 1.5, "points": [[keys[0], "3"], [keys[1], "1"]]}));
    assert!(second.differs(&first));
    assert!(!frame(&[("b", 3.0), ("a", 1.0)], &[], None).differs(&second));

    let third = frame(&[("a", 1.0), ("c", 0.0)], &[], Some(first.series()));
    assert_eq!(hosts(&data(&third, Some(&first))), ["c"]);
    assert_eq!(hosts(&data(&first, Some(&third))), ["b"]);
    assert_eq!(hosts(&data(&third, None)), ["a", "c"]);
}

#[test]
fn nothing_is_an_event_too() {
    assert_eq!(data(&frame(&[], &[], None), None), json!({"time": 1.5, "points": []}));
}
