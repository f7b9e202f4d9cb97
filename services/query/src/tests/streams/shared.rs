//! Equal subscriptions are evaluated once.

use super::*;
use crate::testing::Server;

fn number(server: &Server, name: &str) -> u64 {
    let text = server.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("tidegate_query_{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn equal_subscriptions_are_evaluated_once_and_get_the_same() {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let start = (NOW_MS / 1_000 - 30).to_string();
    let spellings = ["sum by (host) (rate(m[1m]))", "sum(rate(m[60s]))by(host)"];
    let mut clients = Vec::new();
    for at in 0..20 {
        let parameters = [("query", spellings[at % 2]), ("start", &start)];
        clients.push(Client::open(&server, &parameters, None).await);
    }
    let mut first = None;
    for client in &mut clients {
        let history = client.take(7).await;
        assert_eq!(first.get_or_insert_with(|| history.clone()), &history);
    }
    assert_eq!(number(&server, "stream_evaluations_total"), 7);
    assert_eq!((number(&server, "streams"), number(&server, "stream_expressions")), (20, 1));

    world.publish(&gauge(NOW_MS, NOW_MS + 10_000), NOW_MS + 11_000).await;
    for client in &mut clients {
        assert_eq!(ids(&client.take(2).await), steps(NOW_MS + 5_000, 2));
    }
    assert_eq!(number(&server, "stream_evaluations_total"), 9);

    // Another step or another settling time is another subscription.
    let other = [("query", spellings[0]), ("step", "10s")];
    let _other = Client::open(&server, &other, None).await;
    let later = [("query", spellings[0]), ("settle", "6s")];
    let _later = Client::open(&server, &later, None).await;
    assert_eq!(number(&server, "stream_expressions"), 3);
    drop(clients);
    server.until("streams are closed", || number(&server, "stream_expressions") == 2).await;
}

#[tokio::test]
async fn settle_says_how_long_after_a_step_it_comes() {
    let world = World::new(NOW_MS);
    let server = world.start().await;
    let mut soon = Client::open(&server, &[("query", "m")], None).await;
    let mut late = Client::open(&server, &[("query", "m"), ("settle", "6s")], None).await;
    world.publish(&gauge(BASE_MS, NOW_MS + 5_000), NOW_MS + 6_000).await;
    assert_eq!(soon.next().await.time_ms, NOW_MS + 5_000);
    assert!(late.is_quiet().await);
    // A push that is 5 s late is in time for the one, and a correction for the other.
    let pushed = series(&[("__name__", "m"), ("host", "late")], vec![(NOW_MS + 4_000, 1.0)]);
    world.publish(&[pushed], NOW_MS + 11_000).await;
    assert_eq!(late.next().await.points.len(), 2);
    let mut steps = soon.take(2).await;
    steps.sort_by_key(|step| step.time_ms);
    assert!(steps[0].is_correction() && steps[0].time_ms == NOW_MS + 5_000 && steps[0].points.len() == 2);
    assert_eq!((steps[1].event.as_ref(), steps[1].time_ms), (None, NOW_MS + 10_000));
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_no_other() {
    let world = World::new(NOW_MS);
    let many = |from_ms: i64, until_ms: i64| -> Vec<TestSeries> {
        let one = |host: i32| {
            series(&[("__name__", "m"), ("host", &format!("host-{host}"))], gauge(from_ms, until_ms).remove(0).samples)
        };
        (0..200).map(one).collect()
    };
    world.publish(&many(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let server = world.start().await;
    let start = (BASE_MS / 1_000).to_string();
    let parameters = [("query", "m"), ("start", &*start)];
    // It connects and never reads.
    let idle = server.client.get(server.url("/api/v1/stream")).query(&parameters).send().await.unwrap();
    let mut reading = Client::open(&server, &parameters, None).await;
    assert_eq!(reading.take(13).await.len(), 13);
    for step in 1..=40 {
        let end_ms = NOW_MS + step * 5_000;
        world.publish(&many(end_ms - 5_000, end_ms), end_ms + 1_000).await;
        assert_eq!(reading.next().await.time_ms, end_ms);
    }
    drop(idle);
}
