//! The dashboard: a page that was built from `ui` and is part of the binary, as
//! a router that serves it. It uses the public API only, like any other client.

mod serve;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::HeaderMap;

/// Serves the page at `/` and its scripts and styles below `/assets/`.
pub fn router() -> Router {
    Router::new().route("/", get(|headers: HeaderMap| async move { serve::answer("index.html", &headers) })).route(
        "/assets/{name}",
        get(|Path(name): Path<String>, headers: HeaderMap| async move {
            serve::answer(&format!("assets/{name}"), &headers)
        }),
    )
}
