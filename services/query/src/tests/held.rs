//! Hours that should be in the archive and are not.

use tidegate_hotstore::HotStore;
use tidegate_model::time::{DAY_MS, HOUR_MS, hour_of};
use tidegate_model::{Clock, Touch};

use crate::Config;
use crate::testing::{BASE_MS, TestSeries, World, series};

fn hour(start_ms: i64, value: f64) -> Vec<TestSeries> {
    let samples = (0..60).map(|n| (start_ms + n * 60_000, value)).collect();
    vec![series(&[("__name__", "up"), ("job", "a")], samples)]
}

async fn mark(world: &World, start_ms: i64) {
    for series in hour(start_ms, 0.0) {
        let source = world.source(series.id(&world.tenant));
        let touched = Clock { era: 0, effective_ms: start_ms };
        world.store.touch_hours(source, vec![Touch::on_time(hour_of(start_ms), touched)]).await.unwrap();
    }
}

async fn ask(world: &World, config: &Config) -> String {
    let server = world.start_with(config.clone()).await;
    let end = ((BASE_MS + 3 * HOUR_MS) / 1_000 - 1).to_string();
    let text = server.text("/api/v1/query", &[("query", "sum_over_time(up[3h])"), ("time", &end)]).await;
    server.stop().await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["data"]["result"][0]["value"][1].as_str().unwrap_or("nothing").to_owned()
}

/// The archive has the second of three hours, the store all of them; all are
/// before the horizon.
#[tokio::test]
async fn hours_that_the_archive_lacks_come_from_the_store() {
    let config = Config { hot_retention_hours: 24, ..Config::default() };
    let world = World::new(BASE_MS + 20 * DAY_MS);
    for (n, value) in [(0, 1.0), (1, 10.0), (2, 100.0)] {
        world.store(&hour(BASE_MS + n * HOUR_MS, value)).await;
        mark(&world, BASE_MS + n * HOUR_MS).await;
    }
    assert_eq!(ask(&world, &config).await, "6660");

    // Other values, so that it shows where the hour is read.
    let second_ms = BASE_MS + HOUR_MS;
    world.archive(&hour(second_ms, 20.0)).await;
    let shipped = Clock { era: 0, effective_ms: second_ms };
    let source = world.source(hour(second_ms, 0.0)[0].id(&world.tenant));
    world.store.ship_hour(source, hour_of(second_ms), shipped).await.unwrap();
    assert_eq!(ask(&world, &config).await, "7260");
}
