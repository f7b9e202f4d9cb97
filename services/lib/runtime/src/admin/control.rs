//! What an operator may change in a running process: what it logs, whether it
//! counts as ready; and what its threads do.
//!
//! Changes are PUT and DELETE, which no page of another site can send.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};

use super::profile;
use crate::Health;
use crate::telemetry::{Level, TelemetryError};

const LEVEL_BYTES: usize = 4_096;
const PART: &str = "drain";

/// The routes below `/admin`.
pub fn router(level: Level, health: Health) -> Router {
    let of_level = get(|State(level): State<Level>| async move { format!("{}\n", level.get()) });
    let of_level =
        of_level.put(set_level).delete(|State(level): State<Level>| async move { changed(&level, level.reset()) });
    Router::new()
        .route("/admin/log-level", of_level)
        .with_state(level)
        .route("/admin/drain", put(drain).delete(take_back))
        .with_state(health)
        .route("/admin/profile", get(profile::answer))
        .with_state(profile::Turn::default())
        .layer(DefaultBodyLimit::max(LEVEL_BYTES))
}

async fn set_level(State(level): State<Level>, directives: String) -> Response {
    let directives = directives.trim();
    // It would be read as nothing but errors.
    if directives.is_empty() {
        return (StatusCode::BAD_REQUEST, "the body names no level\n").into_response();
    }
    changed(&level, level.set(directives))
}

fn changed(level: &Level, set: Result<(), TelemetryError>) -> Response {
    match set {
        Ok(()) => {
            let level = level.get();
            tracing::info!(level, "what is logged has changed");
            format!("{level}\n").into_response()
        }
        Err(error @ TelemetryError::Directives { .. }) => {
            (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// From now on `/readyz` says no, so that no new clients are sent here. All else
/// goes on.
async fn drain(State(health): State<Health>) -> &'static str {
    health.part(PART).not_ready("an operator asked for it; DELETE /admin/drain takes it back");
    tracing::info!("not ready any more, as an operator asked");
    "not ready any more; open and new requests are answered\n"
}

async fn take_back(State(health): State<Health>) -> &'static str {
    health.part(PART).ready();
    tracing::info!("an operator's request not to be ready was taken back");
    "ready as far as the rest is\n"
}

#[cfg(test)]
mod tests;
