use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue};
use tidegate_mad::config::{Parser, PrometheusParser};

use super::HttpSource;
use crate::mad::source::test_feed::{Taken, feed, metrics};

const MAX_BODY_BYTES: usize = 1 << 20;

fn source(parser: Parser) -> (HttpSource, Taken) {
    let (feed, taken) = feed();
    (HttpSource::new(&parser, feed, metrics(), MAX_BODY_BYTES), taken)
}

/// A V3 request of a record with one sample of metric `m` under no dimensions.
fn request(id: &[u8]) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8][..], content].concat();
    let sample = field(1, &1.5f64.to_le_bytes());
    let entry = [field(1, &field(1, b"m")), field(2, &sample)].concat();
    field(1, &[field(1, id), field(5, &entry)].concat())
}

async fn post(source: &HttpSource, headers: &[(&'static str, &'static str)], body: impl Into<Bytes>) -> u16 {
    let pairs = headers.iter().map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
    source.take(&pairs.collect::<HeaderMap>(), body.into()).await.as_u16()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

#[tokio::test]
async fn answers_are_those_of_java() {
    let (source, mut taken) = source(Parser::ProtobufV3);
    assert_eq!(post(&source, &[], request(&[7; 16])).await, 200);
    assert_eq!(taken.names(1).await, ["m"]);
    assert_eq!(post(&source, &[], "").await, 200, "an empty request has no records");
    assert_eq!(post(&source, &[], "\u{ff}\u{ff}").await, 400);
    assert_eq!(post(&source, &[], request(b"short")).await, 500);
    assert_eq!(post(&source, &[], gzip(&request(&[7; 16]))).await, 400, "gzip that no header tells of");
    assert!(taken.rest().is_empty());
    assert_eq!(source.metrics.refused(), 3);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_bombs_are_not() {
    let (source, mut taken) = source(Parser::ProtobufV3);
    assert_eq!(post(&source, &[("content-encoding", "gzip")], gzip(&request(&[7; 16]))).await, 200);
    assert_eq!(taken.names(1).await, ["m"]);
    let bomb = gzip(&vec![0; 20 * MAX_BODY_BYTES]);
    assert_eq!(post(&source, &[("content-encoding", "gzip")], bomb).await, 400);
    assert_eq!(post(&source, &[("content-encoding", "gzip")], request(&[7; 16])).await, 400);
    assert_eq!(post(&source, &[("content-encoding", "br")], request(&[7; 16])).await, 400);
}

#[tokio::test]
async fn headers_are_collectds_tags() {
    let (source, mut taken) = source(Parser::CollectdJson);
    let body = r#"[{"values":[1],"dstypes":["gauge"],"dsnames":["value"],"time":1.5,"host":"h","plugin":"p",
        "plugin_instance":"","type":"t","type_instance":""}]"#;
    assert_eq!(post(&source, &[("x-tag-service", "s")], body).await, 200);
    let records = taken.records(1).await;
    assert_eq!(records[0].dimensions, [("host", "h"), ("service", "s")].into_iter().collect());
    assert_eq!(records[0].time_ms, 1_500);
}

#[tokio::test]
async fn remote_write_is_in_snappy_whatever_the_header_says() {
    let (source, mut taken) = source(Parser::Prometheus(PrometheusParser::default()));
    // One series named `a` with the sample 1.0 at 1 ms, as a literal of 30 bytes.
    let message = b"\x0a\x1c\x0a\x0d\x0a\x08__name__\x12\x01a\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x01";
    let mut body = vec![message.len() as u8, ((message.len() - 1) << 2) as u8];
    body.extend(message);
    assert_eq!(post(&source, &[("content-encoding", "snappy")], body.clone()).await, 200);
    assert_eq!(post(&source, &[], body).await, 200);
    assert_eq!(taken.names(2).await, ["a", "a"]);
    assert_eq!(post(&source, &[], "zzzz").await, 400);
}

#[tokio::test]
async fn a_pipeline_that_has_ended_is_not_available() {
    let (source, mut taken) = source(Parser::ProtobufV3);
    taken.close();
    assert_eq!(post(&source, &[], request(&[7; 16])).await, 503);
}
