//! Places, cancellation, and what `explain=1` tells.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use serde_json::{Value, json};
use tidegate_hotstore::memory::Failing;
use tidegate_model::TenantId;
use tidegate_model::time::HOUR_MS;
use tidegate_promql::Range;

use crate::Config;
use crate::error::Error;
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};
use crate::testing::{BASE_MS, World, series};

fn task(query: &str, tenant: &TenantId) -> Task {
    Task {
        purpose: Purpose::Query,
        tenant: tenant.clone(),
        expr: Arc::new(tidegate_promql::parse(query).unwrap()),
        range: Range { start_ms: BASE_MS, end_ms: BASE_MS, step_ms: 0 },
        cut: Cut::None,
        timeout: Duration::from_secs(60),
        principal: None,
    }
}

async fn refused(query: &Arc<Query>, tenant: &TenantId) -> (u16, String, Error) {
    let error = query.run(task("1", tenant)).await.unwrap_err();
    let again = query.run(task("1", tenant)).await.unwrap_err();
    let response = error.into_response();
    let retry_after = response.headers()["retry-after"].to_str().unwrap().to_owned();
    (response.status().as_u16(), retry_after, again)
}

#[tokio::test]
async fn who_finds_no_place_is_told_when_to_come_back() {
    let world = World::new(BASE_MS);
    let config = Config {
        max_concurrent_queries: 2,
        max_concurrent_queries_per_tenant: 1,
        max_waiting_queries_per_tenant: 0,
        queue_wait_ms: 20,
        ..Config::default()
    };
    let query = world.query(config).await;
    let [a, b, c] = ["a", "b", "c"].map(|name| TenantId::new(name).unwrap());
    let held = query.places.take(&a).await.unwrap();
    let (status, retry_after, error) = refused(&query, &a).await;
    assert_eq!((status, retry_after.as_str()), (429, "2"));
    assert!(error.to_string().contains("1 queries running"), "{error}");
    query.run(task("1", &b)).await.unwrap();

    let other = query.places.take(&b).await.unwrap();
    let (status, retry_after, error) = refused(&query, &c).await;
    assert_eq!((status, retry_after.as_str()), (503, "2"));
    assert!(matches!(error, Error::Busy { limit: 2 }), "{error}");
    drop((held, other));
    query.run(task("1", &a)).await.unwrap();
}

#[tokio::test]
async fn queries_and_streams_leave_each_other_their_places_and_memory() {
    let world = World::new(BASE_MS + 60_000);
    // Two a window: windows of one take less.
    let samples = (0..24).map(|n| (BASE_MS + n * 2_500, n as f64)).collect();
    world.store(&[series(&[("__name__", "m")], samples)]).await;
    let config = Config {
        max_concurrent_queries: 1,
        max_concurrent_stream_steps: 1,
        max_waiting_queries_per_tenant: 0,
        queue_wait_ms: 20,
        timeout_ms: 500,
        max_windows: 12,
        max_loaded_bytes: 12 * crate::WINDOW_BYTES,
        max_stream_loaded_bytes: 12 * crate::WINDOW_BYTES,
        ..Config::default()
    };
    let query = world.query(config).await;
    let range = Range { start_ms: BASE_MS + 60_000, end_ms: BASE_MS + 60_000, step_ms: 0 };
    let run = |purpose| query.run(Task { purpose, range, ..task("sum_over_time(m[1m])", &world.tenant) });

    let of_queries = (query.places.take(&world.tenant).await.unwrap(), query.loaded.reserve(12 * crate::WINDOW_BYTES));
    run(Purpose::StreamStep).await.unwrap();
    let error = run(Purpose::Query).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. } | Error::TenantBusy { .. }), "{error}");
    drop(of_queries);

    let held = query.stream_places.take(&world.tenant).await.unwrap();
    let memory = query.stream_loaded.reserve(1);
    run(Purpose::Query).await.unwrap();
    let error = run(Purpose::StreamStep).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. } | Error::Busy { .. }), "{error}");
    drop(held);
    assert!(matches!(run(Purpose::StreamStep).await, Err(Error::MemoryTaken)));
    drop(memory);
    run(Purpose::StreamStep).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_evaluated_in_the_places_of_streams() {
    let world = World::new(BASE_MS + 60_000);
    let query = world.query(Config { max_concurrent_queries: 1, queue_wait_ms: 20, ..Config::default() }).await;
    let _all = query.places.take(&world.tenant).await.unwrap();
    let expr = Arc::new(tidegate_promql::parse("vector(1)").unwrap());
    let stream = crate::stream::Place::take(&query, &world.tenant, None, expr, [5_000, 1_000]).unwrap();
    stream.feed.step(&query, BASE_MS + 5_000, &[]).await.unwrap();
}

#[tokio::test]
async fn an_evaluation_ends_when_its_client_goes_or_its_time_is_up() {
    let world = World::new(BASE_MS + HOUR_MS);
    let data: Vec<_> = (0..150)
        .map(|host| {
            let samples = (0..720).map(|n| (BASE_MS + n * 5_000, (n * n % 97) as f64)).collect();
            series(&[("__name__", "m"), ("host", &host.to_string())], samples)
        })
        .collect();
    world.store(&data).await;
    let server = world.start().await;
    // Sorts 700 samples at each of 2,000 steps of 150 series.
    let (start, end) = ((BASE_MS / 1_000 + 3_000).to_string(), (BASE_MS / 1_000 + 3_500).to_string());
    let slow = [("query", "quantile_over_time(0.5, m[1h])"), ("start", &start), ("end", &end), ("step", "0.25")];
    let is_running = |count: u32| {
        let line = format!("tidegate_query_running {count}\n");
        let server = &server;
        move || server.metrics().contains(&line)
    };
    let request = server.client.get(server.url("/api/v1/query_range")).query(&slow).send();
    let client = tokio::spawn(request);
    server.until("the query runs", is_running(1)).await;
    client.abort();
    server.until("the query has ended", is_running(0)).await;
    let evaluated = |outcome: &str| format!("endpoint=\"query_range\",outcome=\"{outcome}\"");
    assert!(!server.metrics().contains(&evaluated("success")), "it was given up, not finished");

    let (status, answer) = server.get("/api/v1/query_range", &[&slow[..], &[("timeout", "50ms")]].concat()).await;
    assert_eq!((status, &answer["errorType"]), (503, &json!("timeout")), "{answer}");
    server.until("the query has ended", is_running(0)).await;
}

#[tokio::test]
async fn samples_are_limited() {
    let world = World::new(BASE_MS + 60_000);
    // Two a window: windows of one take less.
    let samples = (0..24).map(|n| (BASE_MS + n * 2_500, n as f64)).collect();
    world.store(&[series(&[("__name__", "m")], samples)]).await;
    let server = world.start_with(Config { max_samples: 1_000, ..Config::default() }).await;
    let time = (BASE_MS / 1_000 + 60).to_string();
    let ask = async |query: &str| server.get("/api/v1/query", &[("query", query), ("time", &time)]).await;
    assert_eq!(ask("sum_over_time(m[1m:1s])").await.0, 200);
    let (status, answer) = ask("sum_over_time(m[1h:1ms])").await;
    assert_eq!((status, &answer["errorType"]), (422, &json!("execution")));
    assert!(answer["error"].as_str().unwrap().contains("more than 1000 samples"), "{answer}");
}

#[tokio::test]
async fn a_query_that_finds_the_memory_taken_is_told_to_come_back() {
    let world = World::new(BASE_MS + 60_000);
    // Two a window: windows of one take less.
    let samples = (0..24).map(|n| (BASE_MS + n * 2_500, n as f64)).collect();
    world.store(&[series(&[("__name__", "m")], samples)]).await;
    let config = Config { max_windows: 12, max_loaded_bytes: 12 * crate::WINDOW_BYTES, ..Config::default() };
    let query = world.query(config).await;
    let range = Range { start_ms: BASE_MS + 60_000, end_ms: BASE_MS + 60_000, step_ms: 0 };
    let task = || Task { range, ..task("sum_over_time(m[1m])", &world.tenant) };
    query.run(task()).await.unwrap();
    let other = query.loaded.reserve(1).unwrap();
    let response = query.run(task()).await.unwrap_err().into_response();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    drop(other);
    query.run(task()).await.unwrap();
    assert_eq!(query.loaded.held_bytes(), 0);
}

#[tokio::test]
async fn an_answer_beyond_its_limit_is_refused() {
    let world = World::new(BASE_MS + 60_000);
    let one = |host: u32| series(&[("__name__", "m"), ("host", &host.to_string())], vec![(BASE_MS + 55_000, 1.0)]);
    world.store(&(0..20).map(one).collect::<Vec<_>>()).await;
    let server = world.start_with(Config { max_answer_bytes: 1_000, ..Config::default() }).await;
    let time = (BASE_MS / 1_000 + 60).to_string();
    let ask = async |query: &str| server.get("/api/v1/query", &[("query", query), ("time", &time)]).await;
    assert_eq!(ask("sum(m)").await.0, 200);
    let (status, answer) = ask("m").await;
    assert_eq!((status, &answer["errorType"]), (422, &json!("execution")), "{answer}");
}

#[tokio::test]
async fn answers_count_until_their_clients_have_taken_them() {
    let config = Config { max_answer_bytes: 1_000, max_unsent_bytes: 1_000, ..Config::default() };
    let query = World::new(BASE_MS).query(config).await;
    let answer = |bytes: usize| vec![b'x'; bytes].into_response();
    let first = crate::api::until_taken(answer(900), &query.unsent).await.unwrap();
    let error = crate::api::until_taken(answer(200), &query.unsent).await.unwrap_err();
    let refused = error.into_response();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    // The body is gone, what it gave is still on its way.
    let bytes = axum::body::to_bytes(first.into_body(), usize::MAX).await.unwrap();
    assert_eq!((bytes.len(), query.unsent.held_bytes()), (900, 900));
    drop(bytes);
    crate::api::until_taken(answer(200), &query.unsent).await.unwrap();
    assert_eq!(query.unsent.held_bytes(), 0);
}

#[tokio::test]
async fn the_tail_stays_bounded_while_the_store_does_not_answer() {
    let world = World::new(BASE_MS + 60_000);
    // Two a window: windows of one take less.
    let samples = (0..24).map(|n| (BASE_MS + n * 2_500, n as f64)).collect();
    let data = [series(&[("__name__", "m")], samples)];
    let server = world.start_with(Config { max_tail_windows: 5, ..Config::default() }).await;
    world.publish(&data, BASE_MS + 60_000).await;
    world.store.set_failing(Failing::Everything);
    server.until("the oldest are dropped", || server.metrics().contains("tidegate_query_tail_windows 5\n")).await;
    assert!(server.metrics().contains("tidegate_query_tail_dropped_total 7\n"), "{}", server.metrics());
}

#[test]
fn limits_that_could_never_be_met_are_refused_by_name() {
    for (config, key) in [
        (Config { max_loaded_bytes: 1_000, ..Config::default() }, "query.max_loaded_bytes"),
        (Config { max_unsent_bytes: 1_000, ..Config::default() }, "query.max_unsent_bytes"),
        (Config { max_answer_bytes: 0, ..Config::default() }, "query.max_answer_bytes"),
    ] {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[tokio::test]
async fn explain_tells_what_was_read_from_where() {
    let now_ms = BASE_MS + 2 * HOUR_MS;
    let world = World::new(now_ms);
    let part = |start_ms: i64, samples: i64| {
        let samples = (0..samples).map(|n| (start_ms + n * 5_000, n as f64)).collect();
        [series(&[("__name__", "m"), ("host", "a")], samples)]
    };
    world.archive(&part(BASE_MS, 720)).await;
    world.store(&part(BASE_MS + HOUR_MS, 600)).await;
    world.publish(&part(BASE_MS + HOUR_MS + 3_000_000, 100), now_ms).await;
    let server = world.start_with(Config { hot_retention_hours: 1, ..Config::default() }).await;
    let time = (now_ms / 1_000).to_string();
    let ask = |explain: &'static str| {
        let (server, time) = (&server, &time);
        let query = [("query", "sum_over_time(m[2h])"), ("time", time), ("explain", explain)];
        async move { server.get("/api/v1/query", &query.map(|(a, b)| (a, b))).await }
    };
    let (status, answer) = ask("1").await;
    assert_eq!(status, 200, "{answer}");
    let explain = &answer["explain"];
    let count = |place: &str, what: &str| explain[place][what].as_u64().unwrap();
    assert_eq!((count("archive", "objects"), count("archive", "windows")), (1, 720), "{explain}");
    assert_eq!((count("store", "rows"), count("store", "windows")), (50, 600), "{explain}");
    assert!(count("store", "bytes") > 1_000, "{explain}");
    assert_eq!((count("tail", "series"), count("tail", "windows")), (1, 100), "{explain}");
    assert_eq!((explain["series"].as_u64(), explain["samples"].as_u64()), (Some(1), Some(1_420)), "{explain}");
    for stage in ["waiting", "loading", "evaluating"] {
        assert!(explain["seconds"][stage].as_f64().is_some(), "{explain}");
    }
    assert_eq!(ask("0").await.1["explain"], Value::Null);
    assert_eq!(ask("perhaps").await.0, 400);
}

#[tokio::test]
async fn what_the_process_runs_with() {
    let server = World::new(BASE_MS).start_with(Config { timeout_ms: 90_000, ..Config::default() }).await;
    let data = async |path: &str| server.get(path, &[]).await.1["data"].clone();
    let info = data("/api/v1/status/runtimeinfo").await;
    assert!(info["startTime"].as_str().unwrap().ends_with('Z'), "{info}");
    assert_eq!(info["storageRetention"], "168h");
    let flags = data("/api/v1/status/flags").await;
    assert_eq!((&flags["query.timeout"], &flags["query.lookback-delta"]), (&json!("1m 30s"), &json!("5m")));
    let config = data("/api/v1/status/config").await;
    assert!(config["yaml"].as_str().unwrap().contains("\n  timeout_ms: 90000\n"), "{config}");
    for (limit, status) in [("1", 200), ("0", 200), ("-1", 400), ("x", 400)] {
        for name in ["limit", "limit_per_metric"] {
            assert_eq!(server.get("/api/v1/metadata", &[(name, limit)]).await.0, status, "{name}={limit}");
        }
    }
}
