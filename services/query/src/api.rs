//! The Prometheus HTTP API, a file per endpoint.

mod about;
mod body;
mod escaped;
mod format_query;
mod json;
mod label_values;
mod labels;
mod metadata;
mod nothing;
mod params;
mod pipeline;
mod query;
mod query_range;
mod series;
mod status;
mod times;
mod within;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use tidegate_runtime::Budget;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;

pub(crate) use json::{Json, success};
pub(crate) use params::Ask;
pub(crate) use pipeline::Pipeline;

use crate::error::Error;
use crate::service::Query;
use crate::sse;

/// Said where a parameter `limit` cut the answer.
const TRUNCATED: &str = "results truncated due to limit";

pub(crate) fn router(query: Arc<Query>, cors: CorsLayer) -> Router {
    let api = Router::new()
        .route("/api/v1/query", endpoint("query", query::answer))
        .route("/api/v1/query_range", endpoint("query_range", query_range::answer))
        .route("/api/v1/series", endpoint("series", series::answer))
        .route("/api/v1/labels", endpoint("labels", labels::answer))
        .route("/api/v1/label/{name}/values", endpoint("label_values", label_values::answer))
        .route("/api/v1/metadata", endpoint("metadata", metadata::answer))
        .route("/api/v1/format_query", endpoint("format_query", format_query::answer))
        .route("/api/v1/query_exemplars", endpoint("query_exemplars", nothing::exemplars))
        .route("/api/v1/rules", endpoint("rules", nothing::rules))
        .route("/api/v1/alerts", endpoint("alerts", nothing::alerts))
        .route("/api/v1/status/buildinfo", endpoint("buildinfo", status::buildinfo))
        .route("/api/v1/status/runtimeinfo", endpoint("runtimeinfo", about::runtimeinfo))
        .route("/api/v1/status/flags", endpoint("flags", about::flags))
        .route("/api/v1/status/config", endpoint("config", about::config))
        .route("/api/v1/status/tsdb", endpoint("tsdb", status::tsdb))
        .route("/api/v1/status/pipeline", endpoint("pipeline", pipeline::answer))
        .route("/api/v1/status/tenants", endpoint("tenants", pipeline::tenants))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    // Not compressed: an event must leave at once.
    let stream = Router::new().route("/api/v1/stream", endpoint("stream", sse::answer));
    api.merge(stream).layer(cors).with_state(query)
}

/// A handler for GET and for POST of a form, counted by its outcome.
fn endpoint<H, F>(name: &'static str, handler: H) -> MethodRouter<Arc<Query>>
where
    H: Fn(Arc<Query>, Ask) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send + 'static,
{
    let serve = move |State(query): State<Arc<Query>>, request: Request| {
        let handler = handler.clone();
        async move {
            let answer = match Ask::read(request, query.config.max_request_bytes).await {
                Ok(ask) => handler(query.clone(), ask).await,
                Err(error) => Err(error),
            };
            let answer = match answer {
                Ok(answer) => until_taken(answer, &query.unsent).await,
                Err(error) => Err(error),
            };
            query.metrics.request(name, answer.as_ref().map_or_else(Error::outcome, |_| "success"));
            answer
        }
    };
    get(serve.clone()).post(serve)
}

/// Counts an answer that is whole until its client has taken it. Streams count
/// their events themselves.
pub(crate) async fn until_taken(answer: Response, unsent: &Budget) -> Result<Response, Error> {
    let Some(length) = answer.body().size_hint().exact() else { return Ok(answer) };
    let held = usize::try_from(length).ok().and_then(|length| unsent.reserve(length).ok());
    let held = held.ok_or(Error::TooMuchUnsent)?;
    let (parts, body) = answer.into_parts();
    // It is in memory and not copied.
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| Error::Panic(error.to_string()))?;
    Ok(Response::from_parts(parts, Body::from(held.attach(body))))
}
