use std::time::Duration;

use tidegate_model::time::HOUR_MS;
use tidegate_promql::{Range as Times, parse};

use super::*;
use crate::Config;
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};
use crate::testing::{BASE_MS, TestSeries, World, series};

const HOURS: i64 = 4;

/// Ten counters, and one that has windows of several samples where the others
/// have one in 15 s.
fn data(hours: i64, every_ms: i64) -> Vec<TestSeries> {
    let of = |host: i64, every_ms: i64| {
        let samples =
            (0..hours * HOUR_MS / every_ms).map(|n| (BASE_MS + n * every_ms + host, (n * host) as f64 / 10.0));
        series(&[("__name__", "requests_total"), ("host", &host.to_string())], samples.collect())
    };
    (0..10).map(|host| of(host, every_ms)).chain([of(77, every_ms / 8)]).collect()
}

async fn archive(world: &World, data: &[TestSeries]) {
    for hour in 0..HOURS {
        let hour = BASE_MS + hour * HOUR_MS..BASE_MS + (hour + 1) * HOUR_MS;
        let part = |one: &TestSeries| TestSeries {
            labels: one.labels.clone(),
            samples: one.samples.iter().copied().filter(|(time_ms, _)| hour.contains(time_ms)).collect(),
        };
        world.archive(&data.iter().map(part).collect::<Vec<_>>()).await;
    }
}

fn config() -> Config {
    Config { hot_retention_hours: 1, ..Config::default() }
}

/// The answer, hours of series that were at hand, hours of series in all.
async fn ask(query: &Query, world: &World, text: &str, end_ms: i64) -> Result<(String, u64, u64), Error> {
    let range = Times { start_ms: BASE_MS + 60_000, end_ms, step_ms: 60_000 };
    let (expr, tenant, timeout) = (Arc::new(parse(text).unwrap()), world.tenant.clone(), Duration::from_secs(60));
    let task = Task { purpose: Purpose::Query, tenant, expr, range, cut: Cut::None, timeout, principal: None };
    let (answer, explained) = query.run_explained(task).await?;
    Ok((format!("{answer:?}"), explained.cached_archived_hours, explained.archive.series))
}

#[tokio::test]
async fn what_was_read_is_at_hand_until_its_object_is_replaced() {
    let world = World::new(BASE_MS + 10 * HOUR_MS);
    archive(&world, &data(HOURS, 60_000)).await;
    let (query, end_ms) = (world.query(config()).await, BASE_MS + HOURS * HOUR_MS - 1);
    let text = "rate(requests_total[5m])";
    let first = ask(&query, &world, text, end_ms).await.unwrap();
    assert_eq!((first.1, first.2), (0, 11));
    let again = ask(&query, &world, text, end_ms).await.unwrap();
    assert_eq!(again.1, 11 * HOURS as u64);
    assert!(first.0 == again.0);
    // Of another part of the same hours everything is at hand, too.
    let part = ask(&query, &world, "requests_total{host='3'}", BASE_MS + HOUR_MS - 1).await.unwrap();
    assert_eq!((part.1, part.2), (1, 1));

    // The last hour is rebuilt with more samples, others stay.
    let mut more = data(HOURS, 60_000);
    let last_ms = BASE_MS + (HOURS - 1) * HOUR_MS;
    for one in &mut more {
        one.samples.retain(|(time_ms, _)| *time_ms >= last_ms);
        one.samples.insert(0, (last_ms, 0.0));
    }
    world.archive(&more).await;
    let rebuilt = ask(&query, &world, text, end_ms).await.unwrap();
    assert_eq!(rebuilt.1, 11 * (HOURS as u64 - 1), "only the hours that are as they were");
    assert!(rebuilt.0 != first.0);
    let fresh = ask(&*world.query(config()).await, &world, text, end_ms).await.unwrap();
    assert!(fresh.0 == rebuilt.0 && fresh.1 == 0);
}

/// Rebuilt again and again without a pause, as the clock of a file system
/// does not tell apart.
#[tokio::test]
async fn an_hour_in_a_folder_that_was_rebuilt_is_seen_by_the_very_next_query() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(BASE_MS + 10 * HOUR_MS);
    world.archive = Arc::new(Archive::local(folder.path()).unwrap());
    archive(&world, &data(HOURS, 60_000)).await;
    let (query, end_ms) = (world.query(config()).await, BASE_MS + HOURS * HOUR_MS - 1);
    let text = "sum(count_over_time(requests_total[4h]))";
    let mut before = ask(&query, &world, text, end_ms).await.unwrap().0;
    let mut rebuilt = data(HOURS, 60_000);
    let last_ms = BASE_MS + (HOURS - 1) * HOUR_MS;
    for one in &mut rebuilt {
        one.samples.retain(|(time_ms, _)| *time_ms >= last_ms);
    }
    for round in 1..10 {
        for one in &mut rebuilt {
            one.samples.push((last_ms + HOUR_MS - 120_000 + 500 * round + 77, 1.0));
            one.samples.sort_by_key(|(time_ms, _)| *time_ms);
        }
        world.archive(&rebuilt).await;
        let answer = ask(&query, &world, text, end_ms).await.unwrap();
        assert!(answer.0 != before, "round {round}");
        assert_eq!(answer.1, 11 * (HOURS as u64 - 1), "only the hours that are as they were are at hand");
        before = answer.0;
    }
    let fresh = ask(&*world.query(config()).await, &world, text, end_ms).await.unwrap();
    assert!(fresh.0 == before && fresh.1 == 0);
}

/// By name, in any order of their labels, with names before and after theirs.
#[tokio::test]
async fn of_many_metrics_in_an_object_those_that_match_are_found() {
    let world = World::new(BASE_MS + 10 * HOUR_MS);
    let of = |name: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels.iter().copied().chain([("__name__", name)]).collect();
        series(&labels, vec![(BASE_MS + 60_000, 1.0)])
    };
    let names = ["a", "requests", "requests_total", "requests_totals", "z"];
    let mut data: Vec<TestSeries> =
        names.iter().flat_map(|name| (0..30).map(move |host| of(name, &[("host", &host.to_string())]))).collect();
    data.push(of("requests_total", &[("Zone", "1"), ("a", "2")]));
    world.archive(&data).await;
    let query = world.query(config()).await;
    for (text, expected) in [
        ("requests_total", 31),
        ("requests", 30),
        ("a", 30),
        ("z", 30),
        ("request", 0),
        ("zz", 0),
        ("{__name__=~'requests.*'}", 91),
        ("{__name__='requests_total',host=''}", 1),
        ("{host=~'1|2'}", 10),
        ("requests_total{host=~'1|2'}", 2),
    ] {
        let (_, _, found) = ask(&query, &world, text, BASE_MS + HOUR_MS - 1).await.unwrap();
        assert_eq!(found, expected, "{text}");
    }
}

#[tokio::test]
async fn answers_are_the_same_however_much_is_kept_and_no_more_is_than_may_be() {
    let world = World::new(BASE_MS + 10 * HOUR_MS);
    archive(&world, &data(HOURS, 15_000)).await;
    let end_ms = BASE_MS + HOURS * HOUR_MS - 1;
    let mut expected: Vec<String> = Vec::new();
    for cache_bytes in [256 << 20, 400_000, 50_000, 0] {
        let query = world.query(Config { cache_bytes, ..config() }).await;
        for round in 0..3 {
            let texts = ["sum(rate(requests_total[5m]))", "requests_total{host=~'1|77'}", "count(requests_total)"];
            for (index, text) in texts.into_iter().enumerate() {
                let (answer, cached, _) = ask(&query, &world, text, end_ms).await.unwrap();
                match expected.get(index) {
                    None => expected.push(answer),
                    Some(expected) => assert!(&answer == expected, "{text} with {cache_bytes} bytes"),
                }
                let size_bytes = query.hours.cache().size_bytes();
                assert!(size_bytes <= cache_bytes, "{size_bytes} bytes of {cache_bytes}");
                if round > 0 {
                    let all = if index == 1 { 2 } else { 11 } * HOURS as u64;
                    let may_be = if cache_bytes > 1 << 20 { all..=all } else { 0..=all - 1 };
                    assert!(may_be.contains(&cached), "{cached} at hand of {all} with {cache_bytes} bytes");
                }
            }
        }
    }
}

#[tokio::test]
async fn hours_that_are_too_much_as_a_whole_are_read_for_what_is_wanted() {
    let world = World::new(BASE_MS + 10 * HOUR_MS);
    archive(&world, &data(HOURS, 15_000)).await;
    let end_ms = BASE_MS + 10 * 60_000;
    let wide = world.query(config()).await;
    let expected = ask(&wide, &world, "requests_total", end_ms).await.unwrap().0;
    // Enough for fifteen minutes of them, and not for an hour.
    let narrow = world.query(Config { max_windows: 11 * 61 * 4, ..config() }).await;
    for _ in 0..2 {
        let (answer, cached, _) = ask(&narrow, &world, "requests_total", end_ms).await.unwrap();
        assert!(answer == expected && cached < 11);
    }
    let error = ask(&narrow, &world, "requests_total", BASE_MS + HOUR_MS).await.unwrap_err();
    assert!(matches!(error, Error::TooManyWindows { .. }), "{error}");
}
