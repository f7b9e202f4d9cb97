//! `GET /api/v1/tenant/usage`: what the tenant of a token uses of this process,
//! beside what it may.

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};

use crate::guard::Principal;

pub fn router() -> Router {
    Router::new().route("/api/v1/tenant/usage", get(answer))
}

/// The guard lets nobody come here without a principal.
async fn answer(Extension(principal): Extension<Principal>) -> Response {
    Json(serde_json::json!({ "status": "success", "data": principal.tenant.usage() })).into_response()
}
