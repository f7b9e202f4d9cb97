use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram as OtlpHistogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{buckets::Middles, parse, text};
use crate::{Histogram, Quantity, Record, Unit};

const TIME_NS: u64 = 1_700_000_000_123_456_789;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any(Value::StringValue(value.into()))), ..Default::default() }
}

fn number(value: Number, attributes: &[KeyValue]) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes.to_vec(),
        time_unix_nano: TIME_NS,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.into(), unit: unit.into(), data: Some(data), ..Metric::default() }
}

fn gauge(name: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    metric(name, "ms", Data::Gauge(Gauge { data_points }))
}

fn request(resource: &[KeyValue], metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let resource = Resource { attributes: resource.to_vec(), ..Resource::default() };
    let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
    let resource =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

fn read(resource: &[KeyValue], metrics: Vec<Metric>) -> Result<Vec<Record>, u16> {
    parse(&request(resource, metrics)).map_err(|error| error.http_status())
}

fn only(metrics: Vec<Metric>) -> crate::Metric {
    let records = read(&[], metrics).expect("read");
    records[0].metrics[0].1.clone()
}

fn histogram(unit: &str, point: HistogramDataPoint) -> Metric {
    metric("h", unit, Data::Histogram(OtlpHistogram { data_points: vec![point], ..OtlpHistogram::default() }))
}

fn point(counts: &[u64], bounds: &[f64]) -> HistogramDataPoint {
    HistogramDataPoint {
        time_unix_nano: TIME_NS,
        count: counts.iter().sum(),
        sum: Some(1_000.0),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn exponential(unit: &str, point: ExponentialHistogramDataPoint) -> Metric {
    let data = ExponentialHistogram { data_points: vec![point], ..ExponentialHistogram::default() };
    metric("e", unit, Data::ExponentialHistogram(data))
}

fn entries(histogram: &Histogram) -> Vec<(f64, u64)> {
    histogram.by_value().collect()
}

#[test]
fn sums_and_gauges_are_gauges_without_units() {
    let sum = Sum { data_points: vec![number(Number::AsInt(7), &[])], is_monotonic: true, ..Sum::default() };
    let metrics = vec![gauge("g", vec![number(Number::AsDouble(250.0), &[])]), metric("s", "ms", Data::Sum(sum))];
    let records = read(&[attribute("host", "h")], metrics).unwrap();
    assert_eq!(records.len(), 1, "of one time and one set of dimensions");
    assert_eq!(records[0].time_ms, 1_700_000_000_123);
    assert_eq!(records[0].dimensions.get("host"), Some("h"));
    let values: Vec<_> = records[0].metrics.iter().map(|(name, metric)| (&**name, metric.samples[0])).collect();
    assert_eq!(values, [("g", Quantity::plain(250.0)), ("s", Quantity::plain(7.0))]);
}

#[test]
fn values_that_are_none_are_left_out_and_absent_ones_are_zero() {
    let absent = NumberDataPoint { time_unix_nano: TIME_NS, ..NumberDataPoint::default() };
    let points = vec![number(Number::AsDouble(f64::NAN), &[]), number(Number::AsDouble(f64::INFINITY), &[]), absent];
    assert_eq!(only(vec![gauge("g", points)]).samples, [Quantity::plain(0.0)]);
    assert_eq!(read(&[], vec![Metric::default()]), Ok(Vec::new()));
}

#[test]
fn the_last_of_equal_points_stands() {
    let points = vec![number(Number::AsInt(1), &[]), number(Number::AsInt(2), &[])];
    assert_eq!(only(vec![gauge("g", points)]).samples, [Quantity::plain(2.0)]);
}

#[test]
fn points_have_tags_over_those_of_the_resource() {
    let resource = [attribute("service.name", "svc"), attribute("a", "resource"), attribute("gone", "")];
    let points = vec![number(Number::AsInt(1), &[attribute("a", "point"), attribute("b", "x"), attribute("c", "")])];
    let records = read(&resource, vec![gauge("g", points)]).unwrap();
    let expected = [("a", "point"), ("b", "x"), ("service", "svc"), ("service.name", "svc")];
    assert_eq!(records[0].dimensions, expected.into_iter().collect());
    let resource = [attribute("service.name", "svc"), attribute("service", "own")];
    let records = read(&resource, vec![gauge("g", vec![number(Number::AsInt(1), &[])])]).unwrap();
    assert_eq!(records[0].dimensions.get("service"), Some("own"));
}

#[test]
fn an_attribute_that_comes_twice_is_not_expected() {
    let twice = [attribute("a", "1"), attribute("a", "2")];
    assert_eq!(read(&[], vec![gauge("g", vec![number(Number::AsInt(1), &twice)])]), Err(500));
    assert_eq!(read(&twice, Vec::new()), Err(500));
    let empty = [attribute("a", ""), attribute("a", "2")];
    assert!(read(&[], vec![gauge("g", vec![number(Number::AsInt(1), &empty)])]).is_ok());
}

#[test]
fn explicit_histograms_count_at_their_upper_bounds() {
    let told = HistogramDataPoint { min: Some(5.0), max: Some(400.0), ..point(&[1, 2, 3, 4], &[10.0, 100.0, 200.0]) };
    let read = &only(vec![histogram("ms", told)]).histograms[0];
    let expected = [(0.00994873046875, 1), (0.099609375, 2), (0.19921875, 3), (0.3984375, 4)];
    assert_eq!(entries(read), expected);
    assert_eq!((read.min, read.max, read.sum, read.unit), (0.005, 0.4, 1.0, Some(Unit::Second)));
}

#[test]
fn bounds_stand_for_what_is_not_told() {
    let read = &only(vec![histogram("", point(&[0, 2, 0, 4], &[10.0, 100.0, 200.0]))]).histograms[0];
    assert_eq!(entries(read), [(100.0, 2), (300.0, 4)], "as far above as the one before is below");
    assert_eq!((read.min, read.max, read.unit), (100.0, 200.0, None));
    let read = &only(vec![histogram("", point(&[0, 5], &[8.0]))]).histograms[0];
    assert_eq!(entries(read), [(8.0, 5)]);
    assert_eq!((read.min, read.max), (0.0, 0.0));
}

#[test]
fn histograms_without_bounds_are_passed_over_and_without_counts_not_expected() {
    assert_eq!(read(&[], vec![histogram("", point(&[3], &[]))]), Ok(Vec::new()));
    assert_eq!(read(&[], vec![histogram("", point(&[3], &[1.0]))]), Err(500));
}

#[test]
fn exponential_histograms_count_at_the_middles() {
    let point = ExponentialHistogramDataPoint {
        time_unix_nano: TIME_NS,
        count: 6,
        sum: Some(30.0),
        scale: 3,
        zero_count: 1,
        positive: Some(Buckets { offset: 5, bucket_counts: vec![1, 2, 0, 1] }),
        negative: Some(Buckets { offset: 2, bucket_counts: vec![1] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let read = &only(vec![exponential("ms", point.clone())]).histograms[0];
    // What mad-experimental made of it.
    let expected = [
        (-0.0012359619140625, 1),
        (0.0, 1),
        (0.00160980224609375, 1),
        (0.0017547607421875, 2),
        (0.0020904541015625, 1),
    ];
    assert_eq!(entries(read), expected);
    let near = |value: f64, expected: f64| (value - expected).abs() <= expected.abs() * 1e-15;
    assert!(near(read.max, 0.002090507732665258) && near(read.min, -0.0012430233348268657), "{read:?}");
    assert_eq!((read.sum, read.unit), (0.03, Some(Unit::Second)));
    let told = ExponentialHistogramDataPoint { min: Some(-7.0), max: Some(9.0), ..point };
    let read = &only(vec![exponential("", told)]).histograms[0];
    assert_eq!((read.min, read.max, read.unit), (-7.0, 9.0, None));
    assert_eq!(
        super::parse(&request(&[], vec![exponential("", ExponentialHistogramDataPoint::default())])),
        Ok(Vec::new()),
        "without any count"
    );
}

#[test]
fn middles_of_powers_of_two_are_exact() {
    assert_eq!(Middles::new(0).of(0), 1.5);
    assert_eq!(Middles::new(0).of(-1), 0.75);
    assert_eq!(Middles::new(-1).of(1), 10.0, "between 4 and 16");
    assert_eq!(Middles::new(-2).of(-1), (0.0625 + 1.0) / 2.0);
    assert!((Middles::new(1).of(2) - 2.0 * (1.0 + 2.0f64.sqrt()) / 2.0).abs() < 1e-12);
    for scale in [i32::MIN, -40, 40, i32::MAX] {
        for index in [i32::MIN, -1, 0, i32::MAX] {
            let _ = Middles::new(scale).of(index);
        }
    }
}

#[test]
fn attributes_are_printed_as_java_does() {
    let list = ArrayValue { values: vec![any(Value::IntValue(1)), any(Value::BoolValue(true))] };
    let map = KeyValueList { values: vec![attribute("a", "1"), attribute("b", "2")] };
    let expected = [
        (Value::StringValue("x".into()), "x"),
        (Value::BoolValue(false), "false"),
        (Value::IntValue(-5), "-5"),
        (Value::DoubleValue(1e7), "1.0E7"),
        (Value::ArrayValue(list), "1,true"),
        (Value::KvlistValue(map), "a: 1,b: 2"),
        (Value::BytesValue(vec![1, 255]), "[1, -1]"),
    ];
    for (value, printed) in expected {
        assert_eq!(text(Some(&any(value))), printed);
    }
    assert_eq!(text(None), "");
}
