use std::fs;

use prometheus_client::registry::Registry;
use tidegate_coldstore::Tier;
use tidegate_eventlog::memory::MemoryLog;
use tidegate_model::time::DAY_MS;
use tidegate_model::{Clock, Progress, SourceId, TenantId};
use tidegate_runtime::Health;

use super::*;
use crate::TenantRetention;
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
    let config = Config { settle_seconds: 0, tier_settle_seconds: 0, poll_seconds: 1, ..Config::default() };
    let log = MemoryLog::with_clock(1, Arc::new(|| HOUR_START_MS + 2 * AFTER_MS));
    let metrics = Metrics::register(&mut Registry::default());
    let service =
        Service::new(config, Arc::new(log), pipe.store.clone(), archive.clone(), metrics, health.part("compactor"));
    Setup { pipe, archive, health, service }
}

impl Setup {
    /// The log's clock says so, and all of the log is folded.
    async fn at(&mut self, now_ms: i64) {
        let log = MemoryLog::with_clock(1, Arc::new(move || now_ms));
        let clock = Clock { era: 0, effective_ms: now_ms };
        let progress = Progress {
            source: SourceId { epoch: log.epoch(Topic::MetricsRaw), partition: 0 },
            resume_offset: 0,
            resume_clock: clock,
            closed_through: clock,
            position: now_ms as u64,
            ledger: BTreeMap::new(),
        };
        self.pipe.store.save_progress(progress).await.unwrap();
        self.service.log = Arc::new(log);
    }
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
    let now_seconds = (HOUR_START_MS + 2 * AFTER_MS) as f64 / 1000.0;
    assert_eq!(setup.service.metrics.last_shipped_seconds.get(), now_seconds);
    assert_eq!(setup.service.metrics.last_round_seconds.get(), now_seconds);
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
    assert_eq!((setup.service.metrics.failures.get(), setup.service.metrics.last_round_seconds.get()), (1, 0.0));
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
async fn old_days_leave_the_store_and_the_archive_tier_by_tier() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[0]).await;
    let tiers = async |archive: &Archive| {
        let keys = archive.objects().await.unwrap();
        keys.iter().map(|key| key.period.tier().name()).collect::<Vec<_>>()
    };
    setup.at(HOUR_START_MS + 40 * DAY_MS).await;
    setup.service.steady_for = Duration::ZERO;
    setup.service.round(&[0]).await;
    assert!(setup.pipe.store.rows().is_empty());
    assert_eq!(tiers(&setup.archive).await, ["5s", "1m", "1h"], "not before a coarser object covers it");
    assert_eq!(setup.service.metrics.uncovered_objects.get(), 1);
    assert_eq!(setup.service.metrics.tier_objects.get(), 2);
    for (days, left) in [(40, vec!["1m", "1h"]), (100, vec!["1h"]), (370, vec!["1h"]), (400, vec![])] {
        setup.at(HOUR_START_MS + days * DAY_MS).await;
        setup.service.next_retention = Instant::now();
        setup.service.round(&[0]).await;
        assert_eq!(tiers(&setup.archive).await, left, "after {days} days");
    }
    assert_eq!(setup.service.metrics.expired_objects.get(), 3);
    assert_eq!(setup.service.metrics.uncovered_objects.get(), 0);
}

/// Shards are left to their members; a tenant may have its own retention.
#[tokio::test]
async fn each_member_and_each_tenant_by_itself() {
    let mut setup = setup(Archive::in_memory());
    setup.pipe.push(1_000, &[("a", "up", 500, 1.0), ("b", "up", 500, 1.0)]).await;
    setup.pipe.tick(AFTER_MS);
    setup.pipe.save().await;
    let for_ever = TenantRetention { retention_5s_days: Some(20), ..TenantRetention::default() };
    setup.service.config.tenant_retention.insert("b".into(), for_ever);
    setup.service.round(&[0]).await;
    setup.at(HOUR_START_MS + 25 * DAY_MS).await;
    setup.service.steady_for = Duration::ZERO;
    setup.service.round(&[0]).await;
    setup.service.next_retention = Instant::now();
    setup.service.round(&[1]).await;
    let fine = async |archive: &Archive| {
        let keys = archive.objects().await.unwrap();
        let fine = keys.iter().filter(|key| matches!(key.period, Period::Hour(_)));
        fine.map(|key| key.tenant.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(fine(&setup.archive).await, ["a", "b"], "another member's shard");
    setup.service.next_retention = Instant::now();
    setup.service.round(&[0]).await;
    assert_eq!(fine(&setup.archive).await, ["a"]);
}

/// Late samples, retention: whatever becomes of one tenant's hour, the other's has what it had.
#[tokio::test]
async fn an_hour_of_one_tenant_changes_and_goes_without_the_others() {
    let mut setup = setup(Archive::in_memory());
    setup.pipe.push(1_000, &[("a", "up", 500, 1.0), ("b", "up", 500, 1.0)]).await;
    setup.pipe.tick(AFTER_MS);
    setup.pipe.save().await;
    setup.service.round(&[0]).await;
    let [a, b] = ["a", "b"].map(|name| TenantId::new(name).unwrap());
    let held = async |archive: &Archive, tenant: &TenantId| {
        let listed = archive.list(tenant, Tier::FiveSeconds, 0..u32::MAX).await.unwrap();
        let mut windows = Vec::new();
        for listed in listed {
            let read = archive.read_hour(tenant, HOUR, None, &|_| true).await.unwrap();
            windows.push((listed.key, format!("{read:?}")));
        }
        windows
    };
    let (of_a, of_b) = (held(&setup.archive, &a).await, held(&setup.archive, &b).await);
    assert_eq!((of_a.len(), of_b.len()), (1, 1));

    setup.pipe.push(AFTER_MS + 1_000, &[("a", "up", 7_500, 2.0)]).await;
    setup.pipe.tick(AFTER_MS + 200_000);
    setup.pipe.save().await;
    setup.service.round(&[0]).await;
    assert_ne!(held(&setup.archive, &a).await, of_a, "the late sample is not there");
    assert_eq!(held(&setup.archive, &b).await, of_b);

    let short = TenantRetention { retention_5s_days: Some(20), ..TenantRetention::default() };
    setup.service.config.tenant_retention.insert("a".into(), short);
    setup.service.steady_for = Duration::ZERO;
    for _ in 0..2 {
        setup.at(HOUR_START_MS + 25 * DAY_MS).await;
        setup.service.next_retention = Instant::now();
        setup.service.round(&[0]).await;
    }
    assert_eq!(held(&setup.archive, &a).await, []);
    assert_eq!(held(&setup.archive, &b).await, of_b);
}

/// A machine that crashed and starts again long after: the rows of its last
/// hour were never shipped, and the hour is not over for the log before the
/// first tick.
#[tokio::test]
async fn what_was_never_shipped_outlives_a_long_standstill() {
    for days in [9, 20, 400] {
        let mut setup = setup(Archive::in_memory());
        one_sample(&mut setup.pipe).await;
        // As of the crash.
        setup.at(HOUR_START_MS + AFTER_MS).await;
        let later_ms = HOUR_START_MS + days * DAY_MS;
        setup.service.log = Arc::new(MemoryLog::with_clock(1, Arc::new(move || later_ms)));
        setup.service.steady_for = Duration::ZERO;
        let not_before = Instant::now() + Duration::from_secs(60);
        setup.service.failed.insert((0, HOUR), Failed { times: 1, not_before });
        setup.service.round(&[0]).await;
        assert!(setup.archive.objects().await.unwrap().is_empty());
        assert_eq!(setup.pipe.store.rows().len(), 1, "after {days} days, before the first tick");
    }
}

/// An hour whose mark is all that is wrong with it: late samples that wait for
/// a rebuild, or another member's shard.
#[tokio::test]
async fn an_hour_that_cannot_be_shipped_holds_its_day() {
    for shipped in [None, Some(Clock::default())] {
        let mut setup = setup(Archive::in_memory());
        one_sample(&mut setup.pipe).await;
        if let Some(shipped) = shipped {
            setup.pipe.store.ship_hour(crate::fixture::SOURCE, HOUR, shipped).await.unwrap();
        }
        setup.at(HOUR_START_MS + 20 * DAY_MS).await;
        setup.service.steady_for = Duration::ZERO;
        setup.service.retain(&[0]).await.unwrap();
        assert_eq!(setup.pipe.store.rows().len(), 1, "{shipped:?}");
        assert_eq!(setup.service.metrics.held_days.get(), 12);
        let held_for = Duration::from_secs(8 * 86_400);
        setup.service.holding_since = Some(Instant::now().checked_sub(held_for).expect("a clock that can go back"));
        setup.service.retain(&[0]).await.unwrap();
        assert!(setup.pipe.store.rows().is_empty(), "held for as long as a retention, and older than two");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_deletes_nothing() {
    let mut setup = setup(Archive::in_memory());
    one_sample(&mut setup.pipe).await;
    setup.service.round(&[0]).await;
    setup.at(HOUR_START_MS + 4_000 * DAY_MS).await;
    setup.service.round(&[0]).await;
    assert_eq!(setup.pipe.store.rows().len(), 1);
    assert_eq!(setup.service.metrics.expired_objects.get(), 0);
    assert!(setup.archive.objects().await.unwrap().iter().any(|key| key.period == Period::Hour(HOUR)));
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
    target.tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[test]
fn impossible_settings_are_refused() {
    let short = Config { hot_retention_days: 7, ..Config::default() };
    assert!(matches!(short.check(), Err(Error::HotRetention { days: 7, least: 8 })));
    let check = |config: Config| config.check().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(check(Config { retention_5s_days: 8, ..Config::default() }).contains("retention_5s_days"));
    assert!(check(Config { retention_1m_days: 30, ..Config::default() }).contains("retention_1m_days"));
    assert!(check(Config { retention_5s_days: 0, ..Config::default() }).contains("retention_1m_days"));
    let own = TenantRetention { retention_1h_days: Some(80), ..TenantRetention::default() };
    let of = |tenant: &str| BTreeMap::from([(tenant.to_owned(), own)]);
    assert!(check(Config { tenant_retention: of("acme"), ..Config::default() }).contains("tenant acme is 80"));
    assert!(check(Config { tenant_retention: of("a/b"), ..Config::default() }).contains("a/b"));
    assert_eq!(check(Config { retention_1m_days: 0, retention_1h_days: 0, ..Config::default() }), "");
    assert!(matches!(Config { poll_seconds: 0, ..Config::default() }.check(), Err(Error::PollZero)));
    assert!(serde_json::from_str::<Config>(r#"{"settle_second": 1}"#).is_err());
}
