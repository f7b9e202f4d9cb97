//! Streams: complete, in order, and the same after a restart.

mod bad_input;
mod client;
mod corrections;
mod limits;
mod resume;
mod shared;

use serde_json::json;

use crate::Config;
use crate::testing::{BASE_MS, PARTITIONS, TestSeries, World, series};
use client::{Client, Step};

const NOW_MS: i64 = BASE_MS + 60_000;

fn gauge(from_ms: i64, until_ms: i64) -> Vec<TestSeries> {
    let samples = (from_ms / 5_000..until_ms / 5_000).map(|n| (n * 5_000 + 2_000, (n % 1_000) as f64)).collect();
    vec![series(&[("__name__", "m"), ("host", "a")], samples)]
}

fn ids(steps: &[Step]) -> Vec<i64> {
    steps.iter().map(|step| step.id.as_deref().unwrap().parse().unwrap()).collect()
}

fn steps(from_ms: i64, count: i64) -> Vec<i64> {
    (0..count).map(|n| from_ms + n * 5_000).collect()
}

#[tokio::test]
async fn one_event_a_step_once_the_watermark_has_passed() {
    let world = World::new(NOW_MS + 1_234);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let mut events = Client::open(&server, &[("query", "m * 2")], None).await;
    assert!(events.is_quiet().await, "the next step is not over");

    world.publish(&gauge(NOW_MS, NOW_MS + 5_000), NOW_MS + 5_999).await;
    assert!(events.is_quiet().await, "a second must have passed since the step");
    world.publish(&[], NOW_MS + 6_000).await;
    let event = events.raw().await.unwrap();
    assert_eq!((event.event, event.id), (None, Some((NOW_MS + 5_000).to_string())));
    let value = (NOW_MS / 5_000 % 1_000 * 2).to_string();
    let key = event.data["points"][0][0].as_str().unwrap();
    let expected = json!({"time": (NOW_MS + 5_000) / 1_000, "series": {key: {"host": "a"}}, "points": [[key, value]]});
    assert_eq!(event.data, expected);
    assert!(events.is_quiet().await);

    // The series is told once, by the same key for ever.
    world.publish(&gauge(NOW_MS + 5_000, NOW_MS + 10_000), NOW_MS + 11_000).await;
    let next = events.raw().await.unwrap();
    let value = ((NOW_MS / 5_000 + 1) % 1_000 * 2).to_string();
    assert_eq!(next.data, json!({"time": (NOW_MS + 10_000) / 1_000, "points": [[key, value]]}));
    let mut again = Client::open(&server, &[("query", "m*2")], event.data["id"].as_str()).await;
    world.publish(&gauge(NOW_MS + 10_000, NOW_MS + 15_000), NOW_MS + 16_000).await;
    assert_eq!(again.raw().await.unwrap().data["series"], json!({key: {"host": "a"}}));
}

#[tokio::test]
async fn a_restart_leaves_no_gap_and_repeats_nothing() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let query = [("query", "sum_over_time(m[30s])"), ("start", &(BASE_MS / 1_000 + 10).to_string())];
    let whole = {
        let server = world.start().await;
        let events = Client::open(&server, &query, None).await.take(11).await;
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
    let mut events = Client::open(&server, &query, Some(&last)).await;
    assert_eq!(events.take(7).await, whole[4..]);
    let next = events.next().await;
    assert_eq!(next.id, Some((NOW_MS + 5_000).to_string()));

    // Clients that cannot set a header use the parameter.
    let parameters = [("query", query[0].1), ("last_event_id", &last)];
    assert_eq!(Client::open(&server, &parameters, None).await.take(7).await, whole[4..]);
}

#[tokio::test]
async fn after_a_long_absence_partitions_get_their_time_to_catch_up() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    // Nothing ran for a minute; the client is there before the rollup is.
    world.clock.set(NOW_MS + 60_000);
    let server = world.start().await;
    let mut events = Client::open(&server, &[("query", "m")], Some(&NOW_MS.to_string())).await;
    assert!(events.is_quiet().await, "a step without what the log holds for it");
    world.publish(&gauge(NOW_MS, NOW_MS + 60_000), NOW_MS + 61_000).await;
    let caught_up = events.take(12).await;
    assert_eq!(ids(&caught_up), steps(NOW_MS + 5_000, 12));
    assert!(caught_up.iter().all(|step| step.missing.is_null() && !step.is_correction()));

    // Time for that is short.
    world.clock.set(NOW_MS + 69_999);
    assert!(events.is_quiet().await);
    world.clock.set(NOW_MS + 76_000);
    assert!(!events.next().await.missing.is_null());
}

#[tokio::test]
async fn an_id_from_too_long_ago_is_told_what_it_missed() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(NOW_MS - 60_000, NOW_MS), NOW_MS + 1_000).await;
    let config = Config { stream_history_ms: 20_000, ..Config::default() };
    let server = world.start_with(config).await;
    let last = (NOW_MS - 100_000).to_string();
    let mut events = Client::open(&server, &[("query", "m")], Some(&last)).await;
    let gap = events.raw().await.unwrap();
    assert_eq!(gap.event.as_deref(), Some("gap"));
    assert_eq!(gap.data, json!({"from": (NOW_MS - 95_000) / 1_000, "to": (NOW_MS - 15_000) / 1_000}));
    assert_eq!(gap.id, Some((NOW_MS - 20_000).to_string()));
    assert_eq!(ids(&events.take(4).await), steps(NOW_MS - 15_000, 4));
}

#[tokio::test]
async fn a_series_that_appears_is_in_the_first_event_after_it() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let mut events = Client::open(&server, &[("query", "count({__name__=~\"m|fresh\"})")], None).await;
    let fresh = series(&[("__name__", "fresh")], vec![(NOW_MS + 1, 1.0)]);
    world.publish(&[fresh], NOW_MS + 6_000).await;
    assert_eq!(events.next().await.value(), "2");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { stream_heartbeat_ms: 20, ..Config::default() }).await;
    let mut response = server.client.get(server.url("/api/v1/stream?query=m")).send().await.unwrap();
    let mut text = String::new();
    while !text.contains(": alive") {
        let part = tokio::time::timeout(std::time::Duration::from_secs(60), response.chunk()).await;
        text += std::str::from_utf8(&part.unwrap().unwrap().unwrap()).unwrap();
    }
    assert!(text.starts_with("retry: 2000"), "{text}");
}

#[tokio::test]
async fn a_stream_ends_with_a_word_and_a_time_to_come_back_when_the_server_stops() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let mut events = Client::open(&server, &[("query", "m")], None).await;
    let mut plain = server.client.get(server.url("/api/v1/stream?query=m")).send().await.unwrap();
    server.stop().await;
    let end = events.raw().await.unwrap();
    assert_eq!((end.event.as_deref(), end.id, end.data), (Some("end"), None, json!({"reason": "shutdown"})));
    assert_eq!(events.raw().await, None);
    let mut text = String::new();
    while let Some(part) = plain.chunk().await.unwrap() {
        text += std::str::from_utf8(&part).unwrap();
    }
    let last = text.lines().filter_map(|line| line.strip_prefix("retry: ")).next_back().unwrap();
    assert!((1_000..2_000).contains(&last.parse::<u64>().unwrap()), "{text}");
}
