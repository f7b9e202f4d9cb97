//! An answer does not depend on where its parts were read.

use tidegate_model::stale_nan;
use tidegate_model::time::HOUR_MS;

use crate::Config;
use crate::testing::{BASE_MS, Server, TestSeries, World, series};

const QUERIES: [&str; 9] = [
    "requests_total",
    "rate(requests_total[1m])",
    "sum(increase(requests_total[2m]))",
    "avg_over_time(temperature[1m])",
    "sum_over_time(temperature[2m]) / count_over_time(temperature[2m])",
    "max by (room) (temperature)",
    "resets(requests_total[3m])",
    "last_over_time(temperature[1m])",
    "changes(temperature[2m])",
];

/// Two counters and two gauges: one sample a window, two, and four; a reset,
/// NaN, an infinity, a stale marker, a negative zero.
fn data(start_ms: i64, length_ms: i64) -> Vec<TestSeries> {
    let every = |step_ms: i64, value: &dyn Fn(i64) -> f64| {
        (0..length_ms / step_ms).map(|n| (start_ms + n * step_ms + n % 7, value(n))).collect::<Vec<_>>()
    };
    vec![
        series(&[("__name__", "requests_total"), ("job", "a")], every(5_000, &|n| (n % 17) as f64 * 0.1)),
        series(&[("__name__", "requests_total"), ("job", "b")], every(2_500, &|n| n as f64)),
        series(&[("__name__", "temperature"), ("room", "hall")], every(1_250, &|n| (n as f64).sin() * 1e3)),
        series(
            &[("__name__", "temperature"), ("room", "cellar")],
            every(5_000, &|n| match n % 11 {
                3 => f64::NAN,
                5 => f64::INFINITY,
                7 => stale_nan(),
                9 => -0.0,
                _ => n as f64 / 3.0,
            }),
        ),
    ]
}

async fn answers(server: &Server, start_ms: i64, end_ms: i64) -> Vec<String> {
    let mut answers = Vec::new();
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    for query in QUERIES {
        for time_ms in [start_ms + 60_001, end_ms] {
            answers.push(server.text("/api/v1/query", &[("query", query), ("time", &seconds(time_ms))]).await);
        }
        let (start, end) = (seconds(start_ms), seconds(end_ms));
        let range = [("query", query), ("start", &start), ("end", &end), ("step", "7")];
        answers.push(server.text("/api/v1/query_range", &range).await);
    }
    answers
}

fn assert_same(left: &[String], right: &[String]) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left, right);
    }
    // A wrong selector would make all answers equally empty.
    assert!(left.iter().filter(|answer| answer.contains("metric")).count() * 10 > left.len() * 9, "{left:?}");
}

#[tokio::test]
async fn tail_and_store_answer_the_same_alone_and_together() {
    let (start_ms, end_ms) = (BASE_MS, BASE_MS + 240_000);
    let data = data(start_ms, 240_000);

    let world = World::new(end_ms);
    world.store(&data).await;
    let from_store = answers(&world.start().await, start_ms, end_ms).await;

    let world = World::new(end_ms);
    world.publish(&data, end_ms).await;
    let from_tail = answers(&world.start().await, start_ms, end_ms).await;
    assert_same(&from_store, &from_tail);

    // The store has the first two minutes and a half, thinner in the last of
    // them than the tail has it.
    let world = World::new(end_ms);
    let early = data.iter().map(|one| TestSeries {
        labels: one.labels.clone(),
        samples: one.samples.iter().copied().filter(|(time_ms, _)| *time_ms < start_ms + 150_000).collect(),
    });
    world.store(&early.collect::<Vec<_>>()).await;
    world.publish(&data, end_ms).await;
    let from_both = answers(&world.start().await, start_ms, end_ms).await;
    assert_same(&from_store, &from_both);
}

#[tokio::test]
async fn what_the_store_has_leaves_the_tail_without_a_trace() {
    let (start_ms, end_ms) = (BASE_MS, BASE_MS + 240_000);
    let data = data(start_ms, 240_000);
    let world = World::new(end_ms);
    world.publish(&data, end_ms).await;
    let server = world.start().await;
    let before = answers(&server, start_ms, end_ms).await;
    assert!(server.metrics().contains("tidegate_query_tail_windows 192"), "{}", server.metrics());

    world.store(&data).await;
    world.save_progress(start_ms + 3 * 60_000 + 10_000).await;
    server.stop().await;
    let server = world.start().await;
    assert!(server.metrics().contains("tidegate_query_tail_windows 48"), "{}", server.metrics());
    assert_same(&before, &answers(&server, start_ms, end_ms).await);
}

#[tokio::test]
async fn each_hour_comes_from_one_place() {
    let now_ms = BASE_MS + 2 * HOUR_MS;
    let (first, second) = (data(BASE_MS, HOUR_MS), data(BASE_MS + HOUR_MS, HOUR_MS));
    let (start_ms, end_ms) = (BASE_MS + HOUR_MS - 300_000, BASE_MS + HOUR_MS + 300_000);

    let world = World::new(now_ms);
    world.store(&first).await;
    world.store(&second).await;
    let from_store = answers(&world.start().await, start_ms, end_ms).await;

    // The first hour is in both places; counted twice, sums would double.
    world.archive(&first).await;
    let config = Config { hot_retention_hours: 1, ..Config::default() };
    let from_both = answers(&world.start_with(config.clone()).await, start_ms, end_ms).await;
    assert_same(&from_store, &from_both);

    // And in the archive only.
    let world = World::new(now_ms);
    world.archive(&first).await;
    world.store(&second).await;
    let server = world.start_with(config).await;
    assert_same(&from_store, &answers(&server, start_ms, end_ms).await);
    let start = (BASE_MS / 1_000).to_string();
    let end = (BASE_MS / 1_000 + 60).to_string();
    let names = server.text("/api/v1/label/__name__/values", &[("start", &start), ("end", &end)]).await;
    assert!(names.contains(r#"["requests_total","temperature"]"#), "{names}");
}

/// Many series are read in parts; each answers for itself.
#[tokio::test]
async fn each_of_many_series_has_its_own_samples() {
    let world = World::new(BASE_MS + HOUR_MS);
    let of = |number: i64| {
        let number_text = number.to_string();
        let samples = (0..3).map(|n| (BASE_MS + n * 60_000 + number % 50_000, (number * 10 + n) as f64));
        series(&[("__name__", "m"), ("number", &number_text)], samples.collect())
    };
    world.store(&(0..1_200).map(of).collect::<Vec<_>>()).await;
    let server = world.start().await;
    let time = ((BASE_MS + 3 * 60_000) / 1_000).to_string();
    for _ in 0..2 {
        let answer = server.get("/api/v1/query", &[("query", "sum_over_time(m[3m])"), ("time", &time)]).await.1;
        let found = answer["data"]["result"].as_array().unwrap();
        assert_eq!(found.len(), 1_200);
        for one in found {
            let number: i64 = one["metric"]["number"].as_str().unwrap().parse().unwrap();
            assert_eq!(one["value"][1], (number * 30 + 3).to_string(), "{number}");
        }
    }
}

#[tokio::test]
async fn fragments_of_a_window_add_up() {
    let world = World::new(BASE_MS + 120_000);
    let early = series(&[("__name__", "m")], vec![(BASE_MS + 100, 1.0)]);
    let late = series(&[("__name__", "m")], vec![(BASE_MS + 4_100, 2.0)]);
    world.store(std::slice::from_ref(&early)).await;
    // The late sample's fragment is known from the live topic only.
    let id = late.id(&world.tenant);
    let windows = late.windows().into_iter().map(|window| tidegate_codec::stored::LiveWindow {
        tenant: world.tenant.clone(),
        metric_id: id,
        era: 0,
        fragment: 28_333_322,
        window,
    });
    world.publish_record(id.partition(crate::testing::PARTITIONS), windows.collect(), BASE_MS + 110_000).await;
    let server = world.start().await;
    let time = ((BASE_MS + 10_000) / 1_000).to_string();
    let answer = server.get("/api/v1/query", &[("query", "sum_over_time(m[1m])"), ("time", &time)]).await.1;
    assert_eq!(answer["data"]["result"][0]["value"][1], "3");
}
