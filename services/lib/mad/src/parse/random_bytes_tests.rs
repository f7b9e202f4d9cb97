//! Whatever comes in, no parser falls over it.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use proptest::prelude::*;
use prost::Message;
use tidegate_proto::mad::{client_v1, client_v3};

use super::*;
use crate::config::{GraphiteParser, PrometheusParser, TelegrafParser, TimestampUnit};

fn parse_by_all(bytes: &[u8]) {
    let _ = (client::v1(bytes), client::v2(bytes), client::v3(bytes));
    let _ = collectd::parse(bytes, [("X-TAG-a", "b")]);
    let _ = telegraf::parse(TelegrafParser { timestamp_unit: TimestampUnit::Seconds }, bytes);
    let carbon = GraphiteParser { global_tags: Vec::new(), parse_carbon_tags: true };
    let _ = graphite::parse(&carbon, bytes, 0);
    let _ = statsd::Statsd::default().parse(bytes, 0, &mut || 0.5, &mut Vec::new());
    let prometheus = PrometheusParser { interpret_units: true, ..PrometheusParser::default() };
    let _ = prometheus::parse(&prometheus, bytes, 1 << 16);
    if let Ok(compressed) = snap::raw::Encoder::new().compress_vec(bytes) {
        let _ = prometheus::parse(&prometheus, &compressed, 1 << 16);
    }
    let _ = query_log::parse(bytes);
    if let Ok(request) = ExportMetricsServiceRequest::decode(bytes) {
        let _ = otlp::parse(&request);
    }
}

/// A V3 request and a V1 record set that are right.
fn seeds() -> [Vec<u8>; 2] {
    let entry = client_v3::MetricDataEntry {
        name: Some(client_v3::Identifier { value: Some(client_v3::identifier::Value::StringValue("a".into())) }),
        data: Some(client_v3::metric_data_entry::Data::NumericalData(client_v3::NumericalData {
            samples: vec![1.0, 2.0],
            statistics: Some(client_v3::AugmentedHistogram {
                entries: vec![client_v3::SparseHistogramEntry { bucket: 5, count: 7 }],
                ..Default::default()
            }),
        })),
    };
    let third = client_v3::Record { id: vec![0; 16], data: vec![entry], ..Default::default() };
    let pair = client_v1::Entry { name: "k".into(), value: "v".into() };
    let first = client_v1::Record { id: vec![0; 16], dimensions: vec![pair], ..Default::default() };
    [
        client_v3::Request { records: vec![third] }.encode_to_vec(),
        client_v1::RecordSet { records: vec![first] }.encode_to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_by_all(&bytes);
    }

    #[test]
    fn random_text(text in "[ -~\n\\{\\}\\[\\]\":,0-9eEaN|#@=;-]{0,120}") {
        parse_by_all(text.as_bytes());
    }

    #[test]
    fn messages_with_an_error(which in 0..2usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = seeds()[which].clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        parse_by_all(&bytes);
        parse_by_all(&bytes[..at]);
    }
}
