use serde_json::{Value, json};

use super::parse;
use crate::{Kind, Record};

fn read(body: &str) -> Result<Vec<Record>, u16> {
    parse(body.as_bytes(), []).map_err(|error| error.http_status())
}

fn reading(values: &Value, types: &Value, names: &Value) -> Value {
    json!({
        "values": values, "dstypes": types, "dsnames": names, "time": 1_700_000_000.123_6, "interval": 10,
        "host": "hc", "plugin": "cpu", "plugin_instance": "0", "type": "cpu", "type_instance": "idle", "meta": {},
    })
}

fn samples(record: &Record) -> Vec<(&str, Kind, Vec<f64>)> {
    let values = |metric: &crate::Metric| metric.samples.iter().map(|sample| sample.value).collect();
    record.metrics.iter().map(|(name, metric)| (&**name, metric.kind, values(metric))).collect()
}

#[test]
fn each_data_source_is_a_metric() {
    let body =
        json!([reading(&json!([1.0, 2.0, null]), &json!(["gauge", "derive", "gauge"]), &json!(["a", "value", "c"]))]);
    let headers = [("X-TAG-SERVICE", "collectd"), ("x-tag-cluster", "cc"), ("X-Tag-host", "no"), ("Accept", "x")];
    let records = parse(body.to_string().as_bytes(), headers).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].time_ms, 1_700_000_000_124);
    let expected = [("cluster", "cc"), ("host", "hc"), ("service", "collectd")].into_iter().collect();
    assert_eq!(records[0].dimensions, expected);
    let expected = [("cpu/0/cpu/idle/a", Kind::Gauge, vec![1.0]), ("cpu/0/cpu/idle", Kind::Counter, vec![2.0])];
    assert_eq!(samples(&records[0]), expected);
}

#[test]
fn names_leave_out_what_is_empty() {
    let mut one = reading(&json!([1]), &json!(["counter"]), &json!([""]));
    one["plugin_instance"] = json!("");
    one["type_instance"] = json!("");
    assert_eq!(samples(&read(&json!([one]).to_string()).unwrap()[0]), [("cpu/cpu", Kind::Counter, vec![1.0])]);
}

#[test]
fn kinds_follow_the_type() {
    for (name, kind) in [
        ("gauge", Kind::Gauge),
        ("counter", Kind::Counter),
        ("derive", Kind::Counter),
        ("absolute", Kind::Counter),
        ("else", Kind::Gauge),
    ] {
        let body = json!([reading(&json!([1]), &json!([name]), &json!(["v"]))]);
        assert_eq!(samples(&read(&body.to_string()).unwrap()[0])[0].1, kind, "{name}");
    }
}

#[test]
fn values_of_one_name_come_together_each_once() {
    let names = json!(["value", "value", "value"]);
    let body = json!([reading(&json!([3, 1, 3]), &json!(["gauge", "gauge", "gauge"]), &names)]);
    assert_eq!(samples(&read(&body.to_string()).unwrap()[0]), [("cpu/0/cpu/idle", Kind::Gauge, vec![3.0, 1.0])]);
}

#[test]
fn what_is_no_number_is_one_here() {
    let body = json!([reading(&json!(["@", "2.5"]), &json!(["gauge", "gauge"]), &json!(["a", "b"]))]).to_string();
    for (word, check) in [
        ("NaN", f64::is_nan as fn(f64) -> bool),
        ("-INF", |value| value == f64::NEG_INFINITY),
        ("Infinity", |value| value == f64::INFINITY),
    ] {
        let records = read(&body.replace("\"@\"", word)).unwrap();
        let samples = samples(&records[0]);
        assert!(check(samples[0].2[0]), "{word}");
        assert_eq!(samples[1].2, [2.5]);
    }
}

#[test]
fn nothing_to_tell_is_no_record() {
    assert_eq!(read("[]"), Ok(Vec::new()));
    let mut none = reading(&json!(null), &json!(null), &json!(null));
    assert_eq!(read(&json!([none]).to_string()), Ok(Vec::new()));
    for key in ["values", "dstypes", "dsnames"] {
        none.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(read(&json!([none]).to_string()), Ok(Vec::new()));
    let nulls = json!([reading(&json!([null]), &json!(["gauge"]), &json!(["a"]))]);
    assert_eq!(read(&nulls.to_string()), Ok(Vec::new()));
}

#[test]
fn what_is_wrong_is_refused() {
    for body in ["", "{", "{}", "5", "[5]", "[{}]", "[\"x\"]"] {
        assert_eq!(read(body), Err(400), "{body}");
    }
    let lists = [
        (json!([1.0]), json!([]), json!([])),
        (json!([1.0]), json!(null), json!(["a"])),
        (json!([1.0]), json!(["gauge"]), json!([null])),
        (json!(["x"]), json!(["gauge"]), json!(["a"])),
        (json!([true]), json!(["gauge"]), json!(["a"])),
        (json!("x"), json!(["gauge"]), json!(["a"])),
    ];
    for (values, types, names) in lists {
        assert_eq!(read(&json!([reading(&values, &types, &names)]).to_string()), Err(400), "{values} {types} {names}");
    }
    for key in ["host", "time", "plugin", "plugin_instance", "type", "type_instance"] {
        let mut one = reading(&json!([1]), &json!(["gauge"]), &json!(["a"]));
        one[key] = json!(null);
        assert_eq!(read(&json!([one]).to_string()), Err(400), "{key}");
    }
}

#[test]
fn nulls_in_place_of_records_are_not_expected() {
    assert_eq!(read("null"), Err(500));
    assert_eq!(read("[null]"), Err(500));
    assert_eq!(read("[null, {}]"), Err(400), "that is seen while reading");
}
