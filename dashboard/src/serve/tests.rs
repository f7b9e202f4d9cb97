use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    crate::router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_page_is_asked_for_again_each_time_but_sent_once() {
    let first = get("/", &[]).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
    assert!(first.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
    let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
    let body = first.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"<!doctype html>"), "{body:?}");
    let again = get("/", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert!(again.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    for path in ["/assets/none.js", "/assets/..%2findex.html.br", "/assets/none"] {
        assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn an_encoding_is_taken_unless_it_is_forbidden() {
    assert!(accepts("gzip, deflate, br", "br"));
    assert!(accepts("GZIP;q=0.5", "gzip"));
    assert!(!accepts("br;q=0, gzip", "br"));
    assert!(!accepts("", "gzip"));
    assert!(!accepts("gzipped", "gzip"));
}

#[test]
fn only_names_with_a_hash_are_kept_for_good() {
    assert!(cache_control("assets/index-3f.js").contains("immutable"));
    assert_eq!(cache_control("index.html"), "no-cache");
}
