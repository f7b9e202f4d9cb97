//! What the daemon answers on its HTTP port: exact paths, as the Java daemon
//! has them, with its codes and empty bodies.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tidegate_runtime::admin;
use tonic::Status;
use tower::ServiceExt;

use super::source::http::HttpSource;
use super::source::otlp;
use super::telemetry::{Telemetry, Version};

/// Of a request, compressed ones after they are unpacked. The Java daemon is
/// run without a limit, and ends when its memory does.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
const HEALTHY: &str = r#"{"status":"HEALTHY"}"#;
const NOT_CACHED: HeaderValue = HeaderValue::from_static("private, no-cache, no-store, must-revalidate");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    path: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    requests: Family<Answer, Counter>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_agent_http");
        registry.register("requests", "Requests to sources, by path and status", metrics.requests.clone());
        metrics
    }
}

/// What is where. A reload puts a whole new one in place.
#[derive(Debug, Default)]
pub struct Table {
    pub health_path: String,
    pub status_path: String,
    /// By path; all sources there get a request.
    pub sources: HashMap<&'static str, Vec<HttpSource>>,
    /// Answers calls of OTLP.
    pub otlp: Option<Router>,
    /// Whether they are taken on the HTTP port as well.
    pub otlp_on_http: bool,
}

/// Answers requests; clones are the same.
#[derive(Clone)]
pub struct Routes(Arc<Inner>);

struct Inner {
    table: RwLock<Arc<Table>>,
    telemetry: Telemetry,
    version: &'static str,
    page: Option<Router>,
    metrics: Metrics,
}

impl Routes {
    /// `page` is what the daemon tells of itself, unless that is told elsewhere.
    pub fn new(telemetry: Telemetry, version: &'static str, page: Option<Arc<Registry>>, metrics: Metrics) -> Self {
        let page = page.map(admin::metrics_page);
        let table = RwLock::default();
        Self(Arc::new(Inner { table, telemetry, version, page, metrics }))
    }

    /// From now on requests are answered by `table`.
    pub fn replace(&self, table: Table) {
        *self.0.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// For a port of OTLP alone.
    pub fn otlp_router(&self) -> Router {
        Router::new().fallback(answer_otlp).with_state(self.clone())
    }

    /// Takes a request of the daemon to itself.
    pub async fn post(&self, path: &str, body: Bytes) {
        for source in self.table().sources.get(path).into_iter().flatten() {
            source.take(&HeaderMap::new(), body.clone()).await;
        }
    }

    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.0.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(State(routes): State<Routes>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    let table = routes.table();
    let inner = &routes.0;
    if request.method() == Method::GET {
        match path {
            "/telemetry/v1/stream" => return inner.telemetry.answer(Version::V1, request).await,
            "/telemetry/v2/stream" => return inner.telemetry.answer(Version::V2, request).await,
            path if path == table.health_path => {
                return ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, NOT_CACHED)], HEALTHY).into_response();
            }
            path if path == table.status_path => {
                let status = format!("{{\"name\":\"tidegate\",\"version\":\"{}\",\"sha\":\"\"}}\n", inner.version);
                return ([(CONTENT_TYPE, JSON)], status).into_response();
            }
            "/metrics" => {
                if let Some(page) = &inner.page {
                    return page.clone().oneshot(request).await.into_response();
                }
            }
            _ => {}
        }
    } else if request.method() == Method::POST {
        if let Some((path, sources)) = table.sources.get_key_value(path) {
            let status = take(sources, request).await;
            inner.metrics.requests.get_or_create_owned(&Answer { path, status: status.as_u16() }).inc();
            return status.into_response();
        }
        if table.otlp_on_http && path == otlp::PATH {
            return answer_otlp(State(routes), request).await;
        }
    }
    StatusCode::NOT_FOUND.into_response()
}

async fn answer_otlp(State(routes): State<Routes>, request: Request<Body>) -> Response<Body> {
    match routes.table().otlp.clone() {
        // It knows paths that it does not answer.
        Some(otlp) => otlp.oneshot(request).await.into_response(),
        None => Status::unavailable("no pipeline takes OTLP").into_http(),
    }
}

/// Hands a request to all sources; it is answered when their pipelines have it.
async fn take(sources: &[HttpSource], request: Request<Body>) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = match body_of(body).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    let mut worst = StatusCode::OK;
    for source in sources {
        worst = worst.max(source.take(&parts.headers, body.clone()).await);
    }
    worst
}

async fn body_of(body: Body) -> Result<Bytes, StatusCode> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(error) => {
            tracing::debug!(%error, "a request did not arrive whole");
            Err(StatusCode::BAD_REQUEST)
        }
    }
}
