use ::http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tidegate_eventlog::LogError;
use tidegate_model::Value;
use tidegate_testkit::{Series, otlp};
use tonic::Code;

use super::harness::{Harness, NOW_MS};
use crate::grpc::status::RpcStatus;

const GRPC: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const HTTP: &str = "/v1/metrics";
const PROTOBUF: &[(&str, &str)] = &[("content-type", "application/x-protobuf")];
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn good_and_old() -> Vec<Series> {
    vec![Series::new("load", &[("cpu", "0")]).at(NOW_MS, 0.5), Series::new("old", &[]).at(1_000, 1.0)]
}

async fn assert_stored(harness: &Harness) {
    assert_eq!(harness.values().await, [(r#"load{cpu="0"}"#.to_owned(), NOW_MS, Value::Float(0.5))]);
}

#[tokio::test]
async fn every_transport_stores_and_reports_partial_success() {
    let request = otlp::gauges(&good_and_old());
    let harness = Harness::new().await;
    let (answer, _) = harness.grpc(GRPC, &[], &request.encode_to_vec()).await;
    let partial = ExportMetricsServiceResponse::decode(answer.unwrap()).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.contains("in the past"), "{}", partial.error_message);
    assert_stored(&harness).await;

    let harness = Harness::new().await;
    let answer = harness.post(HTTP, PROTOBUF, request.encode_to_vec()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/x-protobuf")));
    let partial = ExportMetricsServiceResponse::decode(answer.body).unwrap().partial_success;
    assert_eq!(partial.unwrap().rejected_data_points, 1);
    assert_stored(&harness).await;

    let harness = Harness::new().await;
    let answer = harness.post(HTTP, JSON, serde_json::to_vec(&request).unwrap()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("application/json")));
    assert!(answer.json()["partialSuccess"]["errorMessage"].as_str().unwrap().contains("in the past"));
    assert_stored(&harness).await;
}

#[tokio::test]
async fn whole_success_says_nothing_more() {
    let harness = Harness::new().await;
    let request = otlp::gauges(&good_and_old()[..1]);
    let answer = harness.post(HTTP, PROTOBUF, request.encode_to_vec()).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn errors_are_statuses_in_the_requests_format() {
    let harness = Harness::new().await;
    let answer = harness.post(HTTP, PROTOBUF, vec![0xff; 20]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(RpcStatus::decode(answer.body).unwrap().code, Code::InvalidArgument as i32);
    let answer = harness.post(HTTP, JSON, "{\"resourceMetrics\": 5}").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["code"], 3);
    assert_eq!(
        harness.post(HTTP, &[("content-type", "text/plain")], "").await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );

    harness.log.fail_with(Some(LogError::Overloaded));
    let request = otlp::gauges(&good_and_old());
    let answer = harness.post(HTTP, PROTOBUF, request.encode_to_vec()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
    let (answer, _) = harness.grpc(GRPC, &[], &request.encode_to_vec()).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn compressed_bodies_are_taken() {
    let harness = Harness::new().await;
    let body = zstd::encode_all(&otlp::gauges(&good_and_old()[..1]).encode_to_vec()[..], 1).unwrap();
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "zstd")];
    assert_eq!(harness.post(HTTP, &headers, body).await.status, StatusCode::OK);
    assert_stored(&harness).await;
}
