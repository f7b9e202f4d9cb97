//! Nothing that a client sends makes a 500.

use serde_json::json;
use tidegate_hotstore::memory::Failing;

use crate::Config;
use crate::testing::{BASE_MS, Server, World, series};

async fn assert_error(server: &Server, path: &str, parameters: &[(&str, &str)], expected: (u16, &str, &str)) {
    let (status, body) = server.get(path, parameters).await;
    let (expected_status, kind, text) = expected;
    assert_eq!((status, &body["status"]), (expected_status, &json!("error")), "{path} {parameters:?}: {body}");
    assert_eq!(body["errorType"], kind, "{body}");
    assert!(body["error"].as_str().unwrap().contains(text), "{body}");
}

#[tokio::test]
async fn bad_parameters_are_bad_data() {
    let server = World::new(BASE_MS).start().await;
    let bad = |text| (400, "bad_data", text);
    let huge = format!("sum({})", "m + ".repeat(100_000) + "m");
    for (parameters, text) in [
        (vec![], "missing"),
        (vec![("query", "")], "missing"),
        (vec![("query", "sum(")], "query"),
        (vec![("query", "no_such_function(m)")], "no_such_function"),
        (vec![("query", "m{a=~\"(\"}")], "illegal regular expression"),
        (vec![("query", "m"), ("time", "yesterday")], "time"),
        (vec![("query", "m"), ("time", "NaN")], "time"),
        (vec![("query", "m"), ("time", "1e300")], "time"),
        (vec![("query", "m"), ("timeout", "-1")], "timeout"),
        (vec![("query", "m"), ("limit", "many")], "limit"),
    ] {
        assert_error(&server, "/api/v1/query", &parameters, bad(text)).await;
    }
    let form = server.client.post(server.url("/api/v1/query")).form(&[("query", &huge)]);
    let answer = form.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    for (start, end, step, text) in [
        ("0", "1", "", "step"),
        ("0", "", "1", "end"),
        ("1", "0", "1", "before start"),
        ("0", "1", "0", "positive"),
        ("0", "1", "-1", "positive"),
        ("0", "11000", "1", "11001 steps"),
        ("0", "253402300799", "0.001", "steps"),
    ] {
        let parameters = [("query", "m"), ("start", start), ("end", end), ("step", step)];
        assert_error(&server, "/api/v1/query_range", &parameters, bad(text)).await;
    }
    let range = [("start", "0"), ("end", "10999"), ("step", "1")];
    assert!(server.text("/api/v1/query_range", &[&[("query", "m")], &range[..]].concat()).await.contains("success"));
    assert_error(&server, "/api/v1/query_range", &[&[("query", "m[1m]")], &range[..]].concat(), bad("range vector"))
        .await;
    assert_error(&server, "/api/v1/series", &[], bad("match[]")).await;
    assert_error(&server, "/api/v1/series", &[("match[]", "{}")], bad("match[]")).await;
    assert_error(&server, "/api/v1/labels", &[("match[]", "rate(m[5m])")], bad("selector")).await;
    assert_error(&server, "/api/v1/labels", &[("start", "2"), ("end", "1")], bad("before start")).await;
    assert_error(&server, "/api/v1/label/%FF/values", &[], bad("")).await;
}

#[tokio::test]
async fn bad_forms_are_bad_data() {
    let server = World::new(BASE_MS).start().await;
    for (content_type, body, text) in [
        ("application/x-www-form-urlencoded", &b"query=%ff%fe"[..], "UTF-8"),
        ("application/x-www-form-urlencoded", b"query=up%2", "hexadecimal"),
        ("application/json", b"{\"query\":\"up\"}", "content type"),
        ("", b"query=up", "content type"),
        ("application/x-www-form-urlencoded", &[b'x'; (1 << 20) + 1], "exceeds"),
    ] {
        let request = server.client.post(server.url("/api/v1/query")).header("Content-Type", content_type);
        let response = request.body(body.to_vec()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400, "{content_type}");
        let body: serde_json::Value = response.json().await.unwrap();
        assert!(body["error"].as_str().unwrap().contains(text), "{body}");
    }
    let tenant = server.client.get(server.url("/api/v1/labels")).header("X-Scope-OrgID", "a/b").send().await.unwrap();
    assert_eq!(tenant.status().as_u16(), 400);
}

#[tokio::test]
async fn limits_are_execution_errors_and_a_store_that_is_down_is_unavailable() {
    let world = World::new(BASE_MS + 60_000);
    let data: Vec<_> = ["a", "b", "c"]
        .map(|host| {
            let samples = (0..12).map(|n| (BASE_MS + n * 5_000, n as f64)).collect();
            series(&[("__name__", "m"), ("host", host)], samples)
        })
        .into();
    world.store(&data).await;
    let time = (BASE_MS / 1_000 + 60).to_string();
    let at = |query: &'static str| [("query", query), ("time", &time)].map(|(a, b)| (a, b.to_owned()));
    let server = world.start_with(Config { max_series: 2, max_windows: 20, ..Config::default() }).await;
    let [query, time] = &at("m");
    let both = [(query.0, query.1.as_str()), (time.0, time.1.as_str())];
    assert_error(&server, "/api/v1/query", &both, (422, "execution", "2 are allowed")).await;
    let two = [("query", "m{host!=\"c\"}"), both[1]];
    assert_error(&server, "/api/v1/query", &two, (422, "execution", "more than 20 windows")).await;
    let one = [("query", "m{host=\"c\"}"), both[1]];
    assert!(server.text("/api/v1/query", &one).await.contains(r#""11"]"#));

    world.store.set_failing(Failing::Everything);
    let response = server.client.get(server.url("/api/v1/query")).query(&one).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "2"));
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["errorType"], "unavailable");
}

#[tokio::test]
async fn until_the_index_is_loaded_queries_are_told_to_wait() {
    let world = World::new(BASE_MS);
    world.store.set_failing(Failing::Everything);
    let mut registry = prometheus_client::registry::Registry::default();
    let health = tidegate_runtime::Health::new();
    let failures = tokio::sync::mpsc::channel(1).0;
    let (log, store, archive) = (world.log.clone(), world.store.clone(), world.archive.clone());
    let target = crate::build(Config::default(), log, store, archive, &mut registry, &health, failures).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v1/query?query=up", listener.local_addr().unwrap());
    let http = target.http.clone();
    tokio::spawn(async move { axum::serve(listener, http).await });
    let response = reqwest::get(&url).await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    assert!(response.text().await.unwrap().contains("not ready"));
    assert_eq!(health.not_ready().len(), 1);

    world.store.set_failing(Failing::Nothing);
    for _ in 0..6_000 {
        if health.not_ready().is_empty() {
            assert_eq!(reqwest::get(&url).await.unwrap().status().as_u16(), 200);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the target does not get ready: {:?}", health.not_ready());
}

#[tokio::test]
async fn a_live_topic_that_cannot_be_read_shows_in_the_health() {
    let world = World::new(BASE_MS);
    let server = world.start().await;
    world.log.fail_with(Some(tidegate_eventlog::LogError::Unavailable("gone".into())));
    server.until("not ready", || !server.health.not_ready().is_empty()).await;
    world.log.fail_with(None);
    server.until("ready", || server.health.not_ready().is_empty()).await;
}
