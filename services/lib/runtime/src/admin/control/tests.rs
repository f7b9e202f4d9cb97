use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use tower::Service;

use super::*;

async fn ask(router: &Router, method: Method, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).expect("a request");
    let answer = router.clone().call(request).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

fn level() -> Level {
    Level::for_tests("info")
}

#[tokio::test]
async fn the_level_is_told_changed_and_set_back() {
    let router = router(level(), Health::new());
    let path = "/admin/log-level";
    assert_eq!(ask(&router, Method::GET, path, "").await, (200, "info\n".into()));
    assert_eq!(ask(&router, Method::PUT, path, "warn,audit=info\n").await.0, 200);
    let told = ask(&router, Method::GET, path, "").await.1;
    assert!(told.contains("warn") && told.contains("audit=info"), "{told}");
    let (status, why) = ask(&router, Method::PUT, path, "a=b=c").await;
    assert!(status == 400 && why.contains("\"a=b=c\" is no log level"), "{status} {why}");
    assert_eq!(ask(&router, Method::PUT, path, " \n").await.0, 400, "a level is forgotten");
    assert_eq!(ask(&router, Method::GET, path, "").await.1, told);
    assert_eq!(ask(&router, Method::PUT, path, &"x".repeat(LEVEL_BYTES + 1)).await.0, 413);
    assert_eq!(ask(&router, Method::DELETE, path, "").await, (200, "info\n".into()));
    assert_eq!(ask(&router, Method::POST, path, "warn").await.0, 405, "a form of another site could send it");
}

#[tokio::test]
async fn a_drained_process_is_not_ready_until_that_is_taken_back() {
    let health = Health::new();
    let router = router(level(), health.clone());
    assert_eq!(ask(&router, Method::POST, "/admin/drain", "").await.0, 405, "a form of another site could send it");
    assert_eq!(health.not_ready(), []);
    assert_eq!(ask(&router, Method::PUT, "/admin/drain", "").await.0, 200);
    assert_eq!(health.not_ready().iter().map(|(part, _)| *part).collect::<Vec<_>>(), ["drain"]);
    assert_eq!(ask(&router, Method::DELETE, "/admin/drain", "").await.0, 200);
    assert_eq!(health.not_ready(), []);
}

#[tokio::test]
async fn a_profile_tells_which_threads_worked_for_how_long() {
    let router = router(level(), Health::new());
    for seconds in ["0", "61", "-1", "x", "1&seconds=2"] {
        assert_eq!(
            ask(&router, Method::GET, &format!("/admin/profile?seconds={seconds}"), "").await.0,
            400,
            "{seconds}"
        );
    }
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let until = stop.clone();
    let busy = std::thread::Builder::new().name("busy-bee".into()).spawn(move || {
        while !until.load(std::sync::atomic::Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let (first, second) = tokio::join!(
        ask(&router, Method::GET, "/admin/profile?seconds=1", ""),
        ask(&router, Method::GET, "/admin/profile?seconds=1", "")
    );
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    busy.expect("starts").join().expect("ends");
    assert_eq!([first.0, second.0], [200, 503], "one at a time: {first:?}, {second:?}");
    let told: serde_json::Value = serde_json::from_str(&first.1).expect("JSON");
    let threads = told["threads"].as_array().expect("a list");
    let bee = threads.iter().find(|thread| thread["name"] == "busy-bee").expect("is told");
    assert!(bee["user_seconds"].as_f64() > Some(0.0) && bee["count"] == 1, "{told}");
}
