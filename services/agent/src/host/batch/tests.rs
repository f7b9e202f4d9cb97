use prost::Message;
use tidegate_proto::v1::PushRequest;

use super::*;

static LOAD: Family = Family::gauge("node_load1", "Load.");
static CPU: Family = Family::counter("node_cpu_seconds_total", "Seconds.");

fn batches() -> Batches {
    let labels = BTreeMap::from([("instance".to_owned(), "web-1".to_owned()), ("cpu".to_owned(), "x".to_owned())]);
    Batches::new([7; 16], "web-1".into(), labels)
}

fn readings() -> Vec<Reading> {
    let cpu = |cpu: &str| Reading { family: &CPU, labels: vec![("cpu", cpu.to_owned())], value: 5.0 };
    vec![Reading::plain(&LOAD, 0.5), cpu("0"), cpu("1")]
}

fn decode(bytes: &[u8]) -> PushRequest {
    PushRequest::decode(bytes).expect("decodes")
}

fn labels(request: &PushRequest, series: usize) -> Vec<(&str, &str)> {
    let text = |place: &u32| request.symbols[*place as usize].as_str();
    request.series[series].label_refs.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[test]
fn series_have_their_labels_and_those_of_the_host() {
    let request = decode(&batches().encode(&readings(), 1_234));
    assert_eq!(labels(&request, 0), [("__name__", "node_load1"), ("cpu", "x"), ("instance", "web-1")]);
    assert_eq!(labels(&request, 2), [("__name__", "node_cpu_seconds_total"), ("cpu", "1"), ("instance", "web-1")]);
    assert_eq!(request.series[0].samples, [Sample { timestamp_ms: 1_234, value: 0.5 }]);
    assert_eq!(request.symbols[0], "");
    let mut unique = request.symbols.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), request.symbols.len());
}

#[test]
fn batches_are_numbered_within_their_session() {
    let mut batches = batches();
    for sequence in 1..=3 {
        let request = decode(&batches.encode(&readings(), 0));
        assert_eq!((request.session.as_ref(), request.sequence), (&[7; 16][..], sequence));
        assert_eq!(request.agent_id, "web-1");
    }
}

#[test]
fn metadata_comes_first_and_then_now_and_again() {
    let mut batches = batches();
    let with: Vec<u64> = (1..=121).filter(|_| !decode(&batches.encode(&readings(), 0)).metadata.is_empty()).collect();
    assert_eq!(with, [1, 61, 121]);
    let request = decode(&self::batches().encode(&readings(), 0));
    let described: Vec<_> = request
        .metadata
        .iter()
        .map(|metadata| (request.symbols[metadata.name_ref as usize].as_str(), metadata.r#type()))
        .collect();
    let expected = [("node_cpu_seconds_total", metadata::Type::Counter), ("node_load1", metadata::Type::Gauge)];
    assert_eq!(described, expected);
}
