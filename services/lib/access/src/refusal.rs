//! Why a request is not let in. The texts tell nothing of other tenants, nor
//! whether a token ever existed.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};

use crate::login::LOGIN;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a token is needed: `Authorization: Bearer TOKEN`, or Basic with the token as password")]
    Missing,
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the token is not valid, or not any more")]
    Unknown,
    /// The client has it right, so it may know.
    #[error("the token has expired")]
    Expired,
    #[error("the token lacks the role {0}")]
    Role(&'static str),
    #[error("X-Scope-OrgID is not the tenant of the token")]
    Tenant,
    #[error("a request with the session's cookie must come from the dashboard itself")]
    CrossSite,
}

impl Refusal {
    /// 401 where another token may help, 403 where this one is not enough.
    pub fn http_status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Malformed(_) | Self::Unknown | Self::Expired => StatusCode::UNAUTHORIZED,
            Self::Role(_) | Self::Tenant | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// For the metric and the audit log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Role(_) => "role",
            Self::Tenant => "tenant",
            Self::CrossSite => "cross_site",
        }
    }

    /// What the client of this request is answered over HTTP: a browser that
    /// opens the dashboard is sent to its login.
    pub fn answer<B>(&self, request: &Request<B>) -> Response {
        let status = self.http_status();
        let path = request.uri().path();
        let asks_for_page = request.method() == Method::GET
            && request
                .headers()
                .get(ACCEPT)
                .is_some_and(|accept| accept.to_str().is_ok_and(|it| it.contains("text/html")));
        if path == "/" && asks_for_page {
            return (StatusCode::SEE_OTHER, [(LOCATION, LOGIN)]).into_response();
        }
        let is_api = path.starts_with("/api/v1/") && path != "/api/v1/write";
        let (content_type, body) = if is_api {
            // The shape in which the API of Prometheus tells errors.
            let kind = if status == StatusCode::UNAUTHORIZED { "unauthorized" } else { "forbidden" };
            let body = serde_json::json!({ "status": "error", "errorType": kind, "error": self.to_string() });
            ("application/json", body.to_string())
        } else {
            ("text/plain; charset=utf-8", format!("{self}\n"))
        };
        let mut response = (status, [(CONTENT_TYPE, content_type)], Body::from(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = http::HeaderValue::from_static("Bearer realm=\"tidegate\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
