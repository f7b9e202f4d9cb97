//! What cannot be streamed is refused before the stream begins.

use tidegate_hotstore::memory::Failing;

use super::*;

#[tokio::test]
async fn parameters() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let future = (NOW_MS + 7_200_000).to_string();
    let far = ((NOW_MS + 7_200_000) / 1_000).to_string();
    let old = ((NOW_MS - 7_200_000) / 1_000).to_string();
    let deep = format!("{}m{}", "(".repeat(10_000), ")".repeat(10_000));
    let id = |text: &'static str| vec![("query", "m"), ("last_event_id", text)];
    for (parameters, expected) in [
        (vec![("query", "m[5m]")], "range vector"),
        (vec![("query", "\"text\"")], "string"),
        (vec![("query", "nonsense(")], "query"),
        (vec![("query", "no_such(m)")], "no_such"),
        (vec![("query", "m{a=~\"(\"}")], "regular expression"),
        (vec![("query", &*deep)], "query"),
        (vec![], "missing"),
        (vec![("query", "")], "missing"),
        (vec![("query", "m"), ("step", "1s")], "multiple of 5s"),
        (vec![("query", "m"), ("step", "7s")], "multiple of 5s"),
        (vec![("query", "m"), ("step", "0")], "multiple of 5s"),
        (vec![("query", "m"), ("step", "-5s")], "step"),
        (vec![("query", "m"), ("step", "2h")], "1h at most"),
        (vec![("query", "m"), ("step", "soon")], "step"),
        (vec![("query", "m"), ("step", "1e300")], "step"),
        (vec![("query", "m"), ("step", "NaN")], "step"),
        (vec![("query", "m"), ("settle", "0")], "settle"),
        (vec![("query", "m"), ("settle", "6m")], "settle"),
        (vec![("query", "m"), ("settle", "x")], "settle"),
        (vec![("query", "m"), ("start", &old)], "back"),
        (vec![("query", "m"), ("start", &far)], "ahead"),
        (vec![("query", "m"), ("start", "yesterday")], "start"),
        (vec![("query", "m"), ("start", "NaN")], "start"),
        (vec![("query", "m"), ("start", "-9223372036854775808")], "start"),
        (id("abc"), "no id"),
        (id("-5"), "no id"),
        (id("5-6"), "no id"),
        (id("99999999999999999999999"), "no id"),
        (vec![("query", "m"), ("last_event_id", &future)], "future"),
    ] {
        let (status, body) = server.get("/api/v1/stream", &parameters).await;
        assert_eq!((status, &body["errorType"]), (400, &json!("bad_data")), "{body}");
        assert!(body["error"].as_str().unwrap().contains(expected), "{body}");
    }
    assert!(server.metrics().contains("tidegate_query_streams 0\n"));
}

#[tokio::test]
async fn requests() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let stream = || server.client.get(server.url("/api/v1/stream")).query(&[("query", "m")]);
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let long = "9".repeat(5_000);
    for (request, status, text) in [
        (stream().header("Last-Event-ID", bytes), 400, "no id"),
        (stream().header("Last-Event-ID", &long), 400, "no id"),
        (stream().header("X-Scope-OrgID", "a/b"), 400, ""),
        (server.client.get(server.url("/api/v1/stream?query=%ff")), 400, "UTF-8"),
        (server.client.post(server.url("/api/v1/stream")).body("query=m"), 400, "content type"),
        (server.client.post(server.url("/api/v1/stream")).form(&[("query", "m +".repeat(300_000))]), 400, ""),
        (server.client.put(server.url("/api/v1/stream?query=m")), 405, ""),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let body = response.text().await.unwrap();
        assert!(body.contains(text) && body.len() < 1_000, "{body}");
    }
    // A form is as good as a URL.
    let form = server.client.post(server.url("/api/v1/stream")).form(&[("query", "m")]).send().await.unwrap();
    assert_eq!(form.headers()["content-type"], "text/event-stream");
}

#[tokio::test]
async fn an_evaluation_that_fails_says_so_once_to_each_and_ends() {
    let world = World::new(NOW_MS + 10_000);
    let both = ["a", "b"].map(|host| series(&[("__name__", "m"), ("host", host)], vec![(NOW_MS, 1.0)]));
    world.publish(&both, NOW_MS + 6_000).await;
    let server = world.start().await;
    let start = (NOW_MS / 1_000).to_string();
    let query = [("query", "m * on() m"), ("start", &start)];
    for _ in 0..2 {
        let mut events = Client::open(&server, &query, None).await;
        // The samples lie after the first step.
        assert!(events.next().await.points.is_empty());
        let failure = events.raw().await.unwrap();
        assert_eq!((failure.event.as_deref(), &failure.id), (Some("failure"), &None));
        assert_eq!(failure.data["errorType"], "execution");
        assert_eq!(events.raw().await, None);
    }
}

#[tokio::test]
async fn a_store_that_is_away_ends_a_stream_for_now_only() {
    let world = World::new(NOW_MS + 10_000);
    world.publish(&[series(&[("__name__", "m")], vec![(NOW_MS, 1.0)])], NOW_MS + 6_000).await;
    let server = world.start().await;
    let start = (NOW_MS / 1_000 + 5).to_string();
    let query = [("query", "m"), ("start", start.as_str())];
    world.store.set_failing(Failing::Everything);
    // It is tried again for some ten seconds first.
    let end = Client::open(&server, &query, None).await.raw().await.unwrap();
    assert_eq!((end.event.as_deref(), &end.id), (Some("end"), &None));
    assert_eq!((&end.data["reason"], &end.data["answer"]["errorType"]), (&json!("unavailable"), &json!("unavailable")));
    world.store.set_failing(Failing::Nothing);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(Client::open(&server, &query, None).await.next().await.points.len(), 1);
}
