use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_mad::aggregate::{Aggregator, Config, Histograms, Limits, Statistics};
use tidegate_mad::{Kind, Metric, Periodic, Quantity, Record, Statistic, Unit};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Task;
use crate::mad::pipeline::{Closed, Intake, Metrics, PipelineMetrics};
use crate::mad::sink::Sink;

/// Start, count and metric of each result, and at last a word when it is closed.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[async_trait]
impl Sink for Seen {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        for result in results.iter() {
            let count = result.statistics.iter().find(|computed| computed.statistic == Statistic::Count).unwrap();
            let line = format!("{} {} {}", result.start_ms, result.metric, count.value.value);
            self.0.lock().unwrap().push(line);
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        assert!(deadline > Instant::now());
        self.0.lock().unwrap().push("closed".into());
    }
}

struct Running {
    clock_ms: Arc<AtomicI64>,
    intake: Intake,
    cancel: CancellationToken,
    metrics: PipelineMetrics,
    seen: Seen,
    task: JoinHandle<()>,
}

/// A pipeline whose clock stands at 0 until it is set.
fn start(limits: Limits) -> Running {
    let statistics = Statistics {
        counter: vec![Statistic::Sum],
        timer: vec![Statistic::Median],
        gauge: vec![Statistic::Max],
        by_name: Vec::new(),
    };
    let config = Config {
        periods_ms: vec![1_000],
        idle_timeout_ms: 60_000,
        statistics,
        histograms: Histograms::default(),
        limits,
    };
    let metrics = Metrics::default().of("p");
    let (intake, batches) = Intake::new(metrics.clone());
    let seen = Seen::default();
    let task = Task::new(Aggregator::new(config), batches, vec![Box::new(seen.clone())], metrics.clone());
    let (cancel, clock_ms) = (CancellationToken::new(), Arc::new(AtomicI64::new(0)));
    let read = clock_ms.clone();
    let run = task.run(cancel.clone(), move || read.load(Ordering::SeqCst));
    let task = tokio::spawn(async move {
        run.await.unwrap();
    });
    Running { clock_ms, intake, cancel, metrics, seen, task }
}

fn record(name: &str, time_ms: i64, unit: Option<Unit>) -> Vec<Record> {
    let metric = Metric { kind: Kind::Gauge, samples: vec![Quantity { value: 1.0, unit }], histograms: Vec::new() };
    vec![Record {
        time_ms,
        request_time_ms: None,
        dimensions: [("host", "h")].into_iter().collect(),
        metrics: vec![(name.into(), metric)],
    }]
}

impl Running {
    /// Sends a sample and waits until it is in its bucket.
    async fn send(&self, name: &str, time_ms: i64) {
        let samples = self.metrics.samples.get();
        self.intake.send(record(name, time_ms, None)).await.unwrap();
        until(|| self.metrics.samples.get() > samples).await;
    }

    /// Sets the clock and waits until a result is seen.
    async fn at(&self, now_ms: i64) -> Vec<String> {
        self.clock_ms.store(now_ms, Ordering::SeqCst);
        until(|| !self.seen.0.lock().unwrap().is_empty()).await;
        self.seen.take()
    }
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
}

#[tokio::test]
async fn buckets_close_by_the_clock_whether_samples_come_or_not() {
    let running = start(Limits::default());
    for time_ms in (0..3_000).step_by(100) {
        running.send("m", time_ms).await;
    }
    assert_eq!(running.at(2_000).await, ["0 m 10"]);
    running.send("m", 2_900).await;
    assert_eq!(running.at(3_000).await, ["1000 m 10"]);
    assert_eq!(running.at(900_000).await, ["2000 m 11"]);
    running.send("late", 0).await;
    assert_eq!(running.at(901_000).await, ["0 late 1"]);
    assert_eq!((running.metrics.samples.get(), running.metrics.results.get()), (32, 4));
    assert_eq!(running.metrics.records.get(), 32);
}

#[tokio::test]
async fn a_cancelled_pipeline_counts_what_it_has_and_flushes() {
    let running = start(Limits::default());
    running.intake.send(record("a", 0, None)).await.unwrap();
    tokio::task::yield_now().await;
    running.intake.send(record("b", 0, None)).await.unwrap();
    running.cancel.cancel();
    running.task.await.unwrap();
    assert_eq!(running.seen.take(), ["0 a 1", "0 b 1", "closed"]);
    assert_eq!(running.intake.send(record("c", 0, None)).await, Err(Closed));
    assert_eq!((running.metrics.series.get(), running.metrics.open.get()), (0, 0));
}

#[tokio::test]
async fn a_pipeline_without_intakes_ends_by_itself() {
    let running = start(Limits::default());
    running.intake.send(record("a", 0, None)).await.unwrap();
    drop(running.intake);
    running.task.await.unwrap();
    assert_eq!(running.seen.take(), ["0 a 1", "closed"]);
}

#[tokio::test]
async fn what_is_refused_is_counted_by_reason() {
    let running = start(Limits { series: 2, open: 3 });
    for batch in [
        record("a", 0, None),
        record("a", 0, Some(Unit::Byte)),
        record("b", 0, None),
        record("c", 0, None),
        record("a", 1_000, None),
        record("a", 2_000, None),
    ] {
        running.intake.send(batch).await.unwrap();
    }
    running.cancel.cancel();
    running.task.await.unwrap();
    let metrics = &running.metrics;
    let refused = [metrics.refused_units.get(), metrics.refused_series.get(), metrics.refused_open.get()];
    assert_eq!(refused, [1, 1, 1]);
}
