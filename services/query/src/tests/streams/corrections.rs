//! What was sent incomplete, or before late data came, is corrected.

use super::*;

/// Of the partition that holds the series of [`gauge`].
fn owner(world: &World) -> u16 {
    gauge(BASE_MS, NOW_MS)[0].id(&world.tenant).partition(PARTITIONS)
}

/// A sample of a second host, of the step before [`NOW_MS`].
fn late(value: f64) -> TestSeries {
    series(&[("__name__", "m"), ("host", "late")], vec![(NOW_MS - 8_000, value)])
}

/// With all steps published, and when a client has to start to be given four.
async fn world_of_steps() -> (World, String) {
    let world = World::new(NOW_MS);
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    (world, (NOW_MS / 1_000 - 15).to_string())
}

async fn publish_without_owner(world: &World, watermark_ms: i64) {
    for partition in (0..PARTITIONS).filter(|partition| *partition != owner(world)) {
        world.publish_record(partition, Vec::new(), watermark_ms).await;
    }
}

#[tokio::test]
async fn a_partition_that_stalls_holds_back_ten_seconds_then_a_correction_follows() {
    let world = World::new(NOW_MS);
    publish_without_owner(&world, NOW_MS + 6_000).await;
    let server = world.start().await;
    let mut events = Client::open(&server, &[("query", "count(m) or vector(0)")], None).await;
    world.clock.set(NOW_MS + 5_000 + 1_000 + 9_999);
    assert!(events.is_quiet().await);
    world.clock.set(NOW_MS + 5_000 + 1_000 + 10_000);
    let incomplete = events.next().await;
    let step_ms = NOW_MS + 5_000;
    assert_eq!(incomplete.id, Some(format!("{step_ms}-{step_ms}")));
    assert_eq!(incomplete.missing, json!([owner(&world)]));
    assert_eq!(incomplete.value(), "0");

    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 6_000).await;
    let corrected = events.next().await;
    assert!(corrected.is_correction() && corrected.missing.is_null());
    assert_eq!((corrected.id.as_deref(), corrected.time_ms), (Some(&*step_ms.to_string()), step_ms));
    assert_eq!(corrected.value(), "1");
}

#[tokio::test]
async fn a_client_that_comes_back_gets_the_corrections_that_it_waited_for() {
    let world = World::new(NOW_MS);
    publish_without_owner(&world, NOW_MS + 16_000).await;
    let query = [("query", "count(m) or vector(0)")];
    let server = world.start().await;
    let mut events = Client::open(&server, &query, None).await;
    world.clock.set(NOW_MS + 30_000);
    let sent = events.take(3).await;
    assert!(sent.iter().all(|step| step.value() == "0" && !step.missing.is_null()));
    let id = events.last_id.clone().unwrap();
    assert_eq!(id, format!("{}-{}", NOW_MS + 15_000, NOW_MS + 5_000));

    // Another process: all it knows of the client is that id.
    server.stop().await;
    world.publish(&gauge(BASE_MS, NOW_MS), NOW_MS + 11_000).await;
    let server = world.start().await;
    let mut events = Client::open(&server, &query, Some(&id)).await;
    let first = events.take(2).await;
    assert!(first.iter().all(|step| step.is_correction() && step.value() == "1"));
    assert_eq!(first.iter().map(|step| step.time_ms).collect::<Vec<_>>(), [NOW_MS + 5_000, NOW_MS + 10_000]);
    let id = events.last_id.clone().unwrap();
    assert_eq!(id, format!("{0}-{0}", NOW_MS + 15_000));

    let mut events = Client::open(&server, &query, Some(&id)).await;
    world.publish(&[], NOW_MS + 21_000).await;
    let rest = events.take(2).await;
    assert!(rest[0].is_correction() && rest[0].time_ms == NOW_MS + 15_000);
    assert_eq!((rest[1].event.clone(), rest[1].id.clone()), (None, Some((NOW_MS + 20_000).to_string())));
}

#[tokio::test]
async fn late_data_correct_what_was_sent_and_nothing_else() {
    let (world, start) = world_of_steps().await;
    let server = world.start().await;
    let sum = [("query", "sum(sum_over_time(m[5s]))"), ("start", &start)];
    let mut events = Client::open(&server, &sum, None).await;
    let mut other = Client::open(&server, &[("query", "count(other) or vector(7)"), ("start", &start)], None).await;
    let sent = events.take(4).await;
    other.take(4).await;

    // A second host was late by 9 s.
    let late = late(10_000.0);
    world.publish(std::slice::from_ref(&late), NOW_MS + 2_000).await;
    let correction = events.next().await;
    assert_eq!((correction.event.as_deref(), &correction.id), (Some("correction"), &None));
    assert_eq!(correction.time_ms, NOW_MS - 5_000);
    let before: f64 = sent[2].value().parse().unwrap();
    assert_eq!(correction.value(), (before + 10_000.0).to_string());
    assert_eq!(sent[2].time_ms, NOW_MS - 5_000);
    assert!(events.is_quiet().await);
    assert!(other.is_quiet().await, "nothing changed for it");

    // The same again changes nothing; who comes now gets what is right.
    world.publish(&[late], NOW_MS + 3_000).await;
    assert!(events.is_quiet().await);
    let again = Client::open(&server, &sum, None).await.take(4).await;
    assert_eq!(again[2].points, correction.points);
    assert_eq!(again[..2], sent[..2]);
    // It was evaluated by the one and is there for all.
    assert!(server.metrics().contains("tidegate_query_stream_corrected_steps_total 1\n"));
}

#[tokio::test]
async fn steps_that_a_client_does_not_have_are_not_corrected() {
    let (world, start) = world_of_steps().await;
    let server = world.start().await;
    let mut old = Client::open(&server, &[("query", "sum(m)"), ("start", &start)], None).await;
    old.take(4).await;
    let mut new = Client::open(&server, &[("query", "sum(m)")], None).await;
    let late = late(1.0);
    world.publish(&[late], NOW_MS + 2_000).await;
    let corrected: Vec<_> = old.take(2).await.into_iter().map(|step| step.time_ms).collect();
    assert_eq!(corrected, [NOW_MS - 5_000, NOW_MS]);
    assert!(new.is_quiet().await);
}

#[tokio::test]
async fn late_data_that_came_while_a_client_was_away_correct_what_it_has() {
    let (world, start) = world_of_steps().await;
    let server = world.start().await;
    let sum = [("query", "sum(sum_over_time(m[5s]))"), ("start", &start)];
    let mut events = Client::open(&server, &sum, None).await;
    let sent = events.take(4).await;
    let id = events.last_id.clone().unwrap();
    drop(events);
    let late = late(10_000.0);
    world.publish(&[late], NOW_MS + 2_000).await;
    let mut events = Client::open(&server, &sum, Some(&id)).await;
    let back = events.take(2).await;
    assert!(back.iter().all(Step::is_correction));
    assert_eq!(back.iter().map(|step| step.time_ms).collect::<Vec<_>>(), [NOW_MS - 5_000, NOW_MS]);
    let before: f64 = sent[2].value().parse().unwrap();
    assert_eq!(back[0].value(), (before + 10_000.0).to_string());
    assert_eq!(back[1].points, sent[3].points);
    assert_eq!(events.last_id.as_deref(), Some(&*NOW_MS.to_string()));
    assert!(events.is_quiet().await);

    // Long after, it has been told.
    world.publish(&gauge(NOW_MS, NOW_MS + 20_000), NOW_MS + 21_000).await;
    let id = (NOW_MS + 15_000).to_string();
    let mut events = Client::open(&server, &sum, Some(&id)).await;
    assert!(!events.next().await.is_correction());
    assert!(events.is_quiet().await);
}
