//! Ranges of which the archive has longer windows only.

use serde_json::Value;
use tidegate_coldstore::{ObjectKey, Period, Tier};
use tidegate_hotstore::HotStore;
use tidegate_model::Touch;
use tidegate_model::time::{DAY_MS, HOUR_MS, hour_of};

use crate::Config;
use crate::testing::{BASE_MS, PARTITIONS, Server, TestSeries, World, series};

/// A counter with a reset and a gauge, a sample every 5 s, whole numbers.
fn data(start_ms: i64, hours: i64) -> Vec<TestSeries> {
    let samples = |value: &dyn Fn(i64) -> i64| {
        (0..hours * 720).map(|n| (start_ms + n * 5_000 + 7, value(start_ms / 5_000 + n) as f64)).collect()
    };
    vec![
        series(&[("__name__", "requests_total"), ("job", "a")], samples(&|n| (n * 3) % 5_000)),
        series(&[("__name__", "temperature"), ("room", "hall")], samples(&|n| (n * n) % 41)),
    ]
}

fn config() -> Config {
    Config { hot_retention_hours: 24, ..Config::default() }
}

async fn ask(server: &Server, query: &str, time_ms: i64) -> Value {
    let (status, answer) = server.get("/api/v1/query", &[("query", query), ("time", &seconds(time_ms))]).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn seconds(time_ms: i64) -> String {
    format!("{}.{:03}", time_ms / 1_000, time_ms % 1_000)
}

fn value(answer: &Value) -> String {
    answer["data"]["result"][0]["value"][1].as_str().unwrap_or("nothing").to_owned()
}

fn infos(answer: &Value) -> String {
    answer["infos"].to_string()
}

/// Ranges that begin and end where windows do.
const WHOLE: [&str; 8] = [
    "sum_over_time(temperature[2h])",
    "count_over_time(temperature[2h])",
    "min_over_time(temperature[2h])",
    "max_over_time(temperature[2h])",
    "avg_over_time(temperature[2h])",
    "increase(requests_total[2h])",
    "resets(requests_total[2h])",
    "changes(temperature[2h])",
];

#[tokio::test]
async fn longer_windows_answer_as_short_ones_do_where_they_end() {
    let (now_ms, start_ms) = (BASE_MS + 200 * DAY_MS, (BASE_MS / DAY_MS + 1) * DAY_MS);
    let end_ms = start_ms + 3 * HOUR_MS - 1;
    let fine = World::new(now_ms);
    for hour in 0..3 {
        fine.archive(&data(start_ms + hour * HOUR_MS, 1)).await;
    }
    let fine = fine.start_with(config()).await;
    for tier in [Tier::Minute, Tier::Hour] {
        let world = World::new(now_ms);
        world.archive_at(&data(start_ms, 3), tier).await;
        let coarse = world.start_with(config()).await;
        for query in WHOLE {
            let (expected, answer) = (ask(&fine, query, end_ms).await, ask(&coarse, query, end_ms).await);
            assert_eq!(value(&answer), value(&expected), "{query} at {tier:?}");
            assert!(!infos(&expected).contains("are kept"), "{expected}");
            assert!(infos(&answer).contains(&format!("only windows of {} are kept", tier.name())), "{answer}");
        }
        // Within a window: the latest known before, approximate and said so.
        let answer = ask(&coarse, "temperature", start_ms + 90 * 60_000 + 20_000).await;
        assert_ne!(value(&answer), "nothing", "{tier:?}");
        assert!(infos(&answer).contains("falls inside a window"), "{answer}");
        let range = [("start", seconds(start_ms)), ("end", seconds(end_ms)), ("match[]", "temperature".into())];
        let range: Vec<_> = range.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let found = coarse.text("/api/v1/series", &range).await;
        assert!(found.contains("hall"), "{found}");
    }
}

/// Every tier at once, as retention leaves them, and more than one of an hour:
/// each sample counts once, and the finest counts.
#[tokio::test]
async fn each_hour_comes_from_the_finest_that_is_left() {
    let now_ms = BASE_MS + 200 * DAY_MS;
    let world = World::new(now_ms);
    let constant = |start_ms: i64, hours: i64, value: f64| {
        let samples = (0..hours * 60).map(|n| (start_ms + n * 60_000, value)).collect();
        vec![series(&[("__name__", "up"), ("job", "a")], samples)]
    };
    // Other values, so that it shows what is read.
    let midnight_ms = (BASE_MS / DAY_MS + 1) * DAY_MS;
    world.archive_at(&constant(BASE_MS, (midnight_ms - BASE_MS) / HOUR_MS + 48, 1.0), Tier::Hour).await;
    world.archive_at(&constant(midnight_ms, 24, 1_000.0), Tier::Minute).await;
    world.archive(&constant(midnight_ms + HOUR_MS, 1, 1_000_000.0)).await;
    let sum =
        async |server: &Server| value(&ask(server, "sum_over_time(up[26h])", midnight_ms + 25 * HOUR_MS - 1).await);
    let server = world.start_with(config()).await;
    assert_eq!(sum(&server).await, (60 + 23 * 60_000 + 60_000_000 + 60).to_string());

    // Retention takes the hour, then the day.
    let hour = hour_of(midnight_ms + HOUR_MS);
    for (period, expected) in
        [(Period::Hour(hour), 60 + 24 * 60_000 + 60), (Period::containing(Tier::Minute, hour), 26 * 60)]
    {
        for shard in 0..PARTITIONS {
            world.archive.delete(&ObjectKey { tenant: world.tenant.clone(), period, shard }).await.unwrap();
        }
        assert_eq!(sum(&server).await, expected.to_string());
    }
}

/// A late sample of an hour of which all tiers are there: the store answers for
/// the hour until it is shipped again, so the sample counts once throughout.
#[tokio::test]
async fn a_late_sample_counts_once_before_during_and_after_its_rebuild() {
    let start_ms = (BASE_MS / DAY_MS + 1) * DAY_MS;
    let world = World::new(start_ms + 20 * DAY_MS);
    let data = |late: bool| {
        let mut samples: Vec<_> = (0..60).map(|n| (start_ms + n * 60_000, 1.0)).collect();
        samples.extend(late.then_some((start_ms + 59 * 60_000 + 30_000, 100.0)));
        vec![series(&[("__name__", "up"), ("job", "a")], samples)]
    };
    let source = world.source(data(true)[0].id(&world.tenant));
    let clock = |effective_ms| tidegate_model::Clock { era: 0, effective_ms: start_ms + effective_ms };
    let sum = async || {
        let server = world.start_with(config()).await;
        let answer = ask(&server, "sum_over_time(up[1h])", start_ms + HOUR_MS - 1).await;
        server.stop().await;
        value(&answer)
    };
    let hour = hour_of(start_ms);
    world.store(&data(false)).await;
    for tier in Tier::ALL {
        world.archive_at(&data(false), tier).await;
    }
    world.store.touch_hours(source, vec![Touch::on_time(hour, clock(1))]).await.unwrap();
    world.store.ship_hour(source, hour, clock(1)).await.unwrap();
    assert_eq!(sum().await, "60");
    world.store(&data(true)).await;
    world.store.touch_hours(source, vec![Touch::on_time(hour, clock(2))]).await.unwrap();
    assert_eq!(sum().await, "160", "the archive is yet to be rebuilt");
    // The hour is, its day and month are not.
    world.archive(&data(true)).await;
    assert_eq!(sum().await, "160", "and not marked");
    world.store.ship_hour(source, hour, clock(2)).await.unwrap();
    assert_eq!(sum().await, "160");
    world.archive_at(&data(true), Tier::Minute).await;
    for shard in 0..PARTITIONS {
        let key = ObjectKey { tenant: world.tenant.clone(), period: Period::Hour(hour), shard };
        world.archive.delete(&key).await.unwrap();
    }
    assert_eq!(sum().await, "160", "and from its day");
}
