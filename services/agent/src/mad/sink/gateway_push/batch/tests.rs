use tidegate_proto::v1::PushRequest;

use super::*;
use crate::mad::sink::testing::{sketched, usual};

fn batches() -> SketchBatches {
    SketchBatches::new([7; 16], "web-1".into())
}

fn decode(batch: &Bytes) -> PushRequest {
    PushRequest::decode(&batch[..]).expect("decodes")
}

fn labels<'a>(request: &'a PushRequest, series: &Series) -> Vec<(&'a str, &'a str)> {
    let text = |reference: u32| request.symbols[reference as usize].as_str();
    series.label_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect()
}

#[test]
fn a_result_is_a_distribution_of_all_its_samples() {
    let mut result = sketched("latency", &[1.0, 1.001, -0.0, -3.5, f64::INFINITY]);
    result.start_ms = 60_000;
    result.histogram.as_mut().expect("one").unit = Some(Unit::Second);
    let encoded = batches().encode(&[result]);
    let request = decode(&encoded.batches[0]);
    assert_eq!((encoded.batches.len(), encoded.unfit), (1, 0));
    assert_eq!((&request.session[..], request.sequence, &*request.agent_id), (&[7; 16][..], 1, "web-1"));
    let series = &request.series[0];
    let expected = [("__name__", "latency"), ("cluster", "c"), ("host", "h"), ("service", "s")];
    assert_eq!(labels(&request, series), expected);
    let sample = &series.distributions[0];
    assert_eq!((sample.timestamp_ms, sample.count, sample.sum), (60_000, 5, f64::INFINITY));
    assert_eq!((sample.min, sample.max), (-3.5, f64::INFINITY));
    let mut sketch = tidegate_sketch::Sketch::new();
    for (bits, count) in sample.bucket_keys.iter().zip(&sample.bucket_counts) {
        sketch.record_n(BucketKey::from_bits(*bits).expect("a key"), *count);
    }
    assert_eq!(sketch, [1.0, 1.001, -0.0, -3.5, f64::INFINITY].into_iter().collect());
    let metadata = &request.metadata[0];
    assert_eq!(request.symbols[metadata.unit_ref as usize], "seconds");
}

#[test]
fn a_nan_is_counted_in_one_bucket() {
    let mut result = sketched("m", &[1.0]);
    let histogram = result.histogram.as_mut().expect("one");
    histogram.entries.insert(f64::NAN.to_bits() & !0x1fff_ffff_ffff, 2);
    histogram.entries.insert(0xfff8_0000_0000_0000, 3);
    let request = decode(&batches().encode(&[result]).batches[0]);
    let sample = &request.series[0].distributions[0];
    assert_eq!(sample.count, 6);
    let nan = BucketKey::of(f64::NAN).bits();
    let of_nan = sample.bucket_keys.iter().zip(&sample.bucket_counts).filter(|(key, _)| **key == nan);
    assert_eq!(of_nan.map(|(_, count)| count).sum::<u64>(), 5);
}

#[test]
fn a_result_without_a_histogram_is_counted_and_the_rest_goes_on() {
    let encoded = batches().encode(&[usual("a"), sketched("b", &[1.0])]);
    assert_eq!((encoded.unfit, decode(&encoded.batches[0]).series.len()), (1, 1));
    let nothing = batches().encode(&[usual("a")]);
    assert!(nothing.batches.is_empty(), "no batch of nothing");
}

#[test]
fn many_results_are_several_batches_in_sequence() {
    let results: Vec<_> =
        (0..20_000).map(|number| sketched(&format!("metric-{number}-{}", "x".repeat(80)), &[1.0])).collect();
    let mut batches = batches();
    let encoded = batches.encode(&results).batches;
    assert!(encoded.len() > 1);
    assert!(encoded.iter().all(|batch| batch.len() < 2 * MAX_BATCH_BYTES), "far below the limit");
    let requests: Vec<_> = encoded.iter().map(decode).collect();
    assert_eq!(requests.iter().map(|request| request.series.len()).sum::<usize>(), 20_000);
    assert!(requests.iter().map(|request| request.sequence).eq(1..=encoded.len() as u64));
    assert_eq!(decode(&batches.encode(&results[..1]).batches[0]).sequence, encoded.len() as u64 + 1);
}

#[test]
fn units_are_told_once_and_again_after_a_while() {
    let mut batches = batches();
    let told: Vec<_> =
        (0..125).map(|_| decode(&batches.encode(&[sketched("m", &[1.0])]).batches[0]).metadata.len()).collect();
    let when: Vec<_> = told.iter().enumerate().filter(|(_, count)| **count > 0).map(|(index, _)| index).collect();
    assert_eq!(when, [0, 60, 120]);
}

#[test]
fn a_dimension_cannot_be_the_name() {
    let mut result = sketched("m", &[1.0]);
    result.dimensions = [("__name__", "other"), ("", "x"), ("a", "b")].into_iter().collect();
    let request = decode(&batches().encode(&[result]).batches[0]);
    assert_eq!(labels(&request, &request.series[0]), [("__name__", "m"), ("a", "b")]);
}
