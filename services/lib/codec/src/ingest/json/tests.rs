use proptest::prelude::*;

use super::*;
use crate::ingest::LabelLimits;
use crate::ingest::recorder::{Recorded, Recorder};

fn read(body: &str) -> (Result<(), DecodeError>, Recorder) {
    let mut recorder = Recorder::default();
    let result = decode(body.as_bytes(), &mut Scratch::new(LabelLimits::default()), &mut recorder);
    (result, recorder)
}

#[test]
fn reads_metrics() {
    let (result, recorder) = read(
        r#"{"metrics":[{"name":"cpu","value":75.5,"timestamp":1700000000000,"tags":{"host":"a\"b"}},
            {"value":3,"name":"up","tags":null,"comment":{"x":[1]}}], "more": 1}"#,
    );
    assert_eq!(result, Ok(()));
    assert_eq!(recorder.taken(), [r#"cpu{host="a\"b"}"#, "up{}"]);
    assert_eq!(recorder.samples, [Recorded::Float(Some(1_700_000_000_000), 75.5), Recorded::Float(None, 3.0)]);
}

#[test]
fn what_json_has_no_numbers_for() {
    let (_, recorder) = read(r#"{"metrics":[{"name":"a","value":"NaN"},{"name":"a","value":"-Inf"}]}"#);
    assert!(matches!(recorder.samples[0], Recorded::Float(None, value) if value.is_nan()));
    assert_eq!(recorder.samples[1], Recorded::Float(None, f64::NEG_INFINITY));
}

#[test]
fn bad_metrics_are_refused_one_by_one() {
    let (result, recorder) = read(
        r#"{"metrics":[7, {"value":1}, {"name":"a"}, {"name":"a","value":"x"}, {"name":"a","value":1,"timestamp":1.5},
            {"name":"a","value":1,"tags":["x"]}, {"name":"a","value":1,"tags":{"b":2}}, {"name":5,"value":1},
            {"name":"good","value":1}, [[]], null, true, "s"]}"#,
    );
    assert_eq!(result, Ok(()));
    assert_eq!(recorder.series.len(), 13);
    assert_eq!(recorder.samples.len(), 13);
    let good: Vec<u32> = recorder.series.iter().filter(|(_, labels)| labels.is_ok()).map(|(index, _)| *index).collect();
    assert_eq!(good, [2, 3, 4, 8]);
    let invalid: Vec<usize> = recorder
        .samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| matches!(sample, Recorded::Invalid(_)))
        .map(|(index, _)| index)
        .collect();
    assert_eq!(invalid, [0, 2, 3, 4, 9, 10, 11, 12]);
    let Recorded::Invalid(reason) = &recorder.samples[4] else { panic!() };
    assert!(reason.to_string().contains("milliseconds"), "{reason}");
}

#[test]
fn text_that_is_not_a_request_is_refused_whole() {
    for body in
        ["", "{", "[]", "{}", r#"{"metrics":5}"#, r#"{"metrics":[{"name":"a","value":1}"#, r#"{"metrics":[]} x"#]
    {
        let (result, _) = read(body);
        assert!(matches!(result, Err(DecodeError::Json(_))), "{body:?}: {result:?}");
    }
    let deep = format!(r#"{{"metrics":[{}{}]}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let (result, recorder) = read(&deep);
    assert_eq!(result, Ok(()));
    assert!(matches!(recorder.series[0].1, Err(SeriesError::Malformed(_))));
    assert_eq!(read(r#"{"metrics":[]}"#).0, Ok(()));
}

proptest! {
    #[test]
    fn random_text_never_panics(body in r#"[\[\]{}:,"a-e0-9.\\ ]{0,80}"#) {
        let _ = read(&body);
        let _ = read(&format!(r#"{{"metrics":[{body}]}}"#));
    }
}
