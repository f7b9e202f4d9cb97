//! A pipeline with the sources of mad-experimental, and what came out of that program for the same input.

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tidegate_mad::aggregate::{Aggregator, Config};
use tidegate_mad::config::load_pipeline;
use tidegate_mad::transform::Transforms;
use tidegate_mad::{Dimensions, Kind, Periodic, Quantity, Record, Unit, parse};

const PIPELINE: &str = r#"
name = "experimental", periods = ["PT1S"]
gaugeStatistics = ["min", "max", "mean", "sum", "count", "tp50", "tp99.9", "p75", "tp95"]
sources = [
  {
    type = "com.arpnetworking.metrics.mad.experimental.sources.TransformingSource", name = "transforming"
    transformations = [{
      transformMetrics = {
        "^(?<a>[a-z]+)\\.rename\\.(.*)$" = ["${a}/renamed/${2}", "x/${service}/${2};extra=${host}"]
        "^drop.*" = []
      }
      injectDimensions = {
        cluster = { value = "injc", overwrite = false }
        service = { value = "injs", overwrite = false }
        host = { value = "injh", overwrite = false }
      }
      removeDimensions = ["gone"]
    }]
    source = { type = "com.arpnetworking.metrics.mad.experimental.sources.OpenTelemetryGrpcSource", name = "otlp" }
  }
  {
    type = "com.arpnetworking.metrics.mad.experimental.sources.TagDroppingSource", name = "dropping"
    dropSets = [{ metricPattern = "^td/.*", removeDimensions = ["pod"] }]
    source = { type = "com.arpnetworking.metrics.common.sources.ClientHttpSourceV3", name = "v3" }
  }
]
"#;

const TIME_NS: u64 = 1_700_000_000_000_000_000;

fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let attribute = |(key, value): &(&str, &str)| {
        let value = AnyValue { value: Some(Value::StringValue((*value).into())) };
        KeyValue { key: (*key).into(), value: Some(value), ..KeyValue::default() }
    };
    pairs.iter().map(attribute).collect()
}

fn point(value: Number, pairs: &[(&str, &str)]) -> NumberDataPoint {
    let attributes = attributes(pairs);
    NumberDataPoint { attributes, time_unix_nano: TIME_NS, value: Some(value), ..NumberDataPoint::default() }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() }
}

fn gauge(name: &str, unit: &str, value: f64) -> Metric {
    metric(name, unit, Data::Gauge(Gauge { data_points: vec![point(Number::AsDouble(value), &[])] }))
}

fn request() -> ExportMetricsServiceRequest {
    let sum = Sum { data_points: vec![point(Number::AsInt(7), &[("k", "v")])], ..Sum::default() };
    let explicit = HistogramDataPoint {
        time_unix_nano: TIME_NS,
        count: 10,
        sum: Some(1_000.0),
        bucket_counts: vec![1, 2, 3, 4],
        explicit_bounds: vec![10.0, 100.0, 200.0],
        min: Some(5.0),
        max: Some(400.0),
        ..HistogramDataPoint::default()
    };
    let exponential = ExponentialHistogramDataPoint {
        time_unix_nano: TIME_NS,
        count: 6,
        sum: Some(30.0),
        scale: 3,
        zero_count: 1,
        positive: Some(Buckets { offset: 5, bucket_counts: vec![1, 2, 0, 1] }),
        negative: Some(Buckets { offset: 2, bucket_counts: vec![1] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let metrics = vec![
        gauge("otel.gauge", "ms", 250.0),
        metric("otel.sum", "1", Data::Sum(sum)),
        metric("otel.hist", "ms", Data::Histogram(Histogram { data_points: vec![explicit], ..Histogram::default() })),
        metric(
            "otel.exp",
            "ms",
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![exponential],
                ..ExponentialHistogram::default()
            }),
        ),
        gauge("abc.rename.zzz", "", 1.0),
        gauge("drop.me", "", 1.0),
    ];
    let resource = attributes(&[("service.name", "svc"), ("gone", "x"), ("host", "oh")]);
    let resource = Resource { attributes: resource, ..Resource::default() };
    let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
    let resource =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

/// The results of the pipeline when its `source`th source has read `records`.
fn run(source: usize, records: Vec<Record>) -> BTreeMap<String, Periodic> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.conf");
    std::fs::write(&path, PIPELINE).unwrap();
    let pipeline = load_pipeline(&path, &HashMap::new()).unwrap().config;
    let mut aggregator = Aggregator::new(Config::of(&pipeline));
    let transforms = Transforms::new(pipeline.sources[source].transforms.clone(), BTreeMap::new());
    for record in transforms.apply(records, 0).0 {
        aggregator.add(record, 0);
    }
    let results = aggregator.flush(usize::MAX);
    results.into_iter().map(|result| (result.metric.to_string(), result)).collect()
}

fn values(result: &Periodic) -> BTreeMap<&'static str, f64> {
    result.statistics.iter().map(|computed| (computed.statistic.name(), computed.value.value)).collect()
}

/// Statistics in seconds; the others have no unit.
fn with_unit(result: &Periodic) -> Vec<&'static str> {
    let mut names = Vec::new();
    for computed in &result.statistics {
        match computed.value.unit {
            None => {}
            Some(Unit::Second) => names.push(computed.statistic.name()),
            other => panic!("{other:?}"),
        }
    }
    names.sort_unstable();
    names
}

#[test]
fn otlp_through_a_transforming_source() {
    let results = run(0, parse::otlp::parse(&request()).unwrap());
    let names: Vec<&str> = results.keys().map(String::as_str).collect();
    assert_eq!(names, ["abc/renamed/zzz", "otel.exp", "otel.gauge", "otel.hist", "otel.sum", "x/svc/zzz"]);

    let own = [("cluster", "injc"), ("host", "oh"), ("service", "svc"), ("service.name", "svc")];
    for name in ["abc/renamed/zzz", "otel.exp", "otel.gauge", "otel.hist"] {
        assert_eq!(results[name].dimensions.iter().collect::<Vec<_>>(), own, "{name}");
    }
    let with_k = [("cluster", "injc"), ("host", "oh"), ("k", "v"), ("service", "svc"), ("service.name", "svc")];
    assert_eq!(results["otel.sum"].dimensions.iter().collect::<Vec<_>>(), with_k);
    let tagged = [("cluster", "injc"), ("extra", "oh"), ("host", "injh"), ("service", "injs"), ("service.name", "svc")];
    assert_eq!(results["x/svc/zzz"].dimensions.iter().collect::<Vec<_>>(), tagged);

    for (name, value) in [("otel.gauge", 250.0), ("otel.sum", 7.0), ("abc/renamed/zzz", 1.0), ("x/svc/zzz", 1.0)] {
        for (statistic, computed) in values(&results[name]) {
            let expected = if matches!(statistic, "count" | "histogram") { 1.0 } else { value };
            assert_eq!(computed, expected, "{name} {statistic}");
        }
        assert!(with_unit(&results[name]).is_empty(), "{name}");
    }
}

#[test]
fn otlp_histograms() {
    let results = run(0, parse::otlp::parse(&request()).unwrap());
    let of =
        |name: &str| (values(&results[name]), results[name].histogram.as_ref().unwrap().by_value().collect::<Vec<_>>());
    let (explicit, entries) = of("otel.hist");
    assert_eq!(entries, [(0.00994873046875, 1), (0.099609375, 2), (0.19921875, 3), (0.3984375, 4)]);
    let expected = [
        ("count", 10.0),
        ("histogram", 1.0),
        ("max", 0.4),
        ("mean", 0.1),
        ("median", 0.19921875),
        ("min", 0.005),
        ("sum", 1.0),
        ("tp75", 0.3984375),
        ("tp95", 0.3984375),
        ("tp99.9", 0.3984375),
    ];
    assert_eq!(explicit, BTreeMap::from(expected));
    let (exponential, entries) = of("otel.exp");
    let expected_entries = [
        (-0.0012359619140625, 1),
        (0.0, 1),
        (0.00160980224609375, 1),
        (0.0017547607421875, 2),
        (0.0020904541015625, 1),
    ];
    assert_eq!(entries, expected_entries);
    let expected = [
        ("count", 6.0),
        ("histogram", 1.0),
        ("max", 0.002090507732665258),
        ("mean", 0.005),
        ("median", 0.00160980224609375),
        ("min", -0.0012430233348268657),
        ("sum", 0.03),
        ("tp75", 0.0017547607421875),
        ("tp95", 0.0020904541015625),
        ("tp99.9", 0.0020904541015625),
    ];
    assert_eq!(exponential, BTreeMap::from(expected));
    for name in ["otel.hist", "otel.exp"] {
        assert_eq!(with_unit(&results[name]), ["max", "mean", "min", "sum"]);
        assert_eq!(results[name].unit, None);
    }
}

#[test]
fn a_tag_is_dropped_from_the_metrics_that_match() {
    let dimensions: Dimensions =
        [("cluster", "c1"), ("host", "td"), ("pod", "p1"), ("service", "s1")].into_iter().collect();
    let one = |value| tidegate_mad::Metric {
        kind: Kind::Gauge,
        samples: vec![Quantity::plain(value)],
        histograms: Vec::new(),
    };
    let metrics = vec![("td/x".into(), one(1.0)), ("keep".into(), one(2.0))];
    let results = run(1, vec![Record { time_ms: 0, request_time_ms: None, dimensions: dimensions.clone(), metrics }]);
    let dropped = [("cluster", "c1"), ("host", "td"), ("service", "s1")];
    assert_eq!(results["td/x"].dimensions.iter().collect::<Vec<_>>(), dropped);
    assert_eq!(values(&results["td/x"])["sum"], 1.0);
    assert_eq!(results["keep"].dimensions, dimensions);
    assert_eq!(values(&results["keep"])["sum"], 2.0);
}
