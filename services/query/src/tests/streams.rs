//! Streams: complete, in order, and the same after a restart.

use serde_json::json;

use crate::Config;
use crate::testing::{BASE_MS, Events, PARTITIONS, SseEvent, TestSeries, World, series};

const NOW_MS: i64 = BASE_MS + 60_000;

fn gauge(from_ms: i64, until_ms: i64) -> Vec<TestSeries> {
    let samples = (from_ms / 5_000..until_ms / 5_000).map(|n| (n * 5_000 + 2_000, (n % 1_000) as f64)).collect();
    vec![series(&[("__name__", "m"), ("host", "a")], samples)]
}

async fn take(events: &mut Events, count: usize) -> Vec<SseEvent> {
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.push(events.next().await.expect("the stream ended"));
    }
    taken
}

fn ids(events: &[SseEvent]) -> Vec<i64> {
    events.iter().map(|event| event.id.as_deref().unwrap().parse().unwrap()).collect()
}

fn steps(from_ms: i64, count: i64) -> Vec<i64> {
    (0..count).map(|n| from_ms + n * 5_000).collect()
}

#[tokio::test]
async fn one_event_a_step_once_the_watermark_has_passed() {
    let world = World::new(NOW_MS + 1_234);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let mut events = server.stream(&[("query", "m * 2")], None).await;
    assert!(events.is_quiet().await, "the next step is not over");

    world.publish(&gauge(NOW_MS, NOW_MS + 5_000), NOW_MS + 5_999).await;
    assert!(events.is_quiet().await, "a second must have passed since the step");
    world.publish(&[], NOW_MS + 6_000).await;
    let event = events.next().await.unwrap();
    assert_eq!(event.id, Some((NOW_MS + 5_000).to_string()));
    let value = (NOW_MS / 5_000 % 1_000 * 2).to_string();
    let expected = json!({"time": (NOW_MS + 5_000) / 1_000, "result": [{"metric": {"host": "a"}, "value": value}]});
    assert_eq!(event.data, expected);
    assert!(events.is_quiet().await);
}

#[tokio::test]
async fn a_restart_leaves_no_gap_and_repeats_nothing() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let query = [("query", "sum_over_time(m[30s])"), ("start", &(BASE_MS / 1_000 + 10).to_string())];
    let whole = {
        let server = world.start().await;
        let mut events = server.stream(&query, None).await;
        let events = take(&mut events, 11).await;
        server.stop().await;
        events
    };
    assert_eq!(ids(&whole), steps(BASE_MS + 10_000, 11));

    // The client has seen four; meanwhile a minute has moved to the store, and
    // a window has come that the fifth event's time is the start of.
    let last = whole[3].id.clone().unwrap();
    world.store(&gauge(BASE_MS, NOW_MS)).await;
    world.save_progress(BASE_MS + 70_000).await;
    world.publish(&[series(&[("__name__", "m"), ("host", "a")], vec![(NOW_MS, 77.0)])], NOW_MS + 6_000).await;
    let server = world.start().await;
    let mut events = server.stream(&query, Some(&last)).await;
    assert_eq!(take(&mut events, 7).await, whole[4..]);
    let next = events.next().await.unwrap();
    assert_eq!(next.id, Some((NOW_MS + 5_000).to_string()));

    // Clients that cannot set a header use the parameter.
    let parameters = [("query", query[0].1), ("last_event_id", &last)];
    let mut events = server.stream(&parameters, None).await;
    assert_eq!(take(&mut events, 7).await, whole[4..]);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let mut events = server.stream(&[("query", "m")], None).await;
    server.stop().await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_partition_that_stalls_holds_back_ten_seconds_then_a_correction_follows() {
    let world = World::new(NOW_MS);
    let data = gauge(BASE_MS, NOW_MS);
    let owner = data[0].id(&world.tenant).partition(PARTITIONS);
    for partition in (0..PARTITIONS).filter(|partition| *partition != owner) {
        world.publish_record(partition, Vec::new(), NOW_MS + 6_000).await;
    }
    let server = world.start().await;
    let mut events = server.stream(&[("query", "count(m) or vector(0)")], None).await;
    world.clock.set(NOW_MS + 5_000 + 1_000 + 9_999);
    assert!(events.is_quiet().await);
    world.clock.set(NOW_MS + 5_000 + 1_000 + 10_000);
    let incomplete = events.next().await.unwrap();
    assert_eq!(incomplete.id, Some((NOW_MS + 5_000).to_string()));
    assert_eq!(incomplete.data["missing_partitions"], json!([owner]));
    assert_eq!(incomplete.data["result"][0]["value"], "0");

    world.publish(&data, NOW_MS + 6_000).await;
    let corrected = events.next().await.unwrap();
    assert_eq!((corrected.event.as_deref(), corrected.id), (Some("correction"), None));
    assert_eq!(corrected.data, json!({"time": (NOW_MS + 5_000) / 1_000, "result": [{"metric": {}, "value": "1"}]}));
}

#[tokio::test]
async fn after_a_long_absence_partitions_get_their_time_to_catch_up() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    // Nothing ran for a minute; the client is there before the rollup is.
    world.clock.set(NOW_MS + 60_000);
    let server = world.start().await;
    let mut events = server.stream(&[("query", "m")], Some(&NOW_MS.to_string())).await;
    assert!(events.is_quiet().await, "a step without what the log holds for it");
    world.publish(&gauge(NOW_MS, NOW_MS + 60_000), NOW_MS + 61_000).await;
    let caught_up = take(&mut events, 12).await;
    assert_eq!(ids(&caught_up), steps(NOW_MS + 5_000, 12));
    assert!(caught_up.iter().all(|event| event.data["missing_partitions"].is_null() && event.event.is_none()));

    // Time for that is short.
    world.clock.set(NOW_MS + 69_999);
    assert!(events.is_quiet().await);
    world.clock.set(NOW_MS + 76_000);
    assert!(!events.next().await.unwrap().data["missing_partitions"].is_null());
}

#[tokio::test]
async fn an_id_from_too_long_ago_is_told_what_it_missed() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(NOW_MS - 60_000, NOW_MS), NOW_MS + 1_000).await;
    let config = Config { stream_history_ms: 20_000, ..Config::default() };
    let server = world.start_with(config).await;
    let last = (NOW_MS - 100_000).to_string();
    let mut events = server.stream(&[("query", "m")], Some(&last)).await;
    let gap = events.next().await.unwrap();
    assert_eq!(gap.event.as_deref(), Some("gap"));
    assert_eq!(gap.data, json!({"from": (NOW_MS - 95_000) / 1_000, "to": (NOW_MS - 15_000) / 1_000}));
    assert_eq!(gap.id, Some((NOW_MS - 20_000).to_string()));
    assert_eq!(ids(&take(&mut events, 4).await), steps(NOW_MS - 15_000, 4));
}

#[tokio::test]
async fn a_series_that_appears_is_in_the_first_event_after_it() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let mut events = server.stream(&[("query", "count({__name__=~\"m|fresh\"})")], None).await;
    let fresh = series(&[("__name__", "fresh")], vec![(NOW_MS + 1, 1.0)]);
    world.publish(&[fresh], NOW_MS + 6_000).await;
    let event = events.next().await.unwrap();
    assert_eq!(event.data["result"][0]["value"], "2");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { stream_heartbeat_ms: 20, ..Config::default() }).await;
    let mut response = server.client.get(server.url("/api/v1/stream?query=m")).send().await.unwrap();
    let mut text = String::new();
    while !text.contains(": alive") {
        let part = tokio::time::timeout(std::time::Duration::from_secs(5), response.chunk()).await;
        text += std::str::from_utf8(&part.unwrap().unwrap().unwrap()).unwrap();
    }
    assert!(text.starts_with("retry: 2000"), "{text}");
}

#[tokio::test]
async fn streams_are_counted_per_tenant() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { max_streams_per_tenant: 1, ..Config::default() }).await;
    let first = server.stream(&[("query", "m")], None).await;
    let open = |tenant: &'static str| {
        let request = server.client.get(server.url("/api/v1/stream?query=m")).header("X-Scope-OrgID", tenant);
        async move { request.send().await.unwrap() }
    };
    let refused = open("default").await;
    assert_eq!(refused.status().as_u16(), 429);
    assert_eq!(refused.headers()["retry-after"], "2");
    let other = open("other").await;
    assert_eq!(other.status().as_u16(), 200);
    drop(first);
    for _ in 0..200 {
        if open("default").await.status().as_u16() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the place of a client that left is not given back");
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused_before_the_stream_begins() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let future = (NOW_MS + 7_200_000).to_string();
    let old = ((NOW_MS - 7_200_000) / 1_000).to_string();
    for (parameters, expected) in [
        (vec![("query", "m[5m]")], "range vector"),
        (vec![("query", "\"text\"")], "string"),
        (vec![("query", "nonsense(")], "query"),
        (vec![], "missing"),
        (vec![("query", "m"), ("step", "1s")], "multiple of 5s"),
        (vec![("query", "m"), ("step", "0")], "multiple of 5s"),
        (vec![("query", "m"), ("step", "2h")], "1h at most"),
        (vec![("query", "m"), ("settle", "0")], "settle"),
        (vec![("query", "m"), ("start", &old)], "back at most"),
        (vec![("query", "m"), ("last_event_id", "abc")], "no id"),
        (vec![("query", "m"), ("last_event_id", "-5")], "no id"),
        (vec![("query", "m"), ("last_event_id", &future)], "future"),
    ] {
        let (status, body) = server.get("/api/v1/stream", &parameters).await;
        assert_eq!((status, &body["errorType"]), (400, &json!("bad_data")), "{body}");
        assert!(body["error"].as_str().unwrap().contains(expected), "{body}");
    }
}
