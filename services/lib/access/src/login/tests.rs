use axum::body::Body;
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use tower::ServiceExt;

use super::*;
use crate::guard::tests::{READER, guard};

async fn post_to(path: &str, headers: &[(&str, &str)], body: &str, is_tls: bool) -> (StatusCode, HeaderMap) {
    let mut request = http::Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = router(guard(), is_tls).oneshot(request).await.expect("an answer");
    (response.status(), response.headers().clone())
}

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

#[tokio::test]
async fn a_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use() {
    for (is_tls, end) in [(false, "SameSite=Strict"), (true, "SameSite=Strict; Secure")] {
        let (status, headers) = post_to("/login", &[OWN], &format!("token={READER}"), is_tls).await;
        assert_eq!((status, &headers[LOCATION]), (StatusCode::SEE_OTHER, &HeaderValue::from_static("/")));
        let cookie = headers[SET_COOKIE].to_str().expect("text");
        assert_eq!(cookie, format!("tidegate_session={READER}; Path=/; Max-Age=43200; HttpOnly; {end}"));
    }
}

#[tokio::test]
async fn what_is_no_token_for_reading_sets_no_cookie() {
    for (body, wanted) in [
        ("token=tdg_wrong", StatusCode::UNAUTHORIZED),
        ("token=tdg_pusher", StatusCode::FORBIDDEN),
        ("token=tdg_expired", StatusCode::UNAUTHORIZED),
        ("token=", StatusCode::UNAUTHORIZED),
        ("tok=en", StatusCode::BAD_REQUEST),
        (&format!("token={}", "a".repeat(10_000)), StatusCode::BAD_REQUEST),
    ] {
        let (status, headers) = post_to("/login", &[OWN], body, false).await;
        assert_eq!(status, wanted, "{}", &body[..body.len().min(40)]);
        assert!(!headers.contains_key(SET_COOKIE));
    }
}

#[tokio::test]
async fn other_sites_log_nobody_in_or_out() {
    let body = format!("token={READER}");
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site"), (ORIGIN.as_str(), "http://a"), (HOST.as_str(), "a")],
        &[("sec-fetch-site", "same-site")],
        &[(ORIGIN.as_str(), "https://evil.example"), (HOST.as_str(), "tidegate.example")],
        &[(ORIGIN.as_str(), "null"), (HOST.as_str(), "tidegate.example")],
    ] {
        for path in [LOGIN, LOGOUT] {
            let (status, headers) = post_to(path, headers, &body, false).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
            assert!(!headers.contains_key(SET_COOKIE));
        }
    }
    // Browsers without Sec-Fetch-Site say where a form is from all the same.
    let own = [(ORIGIN.as_str(), "https://tidegate.example"), (HOST.as_str(), "tidegate.example")];
    assert_eq!(post_to(LOGIN, &own, &body, false).await.0, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn logging_out_takes_the_cookie_back() {
    let (status, headers) = post_to("/logout", &[OWN], "", false).await;
    assert_eq!((status, &headers[LOCATION]), (StatusCode::SEE_OTHER, &HeaderValue::from_static("/login")));
    assert!(headers[SET_COOKIE].to_str().expect("text").starts_with("tidegate_session=; Path=/; Max-Age=0;"));
}
