//! What a process says about itself: `/metrics`, `/livez`, `/readyz`,
//! `/health`.

mod classic;
mod control;
mod profile;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use serde_json::json;

pub use control::router as control;

use crate::Health;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Admin {
    health: Health,
    version: &'static str,
    started: Instant,
}

/// The routes; `version` is the process's.
pub fn router(registry: Arc<Registry>, health: Health, version: &'static str) -> Router {
    let admin = Admin { health, version, started: Instant::now() };
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/health", get(health_of_all))
        .with_state(admin)
        .merge(metrics_page(registry))
}

/// `/metrics` alone.
pub fn metrics_page(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(registry)
}

/// OpenMetrics to those who ask for it, the older text format otherwise.
async fn metrics(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let mut page = String::new();
    if let Err(error) = text::encode(&mut page, &registry) {
        tracing::error!(%error, "metrics cannot be written");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if accepts(&headers, "application/openmetrics-text") {
        ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response()
    } else {
        ([(CONTENT_TYPE, CLASSIC)], classic::from_open_metrics(&page)).into_response()
    }
}

/// 200 when every part is ready, else 503 and a line for each that is not.
async fn ready(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let missing = admin.health.not_ready();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if accepts(&headers, "application/json") {
        let parts: serde_json::Map<_, _> = missing.into_iter().map(|(part, why)| (part.into(), why.into())).collect();
        return (status, axum::Json(json!({"ready": status == StatusCode::OK, "not_ready": parts}))).into_response();
    }
    let lines: String = missing.iter().map(|(part, why)| format!("{part}: {why}\n")).collect();
    (status, if lines.is_empty() { "ready\n".to_owned() } else { lines }).into_response()
}

/// Every part, ready or not, as JSON; always 200, for people and dashboards.
async fn health_of_all(State(admin): State<Admin>) -> Response {
    let part = |(name, why): (&'static str, Option<String>)| {
        let state = match why {
            None => json!({"ready": true}),
            Some(why) => json!({"ready": false, "reason": why}),
        };
        (name.to_owned(), state)
    };
    let parts: serde_json::Map<_, _> = admin.health.all().into_iter().map(part).collect();
    let body = json!({
        "status": if admin.health.not_ready().is_empty() { "ready" } else { "not ready" },
        "version": admin.version,
        "uptime_seconds": admin.started.elapsed().as_secs(),
        "parts": parts,
    });
    axum::Json(body).into_response()
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(media_type)))
}

#[cfg(test)]
mod tests;
