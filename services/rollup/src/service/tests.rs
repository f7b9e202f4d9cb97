//! The whole target over a log and a store in memory, with a clock that the
//! tests set.

use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tidegate_codec::stored::{LiveRecord, PartWriter, decode_chunk, decode_live, join};
use tidegate_eventlog::{EventLog, ManualClock, MemoryLog, Record};
use tidegate_hotstore::memory::Failing;
use tidegate_hotstore::{HotStore, MemoryStore};
use tidegate_model::{
    BatchId, Labels, LedgerEntry, MetricId, MetricMetadata, MetricType, Progress, SourceId, TenantId, WindowValue,
};
use tidegate_runtime::{Health, Target, TaskError};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::retry::Retry;
use crate::ticks::Pulses;
use crate::{Config, build};

/// Start of an hour.
const T: i64 = 480_000 * 3_600_000;

pub(crate) struct Harness {
    config: Config,
    clock: ManualClock,
    log: Arc<MemoryLog>,
    store: Arc<MemoryStore>,
    health: Health,
    registry: Registry,
    target: Option<Target>,
    failures: (mpsc::Sender<TaskError>, mpsc::Receiver<TaskError>),
}

/// What a partition's task would try again with.
pub(crate) fn retry_on(harness: &Harness) -> Retry {
    let context = Arc::new(Context {
        config: Config::default(),
        log: harness.log.clone(),
        store: harness.store.clone(),
        metrics: Metrics::register(&mut Registry::default()),
        readiness: Readiness::new(harness.health.part("rollup")),
        pulses: Pulses::default(),
        began: tokio::time::Instant::now(),
        flushes: Semaphore::new(1),
        publications: Semaphore::new(1),
    });
    Retry { context, partition: 0, cancel: CancellationToken::new() }
}

/// Waits until `done` gives something.
async fn eventually<T>(what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(value) = done().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}")
}

fn series(number: u128) -> (MetricId, Labels) {
    let labels = Labels::from_pairs([("__name__", "up"), ("number", &number.to_string())]).unwrap();
    (MetricId(number << 64 | number), labels)
}

fn part(batch: BatchId, samples: &[(u128, i64, f64)]) -> Bytes {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), batch);
    for (number, time_ms, value) in samples {
        let (id, labels) = series(*number);
        writer.series(id, labels.as_bytes());
        writer.float(*time_ms, *value);
    }
    writer.finish()
}

impl Harness {
    pub fn new(partitions: u16) -> Self {
        let clock = ManualClock::new(T);
        Self {
            config: Config::default(),
            log: Arc::new(MemoryLog::with_clock(partitions, clock.as_fn())),
            clock,
            store: Arc::new(MemoryStore::new()),
            health: Health::new(),
            registry: Registry::default(),
            target: None,
            failures: mpsc::channel(4),
        }
    }

    async fn started(partitions: u16) -> Self {
        let mut harness = Self::new(partitions);
        harness.start().await;
        harness
    }

    async fn start(&mut self) {
        self.registry = Registry::default();
        let (log, store) = (self.log.clone(), self.store.clone());
        let failures = self.failures.0.clone();
        let target = build(self.config.clone(), log, store, &mut self.registry, &self.health, failures).await;
        self.target = Some(target.unwrap());
    }

    async fn stop(&mut self) {
        self.target.take().unwrap().tasks.stop(Duration::from_secs(60)).await.unwrap();
    }

    fn source(&self) -> SourceId {
        SourceId { epoch: self.log.epoch(Topic::MetricsRaw), partition: 0 }
    }

    async fn append(&self, record: Bytes) {
        self.log.append(Topic::MetricsRaw, vec![(0, record)]).await.unwrap();
    }

    /// Appends a record of one part, stamped `at_ms`.
    async fn push(&self, at_ms: i64, batch: BatchId, samples: &[(u128, i64, f64)]) {
        self.clock.set(at_ms);
        self.append(join(&[part(batch, samples)])).await;
    }

    pub async fn fetch(&self, topic: Topic, partition: u16, from: u64) -> Vec<Record> {
        self.log.fetch(topic, partition, from, usize::MAX, Duration::ZERO).await.unwrap().records
    }

    async fn live(&self, partition: u16) -> Vec<LiveRecord> {
        let records = self.fetch(Topic::MetricsRollup, partition, 0).await;
        records.iter().map(|record| decode_live(&record.payload).unwrap()).collect()
    }

    async fn progress(&self) -> Option<Progress> {
        self.store.load_progress(self.source()).await.unwrap()
    }

    /// Lets the clock reach `at_ms`; ticks do the rest.
    async fn closed(&self, at_ms: i64) -> Progress {
        self.clock.set(at_ms);
        eventually("progress", async || {
            self.progress().await.filter(|progress| progress.closed_through.effective_ms >= at_ms)
        })
        .await
    }

    async fn ledger(&self) -> LedgerEntry {
        let mut sum = LedgerEntry::default();
        for entry in self.progress().await.unwrap().ledger.values() {
            sum.counted += entry.counted;
            sum.duplicate += entry.duplicate;
            sum.poison += entry.poison;
            sum.gap += entry.gap;
        }
        sum
    }

    /// (series, samples, sum of the totals) of all rows.
    fn rows(&self) -> Vec<(MetricId, u32, f64)> {
        let rows = self.store.rows();
        let sum = |row: &tidegate_model::Row| {
            let chunk = decode_chunk(row.key.minute, &row.chunk).unwrap();
            let floats = chunk.totals.iter().map(|total| match &total.value {
                WindowValue::Float(float) => float.sum,
                other => panic!("{other:?}"),
            });
            floats.sum()
        };
        rows.iter().map(|row| (row.key.metric_id, row.samples, sum(row))).collect()
    }

    fn not_ready(&self) -> Option<String> {
        self.health.not_ready().into_iter().next().map(|(_, reason)| reason)
    }

    /// Of a metric without labels.
    fn count(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let value = |line: &str| line.strip_prefix(&format!("tidegate_rollup_{name} "))?.parse().ok();
        metrics.lines().find_map(value).unwrap_or_default()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn session(sequence: u64) -> BatchId {
    BatchId::Session { session: 7, sequence }
}

#[tokio::test]
async fn samples_become_series_live_windows_rows_and_progress() {
    let mut harness = Harness::started(1).await;
    harness.push(T + 2_000, session(1), &[(1, T + 1_000, 5.0), (2, T + 1_500, 7.0), (1, T + 1_900, 6.0)]).await;
    harness.clock.set(T + 6_000);
    let windows = eventually("live windows", async || {
        harness.live(0).await.into_iter().find(|record| !record.windows.is_empty())
    })
    .await;
    assert_eq!(windows.watermark.effective_ms, T + 6_000);
    let found: Vec<_> =
        windows.windows.iter().map(|w| (w.metric_id, w.window.start_ms, w.window.value.samples())).collect();
    assert_eq!(found, [(series(1).0, T, 2), (series(2).0, T, 1)]);
    let stored = harness.store.read_series(0, (T / 86_400_000) as u32).await.unwrap();
    let labels: Vec<_> = stored.iter().map(|row| (row.metric_id, row.labels.clone())).collect();
    assert_eq!(labels, [series(1), series(2)]);
    assert!(harness.rows().is_empty());

    let progress = harness.closed(T + 70_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 2, 11.0), (series(2).0, 1, 7.0)]);
    assert_eq!(progress.resume_offset, progress.position);
    eventually("the commit", async || {
        let committed = harness.log.committed(Topic::MetricsRaw, GROUP, 0).await.unwrap();
        (committed == Some(progress.resume_offset)).then_some(())
    })
    .await;
    let hours = harness.store.read_hours().await.unwrap();
    assert_eq!((hours.len(), hours[0].hour, hours[0].state.touched.effective_ms), (1, 480_000, T + 70_000));
    assert_eq!(harness.not_ready(), None);
    assert!(harness.metrics().contains("tidegate_rollup_rows_total 2"));
    harness.stop().await;
}

#[tokio::test]
async fn a_restart_counts_nothing_twice_and_loses_nothing() {
    let mut harness = Harness::started(1).await;
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    harness.push(T + 10, BatchId::Content(5), &[(2, T, 2.0)]).await;
    eventually("reading", async || harness.metrics().contains("samples_total 2").then_some(())).await;
    harness.stop().await;
    assert!(harness.progress().await.unwrap().resume_offset < 2, "open samples are read again");

    harness.start().await;
    harness.push(T + 20, session(1), &[(1, T, 1.0)]).await;
    harness.push(T + 30, BatchId::Content(5), &[(2, T, 2.0)]).await;
    harness.push(T + 40, session(2), &[(1, T + 30, 4.0)]).await;
    harness.closed(T + 70_000).await;
    harness.stop().await;

    harness.start().await;
    harness.push(T + 71_000, session(2), &[(1, T + 30, 4.0)]).await;
    harness.push(T + 71_000, BatchId::Content(5), &[(2, T, 2.0)]).await;
    harness.closed(T + 140_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 2, 5.0), (series(2).0, 1, 2.0)]);
    let ledger = harness.ledger().await;
    assert_eq!((ledger.counted, ledger.duplicate), (3, 4));
    harness.stop().await;
}

#[tokio::test]
async fn a_take_over_knows_batches_of_long_ago_while_few_came_since() {
    let mut harness = Harness::started(1).await;
    for minute in 0..70 {
        let at_ms = T + minute * 60_000;
        harness.push(at_ms, BatchId::Content(minute as u128), &[(1, at_ms, 1.0)]).await;
        harness.push(at_ms, session(minute as u64 + 1), &[(2, at_ms, 1.0)]).await;
    }
    harness.closed(T + 70 * 60_000 + 10_000).await;
    harness.stop().await;
    let now = T + 71 * 60_000;
    harness.start().await;
    harness.push(now, BatchId::Content(0), &[(1, now, 1.0)]).await;
    harness.push(now, session(70), &[(2, now, 1.0)]).await;
    harness.closed(now + 70_000).await;
    let ledger = harness.ledger().await;
    assert_eq!((ledger.counted, ledger.duplicate), (140, 2));
    harness.stop().await;
}

#[tokio::test]
async fn a_flush_of_many_batches_writes_every_row() {
    let mut harness = Harness::new(1);
    harness.config = Config { flush_batch_rows: 3, flush_paced_ms: 0, ..Config::default() };
    harness.start().await;
    let samples: Vec<_> = (1..3_001).map(|number| (number, T, 1.0)).collect();
    harness.push(T, session(1), &samples).await;
    harness.closed(T + 70_000).await;
    assert_eq!(harness.rows().len(), 3_000);
    harness.stop().await;
}

/// A flush that would take an hour, and the time by which its rows are due.
async fn spread_over_an_hour() -> Harness {
    let mut harness = Harness::new(1);
    harness.config = Config { flush_spread_ms: 3_600_000, ..Config::default() };
    harness.store = Arc::new(MemoryStore::new().writing_apart());
    harness.start().await;
    let samples: Vec<_> = (1..1_001).map(|number| (number, T, 1.0)).collect();
    harness.push(T, session(1), &samples).await;
    harness.clock.set(T + 70_000);
    eventually("the first row", async || (!harness.rows().is_empty()).then_some(())).await;
    harness
}

#[tokio::test]
async fn rows_that_are_written_apart_are_spread_until_the_next_minute_closes() {
    let mut harness = spread_over_an_hour().await;
    assert!(harness.rows().len() < 10, "{}", harness.rows().len());
    let told = harness.progress().await.map(|progress| progress.closed_through.effective_ms);
    assert!(told.is_none_or(|told| told < T + 70_000), "{told:?} tells of rows that are not stored");
    harness.push(T + 80_000, session(2), &[(1, T + 79_000, 1.0)]).await;
    harness.closed(T + 130_000).await;
    assert_eq!(harness.rows().len(), 1_001);
    harness.stop().await;
}

#[tokio::test]
async fn rows_that_are_spread_are_written_at_once_when_the_target_stops() {
    let mut harness = spread_over_an_hour().await;
    harness.stop().await;
    assert_eq!(harness.rows().len(), 1_000);
    assert!(harness.progress().await.is_some());
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_committed_and_nothing_lost() {
    let mut harness = Harness::started(1).await;
    eventually("readiness", async || harness.not_ready().is_none().then_some(())).await;
    harness.store.set_failing(Failing::Everything);
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    let reason = eventually("trouble", async || harness.not_ready()).await;
    assert!(reason.starts_with("store not available since 2") && reason.contains("writing series"), "{reason}");
    harness.clock.set(T + 70_000);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(harness.live(0).await.iter().all(|record| record.windows.is_empty()), "labels come first");
    assert_eq!(harness.log.committed(Topic::MetricsRaw, GROUP, 0).await.unwrap(), None);

    harness.store.set_failing(Failing::Nothing);
    harness.closed(T + 70_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 1, 1.0)]);
    eventually("readiness", async || harness.not_ready().is_none().then_some(())).await;
    harness.stop().await;
}

/// It holds the minute under way and a few that are closed, and leaves the rest in the log.
#[tokio::test]
async fn while_the_store_stands_still_for_long_a_few_minutes_are_held() {
    const MINUTES: u64 = 20;
    let mut harness = Harness::started(1).await;
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    // With the series in the store, writing rows is all that fails.
    eventually("series", async || (harness.count("series_rows_total") == 1).then_some(())).await;
    harness.store.set_failing(Failing::Everything);
    for minute in 1..MINUTES {
        let at_ms = T + minute.cast_signed() * 60_000;
        harness.push(at_ms, session(1 + minute), &[(1, at_ms, 1.0)]).await;
    }
    // One in the flusher's hands, two that wait for it, one that waits to be handed over, and the one under way.
    eventually("the minutes that are held", async || (harness.count("samples_total") >= 4).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = harness.count("samples_total");
    assert!((4..=6).contains(&held), "{held} minutes of {MINUTES} are read");

    harness.store.set_failing(Failing::Nothing);
    harness.closed(T + (MINUTES.cast_signed() + 1) * 60_000).await;
    assert_eq!(harness.rows(), vec![(series(1).0, 1, 1.0); MINUTES as usize]);
    assert_eq!(harness.ledger().await.counted, MINUTES);
    harness.stop().await;
}

#[tokio::test]
async fn writes_that_fail_are_tried_again() {
    for failures in [1, 3] {
        let mut harness = Harness::started(1).await;
        harness.push(T, session(1), &[(1, T, 1.0)]).await;
        eventually("reading", async || harness.metrics().contains("samples_total 1").then_some(())).await;
        harness.store.set_failing(Failing::Writes(failures));
        harness.closed(T + 70_000).await;
        assert_eq!(harness.rows(), [(series(1).0, 1, 1.0)], "{failures} failures");
        assert_eq!(harness.ledger().await.counted, 1);
        harness.stop().await;
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_store_that_is_away() {
    let mut harness = Harness::started(1).await;
    harness.store.set_failing(Failing::Everything);
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    eventually("trouble", async || harness.not_ready()).await;
    harness.stop().await;
    harness.store.set_failing(Failing::Nothing);
    harness.start().await;
    harness.closed(T + 70_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 1, 1.0)]);
    harness.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_the_rest_goes_on() {
    let mut harness = Harness::started(1).await;
    harness.append(Bytes::from_static(b"\xffnonsense")).await;
    let good = part(session(1), &[(1, T, 1.0)]);
    let mut broken = join(std::slice::from_ref(&good)).to_vec();
    broken.truncate(broken.len() - 3);
    harness.append(broken.into()).await;
    harness.append(join(&[good])).await;
    harness.closed(T + 70_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 1, 1.0)]);
    assert_eq!(harness.ledger().await.poison, 2);
    assert!(harness.metrics().contains("tidegate_rollup_poison_total 2"));
    harness.stop().await;
}

#[tokio::test]
async fn records_dropped_unread_are_in_the_ledger() {
    let mut harness = Harness::started(1).await;
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    harness.closed(T + 70_000).await;
    harness.stop().await;
    let position = harness.progress().await.unwrap().position;
    for sequence in 2..6 {
        harness.push(T + 80_000, session(sequence), &[(1, T + 80_000, 1.0)]).await;
    }
    harness.log.truncate_start(Topic::MetricsRaw, 0, position + 3);
    harness.start().await;
    harness.closed(T + 140_000).await;
    let ledger = harness.ledger().await;
    assert_eq!((ledger.counted, ledger.gap), (2, 3));
    assert!(harness.metrics().contains("tidegate_rollup_lost_records_total 3"));
    harness.stop().await;
}

#[tokio::test]
async fn a_log_made_anew_is_another_source_and_told_in_the_ledger() {
    let mut harness = Harness::started(1).await;
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    harness.closed(T + 70_000).await;
    harness.stop().await;
    harness.log.recreate(Topic::MetricsRaw);
    harness.start().await;
    harness.push(T + 71_000, session(1), &[(1, T + 65_000, 2.0)]).await;
    harness.closed(T + 140_000).await;
    let ledger = harness.ledger().await;
    assert_eq!((ledger.counted, ledger.gap, harness.rows().len()), (1, 1, 2));
    harness.stop().await;
}

#[tokio::test]
async fn idle_partitions_follow_the_time() {
    let mut harness = Harness::started(3).await;
    for step in 1..4 {
        let now = T + step * 5_000 + 1_000;
        harness.clock.set(now);
        for partition in 0..3 {
            eventually("the watermark", async || {
                let live = harness.live(partition).await;
                live.iter().any(|record| record.watermark.effective_ms == now).then_some(())
            })
            .await;
        }
    }
    // One tick a moment and partition, besides the first.
    for partition in 0..3 {
        assert!(harness.fetch(Topic::MetricsRaw, partition, 0).await.len() <= 4);
    }
    harness.stop().await;
}

#[tokio::test]
async fn partitions_come_and_go() {
    let mut harness = Harness::started(2).await;
    harness.push(T, session(1), &[(1, T, 1.0)]).await;
    eventually("reading", async || harness.metrics().contains("samples_total 1").then_some(())).await;
    harness.log.assign(Topic::MetricsRaw, vec![1]);
    eventually("the revocation", async || (!harness.metrics().contains("partition=\"0\"")).then_some(())).await;
    harness.push(T + 10, session(2), &[(1, T + 10, 2.0)]).await;
    harness.log.assign(Topic::MetricsRaw, vec![0, 1]);
    harness.closed(T + 70_000).await;
    assert_eq!(harness.rows(), [(series(1).0, 2, 3.0)]);
    harness.stop().await;
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let mut harness = Harness::started(2).await;
    harness.stop().await;
    let log = Arc::new(MemoryLog::new(3));
    let failures = harness.failures.0.clone();
    let store = harness.store.clone();
    let built = build(Config::default(), log, store, &mut Registry::default(), &harness.health, failures).await;
    assert!(matches!(built, Err(Error::PartitionCount { found: 3, recorded: 2 })));
}

/// Were it let in, the records that are appended next would have offsets that
/// count as folded.
#[tokio::test]
async fn a_log_that_lost_its_end_is_refused_before_anything_is_appended() {
    let harness = Harness::new(1);
    harness.append(join(&[])).await;
    let folded = Progress { position: 2, resume_offset: 1, ..tidegate_fold::Fold::new(harness.source()).progress() };
    harness.store.save_progress(folded).await.unwrap();
    let (log, store, failures) = (harness.log.clone(), harness.store.clone(), harness.failures.0.clone());
    let built = build(Config::default(), log, store, &mut Registry::default(), &harness.health, failures).await;
    let error = built.err().unwrap();
    assert!(matches!(error, Error::LogBehind { partition: 0, needed: 2, end: 1 }), "{error}");
    assert!(error.to_string().contains("folded up to offset 2, but the log ends at 1"), "{error}");
    let taken = crate::take_over::take_over(&retry_on(&harness)).await;
    assert!(matches!(taken, Err(Error::LogBehind { .. })), "a partition that is assigned later");
}

#[tokio::test]
async fn metadata_reaches_the_store_once() {
    let mut harness = Harness::started(1).await;
    let what = MetricMetadata { metric_type: MetricType::Counter, unit: "s".into(), help: "how long".into() };
    let mut writer = PartWriter::new();
    for sequence in 1..3 {
        writer.begin(&TenantId::default(), session(sequence));
        writer.metadata("busy_seconds", &what);
        harness.append(join(&[writer.finish()])).await;
    }
    let stored = eventually("metadata", async || {
        let stored = harness.store.read_metadata(&TenantId::default()).await.unwrap();
        (!stored.is_empty()).then_some(stored)
    })
    .await;
    assert_eq!(stored, [("busy_seconds".to_owned(), what)]);
    harness.stop().await;
}
