//! Whatever comes, there is a clear answer and the gateway goes on.

use ::http::StatusCode;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tidegate_testkit::Series;
use tidegate_testkit::remote_write::{Version, snappy};

use super::harness::{Harness, NOW_MS};
use super::push;
use crate::Limits;

const WRITE: &str = "/api/v1/write";

/// (path, headers of a request that would be well formed)
const DOORS: [(&str, &[(&str, &str)]); 5] = [
    (WRITE, &[("content-type", "application/x-protobuf"), ("content-encoding", "snappy")]),
    (
        WRITE,
        &[
            ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
            ("content-encoding", "snappy"),
        ],
    ),
    ("/metrics", &[("content-type", "application/json")]),
    ("/v1/metrics", &[("content-type", "application/json")]),
    ("/v1/metrics", &[("content-type", "application/x-protobuf")]),
];

#[tokio::test]
async fn random_bytes_are_refused_on_every_door() {
    let harness = Harness::with(Limits { requests_per_second: 0, ..Limits::default() }).await;
    let strategy = proptest::collection::vec(any::<u8>(), 3..300);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..100 {
        let body = strategy.new_tree(&mut runner).unwrap().current();
        for (path, headers) in DOORS {
            // As it is, and as the content of a valid compression.
            for body in [body.clone(), snappy(&body).unwrap()] {
                let answer = harness.post(path, headers, body).await;
                assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.text());
            }
        }
        let (answer, _) = harness.grpc(push::PATH, &[], &body).await;
        if let Err(status) = answer {
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
        }
    }
    assert_eq!(harness.json(r#"{"metrics":[{"name":"up","value":1}]}"#).await.status, StatusCode::OK);
}

#[tokio::test]
async fn truncated_requests_store_nothing() {
    let harness = Harness::new().await;
    let body = Version::V1.encode(&[Series::new("up", &[("job", "a")]).at(NOW_MS, 1.0)]);
    for cut in 1..body.len() {
        let answer = harness.post(WRITE, DOORS[0].1, snappy(&body[..cut]).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "cut at {cut}");
    }
    assert!(harness.records().await.is_empty());
}

#[tokio::test]
async fn bombs_are_413() {
    let harness = Harness::new().await;
    let zeros = vec![0u8; 40 << 20];
    let zstd = zstd::encode_all(&zeros[..], 1).unwrap();
    assert!(zeros.len() / zstd.len() > 1_000);
    for (encoding, bomb) in [("snappy", snappy(&zeros).unwrap()), ("zstd", zstd)] {
        for path in [WRITE, "/metrics"] {
            let answer = harness.post(path, &[("content-encoding", encoding)], bomb.clone()).await;
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{encoding} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_label_value_of_10_mb_refuses_its_series_only() {
    let harness = Harness::new().await;
    let long = "x".repeat(10 << 20);
    let series = [Series::new("long", &[("a", &long)]).at(NOW_MS, 1.0), Series::new("up", &[]).at(NOW_MS, 1.0)];
    let answer = harness.post(WRITE, DOORS[0].1, snappy(&Version::V1.encode(&series)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("has 10485760 bytes, the limit is 4096"), "{}", answer.text());
    assert_eq!(harness.values().await.len(), 1);
}

#[tokio::test]
async fn nan_and_infinities_are_values() {
    let harness = Harness::new().await;
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, tidegate_model::stale_nan(), -0.0, f64::MIN_POSITIVE];
    let series: Vec<Series> = values
        .iter()
        .enumerate()
        .map(|(number, value)| Series::new("v", &[("n", &number.to_string())]).at(NOW_MS, *value))
        .collect();
    let answer = harness.post(WRITE, DOORS[0].1, snappy(&Version::V1.encode(&series)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    let logged = harness.values().await;
    for (value, (_, _, logged)) in values.iter().zip(&logged) {
        assert!(matches!(logged, tidegate_model::Value::Float(got) if got.to_bits() == value.to_bits()));
    }
}

#[tokio::test]
async fn empty_batches_are_fine_and_write_nothing() {
    let harness = Harness::new().await;
    assert_eq!(harness.post(WRITE, DOORS[0].1, snappy(&[]).unwrap()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.post(WRITE, DOORS[1].1, snappy(&[]).unwrap()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.json(r#"{"metrics":[]}"#).await.status, StatusCode::OK);
    assert!(harness.grpc(push::PATH, &[], &[]).await.0.is_ok());
    assert!(harness.records().await.is_empty());
}

#[tokio::test]
async fn a_body_of_no_bytes_where_snappy_is_due_is_malformed() {
    let harness = Harness::new().await;
    assert_eq!(harness.post(WRITE, DOORS[0].1, Vec::new()).await.status, StatusCode::BAD_REQUEST);
}
