//! What requests get that no route is for: below `/api/v1/` in the form of the
//! Prometheus API, so that clients can show it.

use axum::Router;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

const API: &str = "/api/v1/";
/// Of a path, in the answer.
const SHOWN_BYTES: usize = 100;

/// `http` with answers to all that it has no route for.
pub fn answered(http: Router) -> Router {
    http.method_not_allowed_fallback(wrong_method).fallback(not_found)
}

async fn not_found(uri: Uri) -> Response {
    let text = format!("there is nothing at {}", shown(&uri));
    refusal(StatusCode::NOT_FOUND, &uri, "not_found", &text)
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, &uri, "bad_data", &format!("{} does not take {method}", shown(&uri)))
}

fn shown(uri: &Uri) -> &str {
    let path = uri.path();
    &path[..path.floor_char_boundary(SHOWN_BYTES)]
}

fn refusal(status: StatusCode, uri: &Uri, kind: &str, text: &str) -> Response {
    if !uri.path().starts_with(API) {
        return (status, format!("{text}; the API is below {API}\n")).into_response();
    }
    let body = serde_json::json!({ "status": "error", "errorType": kind, "error": text }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
