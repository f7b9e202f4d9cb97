//! How many streams there may be, and what those who come too many are told.

use super::*;
use crate::testing::Server;

async fn open(server: &Server, tenant: &str, query: &str) -> reqwest::Response {
    let request = server.client.get(server.url("/api/v1/stream")).query(&[("query", query)]);
    request.header("X-Scope-OrgID", tenant).send().await.unwrap()
}

async fn assert_refused(server: &Server, tenant: &str, query: &str, status: u16, text: &str) {
    let refused = open(server, tenant, query).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (status, &"2".parse().unwrap()));
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body["errorType"], "unavailable");
    assert!(body["error"].as_str().unwrap().contains(text), "{body}");
}

async fn until_open(server: &Server, tenant: &str, query: &str) {
    for _ in 0..6_000 {
        if open(server, tenant, query).await.status().as_u16() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the place of a client that left is not given back");
}

#[tokio::test]
async fn a_tenant_has_so_many_streams_and_the_others_theirs() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { max_streams_per_tenant: 1, ..Config::default() }).await;
    let first = open(&server, "default", "m").await;
    assert_refused(&server, "default", "m", 429, "1 open streams").await;
    assert_eq!(open(&server, "other", "m").await.status().as_u16(), 200);
    drop(first);
    until_open(&server, "default", "m").await;
}

#[tokio::test]
async fn different_expressions_are_counted_and_equal_ones_once() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { max_stream_expressions_per_tenant: 1, ..Config::default() }).await;
    let first = open(&server, "default", "sum(m)").await;
    let equal = open(&server, "default", " sum ( m )").await;
    assert_eq!(equal.status().as_u16(), 200);
    assert_refused(&server, "default", "sum(n)", 429, "1 different expressions").await;
    drop((first, equal));
    until_open(&server, "default", "sum(n)").await;
}

#[tokio::test]
async fn the_process_has_so_many_streams() {
    let world = World::new(NOW_MS);
    let server = world.start_with(Config { max_streams: 2, ..Config::default() }).await;
    let first = (open(&server, "a", "m").await, open(&server, "b", "m").await);
    assert_refused(&server, "c", "m", 503, "all 2 places").await;
    drop(first);
    until_open(&server, "c", "m").await;
}
