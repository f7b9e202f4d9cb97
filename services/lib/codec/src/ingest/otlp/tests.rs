use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets as RawBuckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, NumberDataPoint,
    ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use proptest::prelude::*;
use tidegate_model::{ResetHint, STALE_NAN_BITS};

use super::*;
use crate::ingest::LabelLimits;
use crate::ingest::recorder::{Recorded, Recorder};

const TIME_NANOS: u64 = 1_700_000_000_123_456_789;
const TIME_MS: i64 = 1_700_000_000_123;
const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn word(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::StringValue(value.into()))
}

fn metric(name: &str, data: Data) -> Metric {
    Metric { name: name.into(), data: Some(data), ..Metric::default() }
}

fn request(resource: Vec<KeyValue>, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let resource = Resource { attributes: resource, ..Resource::default() };
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource = ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

fn read(body: &[u8], format: Format) -> (Result<(), DecodeError>, Recorder) {
    let mut recorder = Recorder::default();
    let mut scratch = Scratch::new(LabelLimits::default());
    let result = decode(body, format, TargetInfo::Write, &mut scratch, &mut recorder);
    (result, recorder)
}

/// Reads the request both ways, which must give the same.
fn read_both(request: &ExportMetricsServiceRequest) -> Recorder {
    let (result, protobuf) = read(&request.encode_to_vec(), Format::Protobuf);
    assert_eq!(result, Ok(()));
    let (result, json) = read(&serde_json::to_vec(request).unwrap(), Format::Json);
    assert_eq!(result, Ok(()));
    assert_eq!(protobuf.series, json.series);
    assert_eq!(protobuf.metadata, json.metadata);
    assert_eq!(format!("{:?}", protobuf.samples), format!("{:?}", json.samples));
    protobuf
}

fn read_metric_of(data: Data) -> Recorder {
    read_both(&request(vec![], vec![metric("m", data)]))
}

fn number(value: Value) -> NumberDataPoint {
    NumberDataPoint { time_unix_nano: TIME_NANOS, value: Some(value), ..NumberDataPoint::default() }
}

#[test]
fn gauges_sums_and_the_resource() {
    let resource = vec![
        word("service.name", "shop"),
        word("service.namespace", "prod"),
        word("service.instance.id", "i-1"),
        word("host.name", "h"),
    ];
    let mut gauge = number(Value::AsDouble(0.5));
    gauge.attributes = vec![word("http.method", "GET"), attribute("ok", Any::BoolValue(true)), word("job", "mine")];
    let gauge = metric("cpu.load", Data::Gauge(Gauge { data_points: vec![gauge] }));
    let sum = |temporality, is_monotonic| {
        let data_points = vec![number(Value::AsInt(7))];
        Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic })
    };
    let request = request(
        resource,
        vec![
            gauge,
            metric("requests", sum(CUMULATIVE, true)),
            metric("bytes", sum(DELTA, true)),
            metric("level", sum(CUMULATIVE, false)),
            metric("odd", sum(0, false)),
        ],
    );
    let recorder = read_both(&request);
    let labels = r#"instance="i-1", job="prod/shop""#;
    assert_eq!(
        recorder.taken(),
        [
            r#"cpu_load{http_method="GET", instance="i-1", job="prod/shop", ok="true"}"#.to_owned(),
            format!("requests_total{{{labels}}}"),
            format!("bytes_total{{{labels}}}"),
            format!("level{{{labels}}}"),
            format!("odd{{{labels}}}"),
            format!(r#"target_info{{host_name="h", {labels}}}"#),
        ]
    );
    let at = Some(TIME_MS);
    assert_eq!(
        recorder.samples[..4],
        [Recorded::Float(at, 0.5), Recorded::Float(at, 7.0), Recorded::DeltaFloat(at, 7.0), Recorded::Float(at, 7.0),]
    );
    assert!(matches!(recorder.samples[4], Recorded::Invalid(_)));
    assert_eq!(recorder.samples[5], Recorded::Float(at, 1.0));
    let types: Vec<_> =
        recorder.metadata.iter().map(|(name, metadata)| (name.as_str(), metadata.metric_type)).collect();
    assert_eq!(types[..2], [("cpu_load", MetricType::Gauge), ("requests_total", MetricType::Counter)]);
}

#[test]
fn attribute_values_of_every_kind() {
    let list = Any::ArrayValue(opentelemetry_proto::tonic::common::v1::ArrayValue {
        values: vec![
            AnyValue { value: Some(Any::StringValue("x\"".into())) },
            AnyValue { value: Some(Any::IntValue(2)) },
        ],
    });
    let mut point = number(Value::AsDouble(1.0));
    point.attributes = vec![
        attribute("i", Any::IntValue(-3)),
        attribute("d", Any::DoubleValue(0.25)),
        attribute("l", list),
        word("a.b", "1"),
        word("a_b", "2"),
    ];
    let recorder = read_metric_of(Data::Gauge(Gauge { data_points: vec![point] }));
    assert_eq!(recorder.taken(), [r#"m{a_b="1;2", d="0.25", i="-3", l="[\"x\\\"\",2]"}"#]);
}

fn explicit() -> HistogramDataPoint {
    HistogramDataPoint {
        time_unix_nano: TIME_NANOS,
        count: 6,
        sum: Some(14.0),
        bucket_counts: vec![1, 2, 0, 3],
        explicit_bounds: vec![1.0, 2.0, 4.0],
        ..HistogramDataPoint::default()
    }
}

fn explicit_metric(point: HistogramDataPoint, aggregation_temporality: i32) -> Data {
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality })
}

#[test]
fn cumulative_histograms_keep_their_bounds() {
    let recorder = read_metric_of(explicit_metric(explicit(), CUMULATIVE));
    let Recorded::Histogram(Some(TIME_MS), histogram) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!((histogram.schema, histogram.count, histogram.sum), (-53, 6.0, 14.0));
    assert_eq!(histogram.custom_bounds, [1.0, 2.0, 4.0]);
    let filled: Vec<_> = histogram.positive.iter().filter(|(_, count)| *count > 0.0).collect();
    assert_eq!(filled, [(0, 1.0), (1, 2.0), (3, 3.0)]);
    assert_eq!(histogram.reset_hint, ResetHint::Unknown);

    let bare = HistogramDataPoint { bucket_counts: vec![], explicit_bounds: vec![], ..explicit() };
    let recorder = read_metric_of(explicit_metric(bare, CUMULATIVE));
    assert!(matches!(&recorder.samples[0], Recorded::Histogram(_, h) if h.positive.iter().eq([(0, 6.0)])));
}

#[test]
fn delta_histograms_become_distributions() {
    let point = HistogramDataPoint { min: Some(0.5), max: Some(5.0), ..explicit() };
    let recorder = read_metric_of(explicit_metric(point, DELTA));
    let Recorded::Distribution(Some(TIME_MS), distribution) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!((distribution.count, distribution.sum, distribution.min, distribution.max), (6, 14.0, 0.5, 5.0));
    // Middles: 0.75 (from the minimum), 1.5, 4.5 (to the maximum).
    let buckets: Vec<_> = distribution.sketch.iter().map(|(key, count)| (key.inner_bound(), count)).collect();
    assert_eq!(buckets, [(0.75, 1), (1.5, 2), (4.5, 3)]);

    let recorder = read_metric_of(explicit_metric(explicit(), DELTA));
    let Recorded::Distribution(_, distribution) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!((distribution.min, distribution.max), (0.5, 4.0));
}

#[test]
fn histograms_that_contradict_themselves_are_refused() {
    let wrong = [
        HistogramDataPoint { count: 7, ..explicit() },
        HistogramDataPoint { bucket_counts: vec![6], ..explicit() },
        HistogramDataPoint { explicit_bounds: vec![1.0, 1.0, 4.0], ..explicit() },
        HistogramDataPoint { bucket_counts: vec![u64::MAX, 7, 0, 0], ..explicit() },
    ];
    for point in wrong {
        for temporality in [DELTA, CUMULATIVE] {
            let recorder = read_metric_of(explicit_metric(point.clone(), temporality));
            assert!(matches!(recorder.samples[..], [Recorded::Invalid(_)]), "{recorder:?}");
        }
    }
}

fn exponential(scale: i32) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        time_unix_nano: TIME_NANOS,
        count: 10,
        sum: Some(20.0),
        scale,
        zero_count: 1,
        positive: Some(RawBuckets { offset: -1, bucket_counts: vec![1, 2, 3, 0, 0, 0, 2] }),
        negative: Some(RawBuckets { offset: 0, bucket_counts: vec![1] }),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn exponential_metric(point: ExponentialHistogramDataPoint, aggregation_temporality: i32) -> Data {
    Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![point], aggregation_temporality })
}

#[test]
fn exponential_histograms_shift_by_one() {
    let recorder = read_metric_of(exponential_metric(exponential(0), CUMULATIVE));
    let Recorded::Histogram(_, histogram) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!((histogram.schema, histogram.zero_count), (0, 1.0));
    // (0.5, 1] is bucket 0, (1, 2] bucket 1.
    let positive: Vec<_> = histogram.positive.iter().collect();
    assert_eq!(positive, [(0, 1.0), (1, 2.0), (2, 3.0), (6, 2.0)]);
    assert_eq!(histogram.negative.iter().collect::<Vec<_>>(), [(1, 1.0)]);
}

#[test]
fn fine_scales_are_reduced_and_coarse_ones_refused() {
    let recorder = read_metric_of(exponential_metric(exponential(9), CUMULATIVE));
    let Recorded::Histogram(_, histogram) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!(histogram.schema, 8);
    // Buckets -1 | 0 1 | 2 3 | 4 5 of scale 9 are -1, 0, 1, 2 of scale 8.
    let filled: Vec<_> = histogram.positive.iter().filter(|(_, count)| *count > 0.0).collect();
    assert_eq!(filled, [(0, 1.0), (1, 5.0), (3, 2.0)]);
    let recorder = read_metric_of(exponential_metric(exponential(-5), CUMULATIVE));
    assert_eq!(recorder.samples, [Recorded::Invalid(crate::ingest::SampleError::HistogramSchema(-5))]);
    for scale in [i32::MIN, i32::MAX, 40] {
        read_metric_of(exponential_metric(exponential(scale), CUMULATIVE));
        read_metric_of(exponential_metric(exponential(scale), DELTA));
    }
}

#[test]
fn delta_exponential_histograms_become_distributions() {
    let recorder = read_metric_of(exponential_metric(exponential(0), DELTA));
    let Recorded::Distribution(_, distribution) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!((distribution.count, distribution.sum), (10, 20.0));
    let middle = 2f64.sqrt();
    let (key, count) = distribution.sketch.iter().find(|(key, _)| key.inner_bound() > 1.0).unwrap();
    assert!((key.inner_bound()..=key.outer_bound()).contains(&middle));
    assert_eq!(count, 2);
    assert_eq!(distribution.min, -middle);
}

#[test]
fn summaries_become_three_kinds_of_series() {
    let point = SummaryDataPoint {
        time_unix_nano: TIME_NANOS,
        count: 3,
        sum: 6.0,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.99, value: 5.0 },
            ValueAtQuantile { quantile: 1.0, value: 6.0 },
        ],
        ..SummaryDataPoint::default()
    };
    let recorder = read_metric_of(Data::Summary(Summary { data_points: vec![point] }));
    assert_eq!(recorder.taken(), ["m_sum{}", "m_count{}", r#"m{quantile="0.99"}"#, r#"m{quantile="1"}"#]);
    assert_eq!(recorder.samples[2], Recorded::Float(Some(TIME_MS), 5.0));
}

#[test]
fn points_without_a_value_are_stale_markers() {
    let gauge = NumberDataPoint { flags: 1, time_unix_nano: TIME_NANOS, ..NumberDataPoint::default() };
    let recorders = [
        read_metric_of(Data::Gauge(Gauge { data_points: vec![gauge] })),
        read_metric_of(explicit_metric(HistogramDataPoint { flags: 1, ..explicit() }, CUMULATIVE)),
        read_metric_of(exponential_metric(ExponentialHistogramDataPoint { flags: 1, ..exponential(0) }, DELTA)),
    ];
    for recorder in recorders {
        let [Recorded::Float(_, value)] = recorder.samples[..] else { panic!("{recorder:?}") };
        assert_eq!(value.to_bits(), STALE_NAN_BITS);
    }
}

#[test]
fn what_would_become_a_huge_tree_is_refused() {
    // One point of half a million empty attributes.
    let point = [0x3a, 0x00].repeat(600_000);
    let wrap = |field: u8, content: Vec<u8>| {
        let mut out = vec![field << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend(content);
        out
    };
    let body = wrap(1, wrap(2, wrap(2, wrap(5, wrap(1, point)))));
    assert_eq!(read(&body, Format::Protobuf).0, Err(DecodeError::TooLarge { limit_bytes: MAX_MESSAGE_BYTES }));
    let body = vec![b' '; MAX_JSON_BYTES + 1];
    assert_eq!(read(&body, Format::Json).0, Err(DecodeError::TooLarge { limit_bytes: MAX_JSON_BYTES }));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body, Format::Protobuf);
        let _ = read(&body, Format::Json);
    }

    #[test]
    fn damaged_requests_never_panic(at: prop::sample::Index, byte: u8) {
        let request = request(
            vec![word("service.name", "s")],
            vec![
                metric("a", exponential_metric(exponential(3), CUMULATIVE)),
                metric("b", exponential_metric(exponential(3), DELTA)),
                metric("c", explicit_metric(explicit(), DELTA)),
                metric("d", explicit_metric(explicit(), CUMULATIVE)),
            ],
        );
        let mut body = request.encode_to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(&body, Format::Protobuf);
    }
}
