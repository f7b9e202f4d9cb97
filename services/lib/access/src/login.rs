//! The dashboard's login: a page that takes a token and puts it into a cookie
//! which scripts cannot read and other sites cannot make a browser send.
//!
//! The cookie holds the token itself: any process answers it, and it ends with
//! the token. It is gone from the browser after half a day, or at logout.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Form, Request, State};
use axum::extract::{DefaultBodyLimit, FromRequest};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

use crate::credentials::SESSION_COOKIE;
use crate::guard::{Guard, is_same_origin};
use crate::refusal::Refusal;
use crate::rules::Role;

pub const LOGIN: &str = "/login";
pub const LOGOUT: &str = "/logout";
const MARKER_COOKIE: &str = "tidegate_logged_in";
const LIFETIME_SECONDS: u32 = 12 * 3_600;
const MAX_FORM_BYTES: usize = 4 << 10;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

#[derive(Clone)]
struct Login {
    guard: Guard,
    /// What the cookie ends with.
    secure: &'static str,
}

#[derive(Deserialize)]
struct Filled {
    token: String,
}

/// `GET` and `POST /login`, `POST /logout`. The cookie is sent over TLS only
/// if `is_tls`.
pub fn router(guard: Guard, is_tls: bool) -> Router {
    let login = Login { guard, secure: if is_tls { "; Secure" } else { "" } };
    Router::new()
        .route(LOGIN, get(|| async { page(StatusCode::OK, "") }).post(log_in))
        .route(LOGOUT, post(log_out))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(login)
}

async fn log_in(State(login): State<Login>, request: Request) -> Response {
    let peer = peer(&request);
    let refuse = |who: Option<&crate::Token>, refusal: &Refusal| {
        login.guard.refused(who, "POST", LOGIN, peer, refusal);
        page(refusal.http_status(), &refusal.to_string())
    };
    // A site must not log its visitor in as someone else.
    if !is_same_origin(request.headers()) {
        return refuse(None, &Refusal::CrossSite);
    }
    let Ok(Form(Filled { token: text })) = Form::<Filled>::from_request(request, &()).await else {
        return page(StatusCode::BAD_REQUEST, "the form cannot be read");
    };
    let text = text.trim();
    match login.guard.token(text, Role::Read) {
        Err((who, refusal)) => refuse(who.as_deref(), &refusal),
        Ok(token) => {
            login.guard.tell(&token, "POST", LOGIN, peer, StatusCode::SEE_OTHER);
            login.send_to("/", text, LIFETIME_SECONDS)
        }
    }
}

async fn log_out(State(login): State<Login>, request: Request) -> Response {
    if !is_same_origin(request.headers()) {
        return page(StatusCode::FORBIDDEN, &Refusal::CrossSite.to_string());
    }
    login.send_to(LOGIN, "", 0)
}

impl Login {
    /// Beside the session's cookie goes one that tells the page that there is
    /// something to log out of.
    fn send_to(&self, path: &'static str, token: &str, lifetime_seconds: u32) -> Response {
        let cookie = format!(
            "{SESSION_COOKIE}={token}; Path=/; Max-Age={lifetime_seconds}; HttpOnly; SameSite=Strict{}",
            self.secure
        );
        let marker = format!("{MARKER_COOKIE}=1; Path=/; Max-Age={lifetime_seconds}; SameSite=Strict{}", self.secure);
        let Ok(marker) = HeaderValue::from_str(&marker) else { return StatusCode::BAD_REQUEST.into_response() };
        // What is a token stands in a header.
        let Ok(mut cookie) = HeaderValue::from_str(&cookie) else { return StatusCode::BAD_REQUEST.into_response() };
        cookie.set_sensitive(true);
        let mut response = (StatusCode::SEE_OTHER, [(LOCATION, path), (CACHE_CONTROL, "no-store")]).into_response();
        response.headers_mut().append(SET_COOKIE, cookie);
        response.headers_mut().append(SET_COOKIE, marker);
        response
    }
}

fn peer(request: &Request) -> Option<SocketAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

/// `problem` is one of our own texts.
fn page(status: StatusCode, problem: &str) -> Response {
    let problem = if problem.is_empty() { String::new() } else { format!("<p role=\"alert\">{problem}</p>") };
    let html = include_str!("login/page.html").replace("<!--problem-->", &problem);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, html).into_response()
}

#[cfg(test)]
mod tests;
