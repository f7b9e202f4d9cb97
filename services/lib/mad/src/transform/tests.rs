use std::collections::BTreeMap;

use super::{Discarded, Template, Transforms};
use crate::config::{DropSet, Injection, Transform, Transformation};
use crate::{Dimensions, Histogram, JavaRegex, JavaReplacement, Kind, Metric, Quantity, Record};

fn regex(pattern: &str) -> JavaRegex {
    JavaRegex::new(pattern).unwrap()
}

fn mapping(rules: &[(&str, &[&str])]) -> Transform {
    let rule = |(pattern, replacements): &(&str, &[&str])| {
        let pattern = regex(pattern);
        let replacements = replacements.iter().map(|text| JavaReplacement::new(text, &pattern).unwrap()).collect();
        (pattern, replacements)
    };
    Transform::Mapping(rules.iter().map(rule).collect())
}

fn set(rules: &[(&str, &[&str])]) -> Transformation {
    let rule = |(pattern, templates): &(&str, &[&str])| {
        let pattern = regex(pattern);
        let templates = templates.iter().map(|text| Template::new(text, &pattern).unwrap()).collect();
        (pattern, templates)
    };
    Transformation {
        transform_metrics: rules.iter().map(rule).collect(),
        inject_dimensions: Vec::new(),
        remove_dimensions: Vec::new(),
    }
}

fn dimensions(pairs: &[(&str, &str)]) -> Dimensions {
    pairs.iter().copied().collect()
}

fn gauge(values: &[f64]) -> Metric {
    let samples = values.iter().map(|value| Quantity::plain(*value)).collect();
    Metric { kind: Kind::Gauge, samples, histograms: Vec::new() }
}

fn record(pairs: &[(&str, &str)], metrics: &[(&str, Metric)]) -> Record {
    Record {
        time_ms: 5,
        request_time_ms: Some(3),
        dimensions: dimensions(pairs),
        metrics: metrics.iter().map(|(name, metric)| ((*name).into(), metric.clone())).collect(),
    }
}

fn run(step: Transform, record: Record) -> (Vec<Record>, Discarded) {
    Transforms::new(vec![step], BTreeMap::new()).apply(vec![record], 99)
}

/// Names and values under each set of dimensions.
type Shape = Vec<(Vec<(String, String)>, Vec<(String, Vec<f64>)>)>;

fn shape(records: &[Record]) -> Shape {
    let of_metric = |(name, metric): &(Box<str>, Metric)| {
        (name.to_string(), metric.samples.iter().map(|sample| sample.value).collect())
    };
    let of_record = |record: &Record| {
        assert_eq!((record.time_ms, record.request_time_ms), (5, None));
        let pairs = record.dimensions.iter().map(|(name, value)| (name.into(), value.into())).collect();
        (pairs, record.metrics.iter().map(of_metric).collect())
    };
    records.iter().map(of_record).collect()
}

/// The same, by reference.
type Group<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a [f64])]);

fn expected(groups: &[Group<'_>]) -> Shape {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let metrics =
        |metrics: &[(&str, &[f64])]| metrics.iter().map(|(name, values)| (name.to_string(), values.to_vec())).collect();
    groups.iter().map(|(of, values)| (pairs(of), metrics(values))).collect()
}

#[test]
fn a_mapping_merges_multiplies_and_drops() {
    let step = mapping(&[("foo/([^/]*)/bar", &["foo/bar"]), ("^cat/(.*)$", &["cat", "all/$1"]), ("^drop", &[])]);
    let metrics = [
        ("foo/1/bar", gauge(&[1.0])),
        ("foo/2/bar", gauge(&[2.0, 3.0])),
        ("cat/x", gauge(&[4.0])),
        ("dropped", gauge(&[5.0])),
        ("other", gauge(&[6.0])),
    ];
    let (records, discarded) = run(step, record(&[("host", "h")], &metrics));
    let all: &[(&str, &[f64])] =
        &[("foo/bar", &[1.0, 2.0, 3.0]), ("cat", &[4.0]), ("all/x", &[4.0]), ("other", &[6.0])];
    assert_eq!(shape(&records), expected(&[(&[("host", "h")], all)]));
    assert_eq!(discarded, Discarded::default());
}

#[test]
fn every_pattern_that_is_found_applies() {
    let step = mapping(&[("a", &["x"]), ("b", &["y"])]);
    let (records, _) = run(step, record(&[], &[("ab", gauge(&[1.0]))]));
    assert_eq!(shape(&records), expected(&[(&[], &[("xb", &[1.0]), ("ay", &[1.0])])]));
}

#[test]
fn of_two_kinds_the_later_one_is_discarded_and_counted() {
    let counter = Metric { kind: Kind::Counter, ..gauge(&[2.0]) };
    let (records, discarded) =
        run(mapping(&[("[0-9]", &["x"])]), record(&[], &[("m1", gauge(&[1.0])), ("m2", counter)]));
    assert_eq!(shape(&records), expected(&[(&[], &[("mx", &[1.0])])]));
    assert_eq!(discarded, Discarded { kinds: 1, tags: 0 });
}

#[test]
fn what_clients_have_aggregated_merges_too() {
    let with = |value: f64| {
        let histogram = Histogram {
            entries: BTreeMap::from([(value.to_bits(), 1)]),
            min: value,
            max: value,
            sum: value,
            unit: None,
        };
        Metric { histograms: vec![histogram], ..gauge(&[value]) }
    };
    let pair = record(&[], &[("m1", with(1.0)), ("m2", with(2.0))]);
    for step in [mapping(&[("[0-9]", &["x"])]), Transform::Transforming(vec![set(&[("[0-9]", &["x"])])])] {
        let (records, _) = run(step, pair.clone());
        let sums: Vec<f64> = records[0].metrics[0].1.histograms.iter().map(|histogram| histogram.sum).collect();
        assert_eq!(sums, [1.0, 2.0]);
    }
}

#[test]
fn a_time_stamp_is_that_of_receipt() {
    let (records, _) = run(Transform::TimeStamping, record(&[("host", "h")], &[("m", gauge(&[1.0]))]));
    assert_eq!((records[0].time_ms, records[0].request_time_ms), (99, None));
    assert_eq!(&*records[0].metrics[0].0, "m");
}

#[test]
fn a_record_whose_metrics_are_all_dropped_is_gone() {
    assert_eq!(run(mapping(&[("m", &[])]), record(&[], &[("m", gauge(&[1.0]))])).0, []);
    assert_eq!(run(Transform::Transforming(vec![set(&[("m", &[])])]), record(&[], &[("m", gauge(&[1.0]))])).0, []);
}

#[test]
fn consumed_dimensions_go_then_removed_ones_then_injections_then_tags_come() {
    let mut rules = set(&[("^pod/", &["${pod}/"]), ("^tag/(.*)", &["t;kind=${1}; inject = over ;host=tagged"])]);
    rules.remove_dimensions = vec!["gone".into(), "back".into()];
    rules.inject_dimensions = vec![
        ("back".into(), Injection { value: "injected".into(), overwrite: false }),
        ("host".into(), Injection { value: "injected".into(), overwrite: true }),
        ("pod".into(), Injection { value: "injected".into(), overwrite: false }),
    ];
    let from: &[(&str, &str)] = &[("back", "b"), ("gone", "g"), ("host", "h"), ("pod", "p")];
    let metrics = [("pod/x", gauge(&[1.0])), ("tag/y", gauge(&[2.0])), ("plain", gauge(&[3.0]))];
    let (records, _) = run(Transform::Transforming(vec![rules]), record(from, &metrics));
    let consumed: &[(&str, &str)] = &[("back", "injected"), ("host", "injected"), ("pod", "injected")];
    let tagged: &[(&str, &str)] =
        &[("back", "injected"), ("host", "tagged"), ("inject ", " over"), ("kind", "y"), ("pod", "p")];
    let plain: &[(&str, &str)] = &[("back", "injected"), ("host", "injected"), ("pod", "p")];
    assert_eq!(
        shape(&records),
        expected(&[(consumed, &[("p/x", &[1.0])]), (tagged, &[("t", &[2.0])]), (plain, &[("plain", &[3.0])])])
    );
}

#[test]
fn metrics_merge_only_under_the_same_dimensions() {
    let rules = set(&[("^m/(?<x>.)/(.)", &["m;x=${x}"])]);
    let metrics = [("m/a/1", gauge(&[1.0])), ("m/b/1", gauge(&[2.0])), ("m/a/2", gauge(&[3.0]))];
    let (records, _) = run(Transform::Transforming(vec![rules]), record(&[], &metrics));
    assert_eq!(shape(&records), expected(&[(&[("x", "a")], &[("m", &[1.0, 3.0])]), (&[("x", "b")], &[("m", &[2.0])])]));
}

#[test]
fn tags_that_are_no_pairs_discard_their_metric() {
    for tags in ["novalue", "a=b=c", "a=1;a=2"] {
        let rules = set(&[("^bad", &[&format!("m;{tags}"), "good"])]);
        let (records, discarded) = run(Transform::Transforming(vec![rules]), record(&[], &[("bad", gauge(&[1.0]))]));
        assert_eq!(shape(&records), expected(&[(&[], &[("good", &[1.0])])]));
        assert_eq!(discarded, Discarded { kinds: 0, tags: 1 });
    }
    let rules = set(&[("^m", &["m;;a=;"])]);
    let (records, _) = run(Transform::Transforming(vec![rules]), record(&[], &[("m", gauge(&[1.0]))]));
    assert_eq!(shape(&records), expected(&[(&[("a", "")], &[("m", &[1.0])])]));
}

#[test]
fn several_sets_see_the_same_record_and_hand_on_once() {
    let sets = vec![set(&[("^a$", &["one"])]), set(&[("^a$", &["two"]), ("^b$", &["one"])])];
    let (records, _) = run(Transform::Transforming(sets), record(&[], &[("a", gauge(&[1.0])), ("b", gauge(&[2.0]))]));
    assert_eq!(shape(&records), expected(&[(&[], &[("one", &[1.0, 2.0]), ("b", &[2.0]), ("two", &[1.0])])]));
}

#[test]
fn tags_are_dropped_from_whole_names_by_all_sets_that_match() {
    let drop = |pattern: &str, names: &[&str]| DropSet {
        metric_pattern: regex(pattern),
        remove_dimensions: names.iter().map(|name| (*name).into()).collect(),
    };
    let sets = vec![drop("td/.*", &["pod"]), drop("td/x", &["node", "none"]), drop("d/x", &["host"])];
    let from: &[(&str, &str)] = &[("host", "h"), ("node", "n"), ("pod", "p")];
    let metrics = [("td/x", gauge(&[1.0])), ("td/y", gauge(&[2.0])), ("keep", gauge(&[3.0]))];
    let (records, _) = run(Transform::TagDropping(sets), record(from, &metrics));
    assert_eq!(
        shape(&records),
        expected(&[
            (&[("host", "h")], &[("td/x", &[1.0])]),
            (&[("host", "h"), ("node", "n")], &[("td/y", &[2.0])]),
            (from, &[("keep", &[3.0])]),
        ])
    );
}

#[test]
fn wrappers_apply_from_the_innermost_on() {
    let steps = vec![mapping(&[("^a$", &["b"])]), mapping(&[("^b$", &["c"])])];
    let (records, _) = Transforms::new(steps, BTreeMap::new()).apply(vec![record(&[], &[("a", gauge(&[1.0]))])], 0);
    assert_eq!(shape(&records), expected(&[(&[], &[("c", &[1.0])])]));
}
