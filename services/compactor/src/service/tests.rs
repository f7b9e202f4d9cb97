use std::fs;

use prometheus_client::registry::Registry;
use tidegate_eventlog::memory::MemoryLog;
use tidegate_model::TenantId;
use tidegate_runtime::Health;

use super::*;
use crate::fixture::{HOUR, HOUR_START_MS, Pipe};

const AFTER_MS: i64 = 3_600_000 + 11_000;

struct Setup {
    pipe: Pipe,
    archive: Arc<Archive>,
    health: Health,
    service: Service,
}

/// The log in memory has another epoch than the pipe's source, so the source
/// counts as of a log that is gone: all its hours are over.
fn setup(archive: Archive) -> Setup {
    let (pipe, health, archive) = (Pipe::new(), Health::new(), Arc::new(archive));
    let config = Config { settle_seconds: 0, poll_seconds: 1, ..Config::default() };
    let log = MemoryLog::with_clock(1, Arc::new(|| HOUR_START_MS + 2 * AFTER_MS));
    let metrics = Metrics::register(&mut Registry::default());
    let service =
        Service::new(config, Arc::new(log), pipe.store.clone(), archive.clone(), metrics, health.part("compactor"));
    Setup { pipe, archive, health, service }
}

async fn one_sample(pipe: &mut Pipe) {
    pipe.push(1_000, &[("a", "up", 500, 1.0)]).await;
    pipe.tick(AFTER_MS);
    pipe.save().await;
}

#[tokio::test]
async fn a_round_ships_what_is_over_and_marks_the_hour() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[0]).await;
    let tenant = TenantId::new("a").unwrap();
    assert_eq!(setup.archive.hours(&tenant).await.unwrap(), [HOUR]);
    assert!(setup.archive.is_complete(&tenant, HOUR).await.unwrap());
    assert_eq!((setup.service.metrics.samples.get(), setup.service.metrics.failures.get()), (1, 0));
    assert_eq!(setup.health.not_ready(), []);
    setup.service.round(&[0]).await;
    assert_eq!(setup.service.metrics.objects.get(), 1, "an hour that did not change is left alone");
}

#[tokio::test]
async fn shards_of_others_are_left_to_them() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[1, 2]).await;
    assert!(setup.archive.objects().await.unwrap().is_empty());
}

/// A process that died between the put and the marker.
#[tokio::test]
async fn a_missing_marker_is_made_up_for_after_a_restart() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[0]).await;
    let tenant = TenantId::new("a").unwrap();
    let again = Arc::new(Archive::in_memory());
    setup.service.archive = again.clone();
    // The object without its marker.
    let due = setup.service.look(&[0]).await.unwrap();
    assert!(due.due.is_empty());
    let rows = setup.pipe.store.read_hours().await.unwrap();
    let touched = rows.iter().map(|row| (row.source, row.state.touched)).collect();
    let due = DueHour { shard: 0, hour: HOUR, touched, rebuild: false };
    ship_hour(&*setup.pipe.store, &again, 1, &due).await.unwrap();
    assert!(!again.is_complete(&tenant, HOUR).await.unwrap());
    setup.service.looked_for_unmarked = false;
    setup.service.round(&[0]).await;
    assert!(again.is_complete(&tenant, HOUR).await.unwrap());
}

#[tokio::test]
async fn an_archive_that_cannot_be_written_is_tried_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    let mut setup = setup(Archive::local(&root).unwrap());
    one_sample(&mut setup.pipe).await;
    // A file where the folder must be.
    fs::remove_dir_all(&root).unwrap();
    fs::write(&root, "").unwrap();
    setup.service.round(&[0]).await;
    assert_eq!(setup.service.metrics.failures.get(), 1);
    assert_eq!(setup.health.not_ready(), [], "the rest of the process goes on");
    setup.service.round(&[0]).await;
    assert_eq!(setup.service.metrics.failures.get(), 1, "not before the back-off is over");
    fs::remove_file(&root).unwrap();
    fs::create_dir(&root).unwrap();
    setup.service.failed.values_mut().for_each(|failed| failed.not_before = Instant::now());
    setup.service.round(&[0]).await;
    assert_eq!(setup.archive.objects().await.unwrap().len(), 1);
}

#[tokio::test]
async fn old_days_leave_both_store_and_archive() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[0]).await;
    let later_ms = HOUR_START_MS + 40 * 86_400_000;
    setup.service.log = Arc::new(MemoryLog::with_clock(1, Arc::new(move || later_ms)));
    setup.service.next_retention = Instant::now();
    setup.service.round(&[0]).await;
    assert!(setup.pipe.store.rows().is_empty());
    assert!(setup.archive.objects().await.unwrap().is_empty());
    assert_eq!(setup.service.metrics.expired_objects.get(), 1);
}

#[test]
fn waits_double_up_to_an_hour() {
    let waits: Vec<_> = [1, 2, 3, 9, 10, 60].map(|times| back_off(Duration::from_secs(10), times).as_secs()).to_vec();
    assert_eq!(waits, [10, 20, 40, 2560, 3600, 3600]);
}

#[tokio::test]
async fn the_target_stops_when_told() {
    let pipe = Pipe::new();
    let (failures, _kept) = tokio::sync::mpsc::channel(1);
    let target = crate::build(
        Config::default(),
        Arc::new(MemoryLog::new(1)),
        pipe.store.clone(),
        Arc::new(Archive::in_memory()),
        &mut Registry::default(),
        &Health::new(),
        failures,
    )
    .await
    .unwrap();
    target.tasks.stop(Duration::from_secs(5)).await.unwrap();
}

#[test]
fn impossible_settings_are_refused() {
    let short = Config { hot_retention_days: 6, ..Config::default() };
    assert!(matches!(short.check(), Err(Error::HotRetention { days: 6, least: 7 })));
    assert!(matches!(Config { poll_seconds: 0, ..Config::default() }.check(), Err(Error::PollZero)));
    assert!(serde_json::from_str::<Config>(r#"{"settle_second": 1}"#).is_err());
}
