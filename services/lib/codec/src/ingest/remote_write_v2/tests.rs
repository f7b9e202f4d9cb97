use proptest::prelude::*;
use prost::Message;
use tidegate_model::MetricType;

use super::*;
use crate::ingest::LabelLimits;
use crate::ingest::recorder::{Recorded, Recorder};
use crate::ingest::wire::v2::{Metadata, Request, TimeSeries};
use crate::ingest::wire::{Sample, integer_histogram};

fn read(body: &[u8]) -> (Result<(), DecodeError>, Recorder) {
    let mut recorder = Recorder::default();
    let result = decode(body, &mut Scratch::new(LabelLimits::default()), &mut recorder);
    (result, recorder)
}

fn request(timeseries: Vec<TimeSeries>) -> Request {
    let symbols = ["", "__name__", "up", "job", "a", "Whether it is up.", "seconds"];
    Request { symbols: symbols.map(Into::into).into(), timeseries }
}

#[test]
fn reads_series_samples_histograms_and_metadata() {
    let series = TimeSeries {
        labels_refs: vec![1, 2, 3, 4],
        samples: vec![Sample { value: 1.0, timestamp: 5 }],
        histograms: vec![integer_histogram()],
        exemplars: vec![Sample::default(); 2],
        metadata: Some(Metadata { r#type: 2, help_ref: 5, unit_ref: 6 }),
        created_timestamp: 1,
    };
    let (result, recorder) = read(&request(vec![series]).encode_to_vec());
    assert_eq!(result, Ok(()));
    assert_eq!(recorder.taken(), [r#"up{job="a"}"#]);
    assert_eq!(recorder.samples[0], Recorded::Float(Some(5), 1.0));
    assert!(matches!(recorder.samples[1], Recorded::Histogram(Some(7_000), _)));
    assert_eq!(recorder.exemplars, 2);
    let (name, metadata) = &recorder.metadata[0];
    assert_eq!((name.as_str(), metadata.metric_type), ("up", MetricType::Gauge));
    assert_eq!((metadata.help.as_str(), metadata.unit.as_str()), ("Whether it is up.", "seconds"));
}

#[test]
fn references_that_lead_nowhere_refuse_their_series_only() {
    let series = |labels_refs| TimeSeries { labels_refs, ..TimeSeries::default() };
    let body = request(vec![series(vec![1, 99]), series(vec![1, 2, 3]), series(vec![1, 2])]).encode_to_vec();
    let (result, recorder) = read(&body);
    assert_eq!(result, Ok(()));
    assert_eq!(recorder.series[0].1, Err(SeriesError::UnknownSymbol { reference: 99, symbols: 7 }));
    assert_eq!(recorder.series[1].1, Err(SeriesError::OddReferences));
    assert!(recorder.series[2].1.is_ok());
}

#[test]
fn the_first_symbol_is_the_empty_string() {
    let (result, _) = read(&Request { symbols: vec!["x".into()], timeseries: vec![] }.encode_to_vec());
    assert_eq!(result, Err(DecodeError::FirstSymbol));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
    }
}
