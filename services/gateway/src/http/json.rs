//! `POST /metrics`: JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Received, caller, content_type, encoding, receive, refuse};
use crate::batch::Outcome;
use crate::error::Error;
use crate::metrics::Protocol;
use crate::service::{self, Gateway};

#[derive(Serialize)]
struct Answer {
    accepted: u64,
    rejected: Vec<Rejected>,
    /// Metrics refused, where more were than are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_in_all: Option<u64>,
}

#[derive(Serialize)]
struct Rejected {
    index: u32,
    reason: String,
}

pub async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match take(&gateway, request).await {
        Ok(outcome) => Json(answer(outcome)).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn take(gateway: &Gateway, request: Request) -> Result<Outcome, Error> {
    let received = async {
        // Before the body is read: a client over its limit costs nothing.
        gateway.clients.request(&caller(&request)?.client)?;
        check_type(content_type(request.headers()).0)?;
        receive(gateway, request).await
    };
    let received = received.await.and_then(|received| Ok((encoding(&received.headers)?, received)));
    let (encoding, Received { caller, headers, body }) = match received {
        Ok(received) => received,
        Err(error) => {
            gateway.count(Protocol::Json, &Err(error.clone()));
            return Err(error);
        }
    };
    let idempotency_key = headers.get("idempotency-key").map(::http::HeaderValue::as_bytes);
    let protocol = Protocol::Json;
    gateway.ingest(service::Request { caller, protocol, encoding, body, idempotency_key }).await
}

/// JSON by its name, or by curl's habit of naming nothing right.
fn check_type(kind: &str) -> Result<(), Error> {
    let is_json = kind.is_empty() || ["application/json", "text/json", "text/plain"].contains(&kind);
    if is_json || kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(Error::ContentType { found: kind.to_owned(), wanted: "application/json is" })
}

fn answer(outcome: Outcome) -> Answer {
    let accepted = outcome.accepted();
    let rejected_in_all = (outcome.rejected_series > outcome.rejected.len() as u64).then_some(outcome.rejected_series);
    let rejected = outcome.rejected.into_iter().map(|one| Rejected { index: one.index, reason: one.reason }).collect();
    Answer { accepted, rejected, rejected_in_all }
}
