//! The HTTP routes: read the body with a cap and a deadline, hand it to the
//! gateway, word the answer.

mod json;
mod otlp;
mod remote_write;

use std::sync::Arc;

use ::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderValue};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tidegate_codec::ingest::Encoding;
use tracing::Instrument;

use crate::body::{self, Body};
use crate::caller::{Caller, Correlation};
use crate::error::{Advice, Error, seconds};
use crate::service::Gateway;

pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/write", post(remote_write::handle))
        .route("/v1/metrics", post(otlp::handle))
        .route("/metrics", post(json::handle))
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), correlate))
        .with_state(gateway)
}

/// Gives a request its correlation id, in the logs and in the answer.
async fn correlate(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let correlation = Correlation::of(request.headers(), gateway.next_number());
    let span = tracing::info_span!("push", correlation_id = correlation.as_str());
    let mut response = next.run(request).instrument(span).await;
    response.headers_mut().insert(correlation.header, correlation.id);
    response
}

/// A request whose body is in memory.
struct Received {
    caller: Caller,
    headers: HeaderMap,
    body: Body,
}

fn caller(request: &Request) -> Result<Caller, Error> {
    Caller::of(request.headers(), request.extensions())
}

async fn receive(gateway: &Gateway, request: Request) -> Result<Received, Error> {
    let caller = caller(&request)?;
    caller.count()?;
    let (parts, body) = request.into_parts();
    let limit_bytes = gateway.bodies.max_bytes;
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit_bytes as u64) {
        return Err(Error::BodyTooLarge { limit_bytes });
    }
    let body = body::read(body, &gateway.bodies).await?;
    Ok(Received { caller, headers: parts.headers, body })
}

/// The header's text, "" where there is none or it is not ASCII.
fn text(headers: &HeaderMap, name: ::http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The content type without its parameters, and the parameters.
fn content_type(headers: &HeaderMap) -> (&str, &str) {
    let whole = text(headers, CONTENT_TYPE);
    let (kind, parameters) = whole.split_once(';').unwrap_or((whole, ""));
    (kind.trim(), parameters.trim())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Error> {
    Ok(Encoding::from_header(Some(text(headers, CONTENT_ENCODING)))?)
}

/// A refusal in plain text.
fn refuse(error: &Error) -> Response {
    let response = (error.http_status(), format!("{error}\n")).into_response();
    with_advice(response, error)
}

fn with_advice(mut response: Response, error: &Error) -> Response {
    if let Advice::Retry(after) | Advice::RetrySmaller(after) = error.advice() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(after)));
    }
    response
}
