use proptest::prelude::*;
use prost::Message;
use tidegate_model::{MetricType, STALE_NAN_BITS, stale_nan};

use super::*;
use crate::ingest::recorder::{Recorded, Recorder};
use crate::ingest::wire::v1::{MetricMetadata, TimeSeries, WriteRequest};
use crate::ingest::wire::{BucketSpan, Histogram, Sample, integer_histogram, label};
use crate::ingest::{LabelLimits, SampleError, SeriesError};

fn read(body: &[u8]) -> (Result<(), DecodeError>, Recorder) {
    let mut recorder = Recorder::default();
    let result = decode(body, &mut Scratch::new(LabelLimits::default()), &mut recorder);
    (result, recorder)
}

fn read_series(timeseries: Vec<TimeSeries>) -> Recorder {
    let (result, recorder) = read(&WriteRequest { timeseries, metadata: vec![] }.encode_to_vec());
    assert_eq!(result, Ok(()));
    recorder
}

fn up(samples: Vec<Sample>) -> TimeSeries {
    TimeSeries { labels: vec![label("__name__", "up"), label("job", "a")], samples, ..TimeSeries::default() }
}

#[test]
fn reads_series_and_samples() {
    let recorder = read_series(vec![
        up(vec![Sample { value: 1.5, timestamp: 1_700_000_000_123 }, Sample { value: 0.0, timestamp: -5 }]),
        up(vec![Sample { value: stale_nan(), timestamp: 0 }]),
    ]);
    assert_eq!(recorder.taken(), [r#"up{job="a"}"#; 2]);
    assert_eq!(recorder.samples[..2], [Recorded::Float(Some(1_700_000_000_123), 1.5), Recorded::Float(Some(-5), 0.0)]);
    let Recorded::Float(Some(0), value) = recorder.samples[2] else { panic!("{recorder:?}") };
    assert_eq!(value.to_bits(), STALE_NAN_BITS);
}

#[test]
fn a_refused_series_does_not_touch_the_next() {
    let mut twice = up(vec![Sample::default()]);
    twice.labels.push(label("job", "b"));
    let recorder = read_series(vec![twice, up(vec![])]);
    assert_eq!(recorder.series[0], (0, Err(SeriesError::DuplicateLabel("job".into()))));
    assert!(recorder.series[1].1.is_ok());
}

#[test]
fn labels_may_follow_samples() {
    let labels = TimeSeries { labels: vec![label("__name__", "up")], ..TimeSeries::default() };
    let samples = TimeSeries { samples: vec![Sample { value: 2.0, timestamp: 9 }], ..TimeSeries::default() };
    let series = [samples.encode_to_vec(), labels.encode_to_vec()].concat();
    let mut body = vec![0x0a, series.len() as u8];
    body.extend(series);
    let (result, recorder) = read(&body);
    assert_eq!(result, Ok(()));
    assert_eq!(recorder.taken(), ["up{}"]);
    assert_eq!(recorder.samples, [Recorded::Float(Some(9), 2.0)]);
}

#[test]
fn integer_histograms_become_absolute() {
    let series = TimeSeries {
        labels: vec![label("__name__", "h")],
        histograms: vec![integer_histogram()],
        exemplars: vec![Sample::default()],
        ..TimeSeries::default()
    };
    let recorder = read_series(vec![series]);
    let Recorded::Histogram(Some(7_000), histogram) = &recorder.samples[0] else { panic!("{recorder:?}") };
    assert_eq!(histogram.positive.iter().collect::<Vec<_>>(), [(0, 2.0), (2, 5.0)]);
    assert_eq!((histogram.count, histogram.zero_count, histogram.sum), (8.0, 1.0, 19.0));
    assert_eq!(recorder.exemplars, 1);
}

#[test]
fn float_histograms_custom_bounds_and_stale_ones() {
    let custom = Histogram {
        count_float: Some(3.5),
        sum: 4.0,
        schema: -53,
        positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
        positive_counts: vec![1.0, 2.0, 0.5],
        custom_values: vec![0.1, 1.0],
        ..Histogram::default()
    };
    let stale = Histogram { count_int: Some(0), sum: stale_nan(), timestamp: 4, ..Histogram::default() };
    let broken = Histogram { positive_spans: vec![BucketSpan { offset: 0, length: u32::MAX }], ..integer_histogram() };
    let unknown = Histogram { schema: 9, ..integer_histogram() };
    let series = TimeSeries {
        labels: vec![label("__name__", "h")],
        histograms: vec![custom, stale, broken, unknown],
        ..TimeSeries::default()
    };
    let recorder = read_series(vec![series]);
    assert!(
        matches!(&recorder.samples[0], Recorded::Histogram(_, h) if h.custom_bounds == [0.1, 1.0] && h.count == 3.5)
    );
    assert!(matches!(recorder.samples[1], Recorded::Float(Some(4), value) if value.to_bits() == STALE_NAN_BITS));
    assert!(matches!(recorder.samples[2], Recorded::Invalid(SampleError::Histogram(_))));
    assert_eq!(recorder.samples[3], Recorded::Invalid(SampleError::HistogramSchema(9)));
}

#[test]
fn metadata_is_told() {
    let metadata = MetricMetadata { r#type: 1, metric_family_name: "m".into(), help: "h".into(), unit: "s".into() };
    let (_, recorder) = read(&WriteRequest { timeseries: vec![], metadata: vec![metadata] }.encode_to_vec());
    let (name, metadata) = &recorder.metadata[0];
    assert_eq!((name.as_str(), metadata.metric_type, metadata.unit.as_str()), ("m", MetricType::Counter, "s"));
}

#[test]
fn every_cut_of_a_request_ends_in_an_error_or_fewer_series() {
    let body = WriteRequest { timeseries: vec![up(vec![Sample { value: 1.0, timestamp: 5 }]); 3], metadata: vec![] };
    let body = body.encode_to_vec();
    let whole = body.len() / 3;
    for cut in 0..body.len() {
        let (result, recorder) = read(&body[..cut]);
        assert_eq!(result.is_ok(), cut % whole == 0, "cut at {cut}");
        assert!(recorder.series.len() <= cut / whole);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
    }

    #[test]
    fn damaged_requests_never_panic(at in 0usize..200, byte: u8) {
        let series = TimeSeries { histograms: vec![integer_histogram()], ..up(vec![Sample { value: 1.0, timestamp: 5 }]) };
        let mut body = WriteRequest { timeseries: vec![series; 2], metadata: vec![] }.encode_to_vec();
        let length = body.len();
        body[at % length] = byte;
        let _ = read(&body);
    }
}
