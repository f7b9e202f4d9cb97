//! What all protocols have in common.

use std::time::Duration;

use ::http::StatusCode;
use axum::body::Body;
use futures::StreamExt;

use super::harness::{Harness, NOW_MS};
use crate::{Config, Limits};

const ONE: &str = r#"{"metrics":[{"name":"up","value":1}]}"#;

#[tokio::test]
async fn correlation_ids_come_back_or_are_made() {
    let harness = Harness::new().await;
    for name in ["x-request-id", "x-correlation-id"] {
        assert_eq!(harness.post("/metrics", &[(name, "abc-1")], ONE).await.header(name), Some("abc-1"));
    }
    let made = harness.json(ONE).await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 16);
    let (_, headers) = harness.grpc(super::push::PATH, &[("x-request-id", "abc-2")], b"").await;
    assert_eq!(headers["x-request-id"], "abc-2");
    let long = "x".repeat(500);
    assert_ne!(harness.post("/metrics", &[("x-request-id", &long)], ONE).await.header("x-request-id"), Some(&*long));
}

#[tokio::test]
async fn a_body_that_does_not_come_may_be_sent_again() {
    let config = Config { body_timeout_ms: 100, linger_ms: 0, ..Config::default() };
    let harness = Harness::with_config(config, Limits::default()).await;
    let stuck = || Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let (json, protobuf) = ("application/json", "application/x-protobuf");
    for (path, kind) in [("/metrics", json), ("/api/v1/write", protobuf), ("/v1/metrics", json)] {
        let answer = harness.post(path, &[("content-type", kind)], stuck()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
    }
    let (answer, _) = harness.grpc_frames(super::push::PATH, &[], stuck()).await;
    let status = answer.unwrap_err();
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
    assert!(!status.details().is_empty(), "says when to retry");
}

#[tokio::test]
async fn bodies_that_do_not_finish_leave_no_room_for_others_only_up_to_the_budget() {
    let config = Config { max_received_bytes: 1 << 20, linger_ms: 0, ..Config::default() };
    let harness = Harness::with_config(config, Limits { max_body_bytes: 1 << 20, ..Limits::default() }).await;
    // Most of the budget, by one who never finishes.
    let begun = || {
        let first = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 900 << 10]))]);
        Body::from_stream(first.chain(futures::stream::pending()))
    };
    let waits = harness.post("/metrics", &[], begun());
    let asks = async {
        tokio::task::yield_now().await;
        let large = harness.json(&" ".repeat(200 << 10)).await;
        assert_eq!(large.status, StatusCode::SERVICE_UNAVAILABLE, "{}", large.text());
        assert_eq!(large.header("retry-after"), Some("1"));
        let (large, _) = harness.grpc(super::push::PATH, &[], &[0; 200 << 10]).await;
        assert_eq!(large.unwrap_err().code(), tonic::Code::Unavailable);
        assert_eq!(harness.json(ONE).await.status, StatusCode::OK);
    };
    tokio::select! {
        biased;
        answer = waits => panic!("{}", answer.text()),
        () = asks => {}
    }
    // The client is gone, and what it had sent with it.
    let whole = harness.json(&" ".repeat(900 << 10)).await;
    assert_eq!(whole.status, StatusCode::BAD_REQUEST, "{}", whole.text());
}

#[tokio::test]
async fn a_body_without_end_stops_at_the_limit() {
    let harness = Harness::with(Limits { max_body_bytes: 4_096, ..Limits::default() }).await;
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b' '; 1_000])));
    let answer = harness.post("/metrics", &[], Body::from_stream(endless)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = futures::stream::iter([Ok(bytes::Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let answer = harness.post("/metrics", &[], Body::from_stream(broken.boxed())).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn old_is_by_the_gateways_clock() {
    let harness = Harness::new().await;
    let body = format!(r#"{{"metrics":[{{"name":"up","value":1,"timestamp":{NOW_MS}}}]}}"#);
    harness.clock.advance(6 * 24 * 3_600_000);
    assert_eq!(harness.json(&body).await.json()["accepted"], 1);
    harness.clock.advance(1);
    assert_eq!(harness.json(&body).await.json()["accepted"], 0);
}

#[tokio::test]
async fn the_distance_of_the_clocks_is_measured() {
    let harness = Harness::new().await;
    harness.log_clock.set(NOW_MS + 61_000);
    harness.json(ONE).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &harness.registry).unwrap();
    assert!(text.contains("tidegate_gateway_log_clock_offset_seconds 61.0"), "{text}");
}

#[tokio::test]
async fn ready_once_the_log_answers() {
    let harness = Harness::new().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !harness.health.not_ready().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", harness.health.not_ready());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn stopping_answers_what_waits_and_refuses_what_comes() {
    let harness = Harness::new().await;
    assert_eq!(harness.json(ONE).await.status, StatusCode::OK);
    harness.target.tasks.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = harness.json(ONE).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn metrics_count_requests_and_samples() {
    let harness = Harness::new().await;
    harness.json(ONE).await;
    harness.json("{").await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &harness.registry).unwrap();
    for line in [
        r#"tidegate_gateway_requests_total{protocol="json",outcome="ok"} 1"#,
        r#"tidegate_gateway_requests_total{protocol="json",outcome="malformed"} 1"#,
        r#"tidegate_gateway_samples_total{protocol="json"} 1"#,
        "tidegate_gateway_in_flight_bytes 0",
        "tidegate_gateway_received_bytes 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_names_its_key() {
    let text = |config: Config| config.check().unwrap_err().to_string();
    assert!(
        text(Config { max_open_appends: 0, ..Config::default() })
            .starts_with("gateway.max_open_appends must be 1 to 64")
    );
    let limits = Limits { max_age_hours: 145, ..Limits::default() };
    assert!(limits.check().unwrap_err().to_string().starts_with("limits.max_age_hours"));
}
