use proptest::prelude::*;
use prost::Message;
use tidegate_proto::v1;

use super::*;
use crate::ingest::LabelLimits;
use crate::ingest::recorder::{Recorded, Recorder};

fn read(body: &[u8]) -> (Result<Header<'_>, DecodeError>, Recorder) {
    let mut recorder = Recorder::default();
    let mut scratch = Scratch::new(LabelLimits::default());
    let result = Push::open(body, &mut scratch).and_then(|push| {
        push.decode(&mut scratch, &mut recorder)?;
        Ok(push.header)
    });
    (result, recorder)
}

fn request(series: Vec<v1::Series>) -> v1::PushRequest {
    v1::PushRequest {
        session: vec![7; 16].into(),
        sequence: 3,
        agent_id: "host-1".into(),
        symbols: ["", "__name__", "up", "job", "a", "Help."].map(Into::into).into(),
        series,
        metadata: vec![v1::Metadata { name_ref: 2, r#type: 1, unit_ref: 0, help_ref: 5 }],
    }
}

fn up() -> v1::Series {
    v1::Series {
        label_refs: vec![1, 2, 3, 4],
        samples: vec![v1::Sample { timestamp_ms: 5, value: 1.0 }, v1::Sample { timestamp_ms: 0, value: 2.0 }],
        ..v1::Series::default()
    }
}

#[test]
fn reads_header_series_and_metadata() {
    let delta = v1::Series { delta: true, ..up() };
    let body = request(vec![up(), delta]).encode_to_vec();
    let (header, recorder) = read(&body);
    let session = u128::from_be_bytes([7; 16]);
    assert_eq!(header, Ok(Header { session: Some((session, 3)), agent_id: "host-1" }));
    assert_eq!(recorder.taken(), [r#"up{job="a"}"#; 2]);
    assert_eq!(
        recorder.samples,
        [
            Recorded::Float(Some(5), 1.0),
            Recorded::Float(None, 2.0),
            Recorded::DeltaFloat(Some(5), 1.0),
            Recorded::DeltaFloat(None, 2.0)
        ]
    );
    assert_eq!((recorder.metadata[0].0.as_str(), recorder.metadata[0].1.help.as_str()), ("up", "Help."));
}

#[test]
fn distributions_and_histograms_arrive_whole() {
    let mut expected = Distribution::empty();
    [0.5, 0.5, 8.0].into_iter().for_each(|value| expected.record(value));
    let (bucket_keys, bucket_counts) = expected.sketch.iter().map(|(key, count)| (key.bits(), count)).unzip();
    let sample =
        v1::DistributionSample { timestamp_ms: 6, count: 3, sum: 9.0, min: 0.5, max: 8.0, bucket_keys, bucket_counts };
    let wrong = v1::DistributionSample { count: 4, ..sample.clone() };
    let histogram = v1::HistogramSample {
        timestamp_ms: 8,
        schema: 3,
        count: 2.0,
        positive_spans: vec![v1::BucketSpan { offset: -2, length: 1 }],
        positive_counts: vec![2.0],
        ..v1::HistogramSample::default()
    };
    let series =
        v1::Series { samples: vec![], histograms: vec![histogram], distributions: vec![sample, wrong], ..up() };
    let body = request(vec![series]).encode_to_vec();
    let (_, recorder) = read(&body);
    assert!(matches!(&recorder.samples[0], Recorded::Histogram(Some(8), h) if h.positive.iter().eq([(-2, 2.0)])));
    assert_eq!(recorder.samples[1], Recorded::Distribution(Some(6), expected));
    assert!(matches!(recorder.samples[2], Recorded::Invalid(SampleError::Distribution(_))));
}

#[test]
fn a_session_is_16_bytes_with_a_sequence() {
    let with = |session: Vec<u8>, sequence| {
        v1::PushRequest { session: session.into(), sequence, ..request(vec![]) }.encode_to_vec()
    };
    assert_eq!(read(&with(vec![1; 15], 1)).0, Err(DecodeError::Session(15)));
    assert_eq!(read(&with(vec![1; 16], 0)).0, Err(DecodeError::Sequence));
    assert_eq!(read(&with(vec![], 0)).0.map(|header| header.session), Ok(None));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&body);
    }

    #[test]
    fn damaged_requests_never_panic(at: prop::sample::Index, byte: u8) {
        let mut body = request(vec![up(), up()]).encode_to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = read(&body);
    }
}
