use axum::body::to_bytes;
use axum::http::Request;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tower::Service;

use super::*;

async fn get(router: &Router, path: &str, accept: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).header(ACCEPT, accept).body(axum::body::Body::empty()).expect("a request");
    let response = router.clone().call(request).await.expect("an answer");
    let kind = response.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().expect("text")).to_owned();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, kind, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

fn with(health: &Health) -> Router {
    let mut registry = Registry::default();
    let counter = Counter::<u64>::default();
    counter.inc_by(3);
    registry.register("tidegate_things", "Things seen", counter);
    registry.register("tidegate_level", "Level now", Gauge::<i64>::default());
    router(Arc::new(registry), health.clone(), "1.2.3")
}

#[tokio::test]
async fn readiness_names_what_is_missing_and_why() {
    let health = Health::new();
    let router = with(&health);
    assert_eq!(get(&router, "/readyz", "*/*").await.0, StatusCode::OK);
    let rollup = health.part("rollup");
    let gateway = health.part("gateway");
    gateway.ready();
    let (status, _, body) = get(&router, "/readyz", "*/*").await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "rollup: starting\n"));
    rollup.not_ready("the log is not available: disk full");
    let (status, _, body) = get(&router, "/readyz", "application/json").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, r#"{"not_ready":{"rollup":"the log is not available: disk full"},"ready":false}"#);
    rollup.ready();
    let (status, _, body) = get(&router, "/readyz", "*/*").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "ready\n"));
}

#[tokio::test]
async fn alive_even_when_not_ready() {
    let health = Health::new();
    let _part = health.part("rollup");
    let router = with(&health);
    assert_eq!(get(&router, "/livez", "*/*").await.0, StatusCode::OK);
    let (status, _, body) = get(&router, "/health", "*/*").await;
    assert_eq!(status, StatusCode::OK);
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["status"], "not ready");
    assert_eq!(body["version"], "1.2.3");
    assert_eq!(body["parts"]["rollup"], json!({"ready": false, "reason": "starting"}));
}

#[tokio::test]
async fn metrics_come_in_both_formats() {
    let router = with(&Health::new());
    let (_, kind, page) = get(&router, "/metrics", "application/openmetrics-text; version=1.0.0").await;
    assert_eq!(kind, OPEN_METRICS);
    assert!(page.contains("# TYPE tidegate_things counter\ntidegate_things_total 3\n"), "{page}");
    assert!(page.ends_with("# EOF\n"));
    let (_, kind, page) = get(&router, "/metrics", "*/*").await;
    assert_eq!(kind, CLASSIC);
    let counter = "# HELP tidegate_things_total Things seen.\n# TYPE tidegate_things_total counter\n\
                   tidegate_things_total 3\n";
    assert!(page.contains(counter), "{page}");
    assert!(page.contains("# TYPE tidegate_level gauge\ntidegate_level 0\n"), "{page}");
    assert!(!page.contains("EOF"));
}
