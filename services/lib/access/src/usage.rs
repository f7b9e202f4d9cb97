//! `GET /api/v1/tenant/usage`: what the tenant of a token uses of this process,
//! beside what it may.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Map, Value, json};
use tidegate_model::TenantId;

use crate::guard::Guard;
use crate::principal::Principal;

/// Limits of a tenant that others than the guard hold, by name.
pub type OtherLimits = Arc<dyn Fn(&TenantId) -> Vec<(&'static str, u64)> + Send + Sync>;

pub fn router(guard: Guard, other: OtherLimits) -> Router {
    Router::new().route("/api/v1/tenant/usage", get(answer)).with_state((guard, other))
}

/// The guard lets nobody come here without a principal.
async fn answer(
    State((guard, other)): State<(Guard, OtherLimits)>,
    Extension(Principal { tenant, .. }): Extension<Principal>,
) -> Response {
    let usage = tenant.usage(guard.usage_of_tokens(&tenant.id));
    let mut data = match serde_json::to_value(usage) {
        Ok(Value::Object(data)) => data,
        // A structure of numbers and texts always has that form.
        _ => Map::new(),
    };
    data.extend(other(&tenant.id).into_iter().map(|(name, limit)| (name.to_owned(), json!({ "limit": limit }))));
    Json(json!({ "status": "success", "data": data })).into_response()
}
