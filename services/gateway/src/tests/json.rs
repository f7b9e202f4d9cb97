use ::http::StatusCode;
use serde_json::json;
use tidegate_model::Value;

use super::harness::{Harness, NOW_MS};
use crate::{Limits, ValueRange};

#[tokio::test]
async fn stores_and_says_what_it_took() {
    let harness = Harness::new().await;
    let body = json!({"metrics": [
        {"name": "cpu", "value": 75.5, "timestamp": NOW_MS - 1_000, "tags": {"host": "a"}},
        {"name": "cpu", "value": "high"},
        {"name": "cpu", "value": 1, "timestamp": 1_700_000_000},
        {"name": "up", "value": 1},
    ]});
    let answer = harness.json(&body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = answer.json();
    assert_eq!(answer["accepted"], 2);
    assert_eq!(answer["rejected"][0]["index"], 1);
    assert_eq!(answer["rejected"][1]["index"], 2);
    assert!(answer["rejected"][1]["reason"].as_str().unwrap().contains("milliseconds"));
    let expected = [
        (r#"cpu{host="a"}"#.to_owned(), NOW_MS - 1_000, Value::Float(75.5)),
        ("up{}".to_owned(), NOW_MS, Value::Float(1.0)),
    ];
    assert_eq!(harness.values().await, expected);
}

#[tokio::test]
async fn equal_readings_without_a_time_are_two_batches() {
    let harness = Harness::new().await;
    for _ in 0..2 {
        harness.json(r#"{"metrics":[{"name":"up","value":1}]}"#).await;
    }
    let logged = harness.logged().await;
    assert_eq!(logged.len(), 2);
    assert_ne!(logged[0].batch, logged[1].batch);
}

#[tokio::test]
async fn an_idempotency_key_makes_them_one() {
    let harness = Harness::new().await;
    for key in ["k1", "k1", "k2"] {
        harness.post("/metrics", &[("idempotency-key", key)], r#"{"metrics":[{"name":"up","value":1}]}"#).await;
    }
    let mut batches: Vec<_> = harness.logged().await.into_iter().map(|one| one.batch).collect();
    batches.sort();
    batches.dedup();
    assert_eq!(batches.len(), 2);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_its_body_alone() {
    let harness = Harness::new().await;
    for value in [1, 1, 2] {
        let body = json!({"metrics": [{"name": "up", "value": value}]});
        let answer = harness.post("/metrics", &[("idempotency-key", "k1")], body.to_string()).await;
        assert_eq!(answer.json()["accepted"], 1);
        // The samples have no time: the clock must not tell them apart.
        harness.clock.advance(1_000);
    }
    let batches: Vec<_> = harness.logged().await.into_iter().map(|one| one.batch).collect();
    assert_eq!(batches[0], batches[1]);
    assert_ne!(batches[1], batches[2], "another body is another batch");
}

#[tokio::test]
async fn requests_per_second_are_limited() {
    let harness = Harness::with(Limits { requests_per_second: 2, ..Limits::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(harness.json(r#"{"metrics":[]}"#).await);
    }
    assert_eq!(statuses[1].status, StatusCode::OK);
    assert_eq!(statuses[2].status, StatusCode::TOO_MANY_REQUESTS);
    assert!(statuses[2].header("retry-after").is_some());
}

#[tokio::test]
async fn value_ranges_are_kept_where_configured() {
    let range = ValueRange { name: "percent".into(), min: 0.0, max: 100.0 };
    let harness = Harness::with(Limits { value_ranges: vec![range], ..Limits::default() }).await;
    let body = json!({"metrics": [
        {"name": "percent", "value": 101}, {"name": "percent", "value": 100}, {"name": "percent", "value": "NaN"},
        {"name": "other", "value": 101},
    ]});
    let answer = harness.json(&body.to_string()).await.json();
    assert_eq!(answer["accepted"], 3);
    assert_eq!(answer["rejected"], json!([{"index": 0, "reason": "value 101 is outside 0 to 100"}]));
}

#[tokio::test]
async fn tenants_are_apart_and_their_names_checked() {
    let harness = Harness::new().await;
    let body = r#"{"metrics":[{"name":"up","value":1}]}"#;
    assert_eq!(harness.post("/metrics", &[("x-scope-orgid", "acme")], body).await.status, StatusCode::OK);
    assert_eq!(harness.post("/metrics", &[("x-scope-orgid", "../x")], body).await.status, StatusCode::BAD_REQUEST);
    let tenants: Vec<_> = harness.logged().await.into_iter().map(|one| one.tenant).collect();
    assert_eq!(tenants, ["acme"]);
}

#[tokio::test]
async fn long_lists_of_refusals_are_cut() {
    let harness = Harness::new().await;
    let metrics: Vec<_> = (0..150).map(|_| json!({"name": "", "value": 1})).collect();
    let answer = harness.json(&json!({ "metrics": metrics }).to_string()).await.json();
    assert_eq!(answer["rejected"].as_array().unwrap().len(), 100);
    assert_eq!(answer["rejected_in_all"], 150);
}
