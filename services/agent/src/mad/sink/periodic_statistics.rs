//! `PeriodicStatisticsSink`: measures what passes, by some of its dimensions,
//! and tells of it every so often.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_mad::emit::java;
use tidegate_mad::{Dimensions, Kind, Periodic, Statistic, config};
use tidegate_runtime::{TaskError, Tasks};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Sink;
use super::metrics::SinkMetrics;
use crate::clock::unix_ms;
use crate::mad::own::OwnMetrics;

pub struct PeriodicStatistics {
    rules: Rules,
    groups: Arc<Mutex<Groups>>,
    teller: Teller,
    metrics: SinkMetrics,
    tasks: Tasks,
    _cancel: DropGuard,
}

/// Which of its dimensions decide where a result is counted.
struct Rules {
    /// Dimension → the name that it is told under.
    mapped: Vec<(String, String)>,
    defaults: BTreeMap<String, String>,
    period_name: String,
}

type Groups = HashMap<Dimensions, Group>;

/// What was seen since the last time.
#[derive(Default)]
struct Group {
    aggregated_data: u64,
    metric_samples: u64,
    age_ms: u64,
    request_age_ms: u64,
    metrics: HashSet<Box<str>>,
    series: HashSet<(Box<str>, Dimensions)>,
}

impl Rules {
    fn new(config: &config::PeriodicStatistics) -> Self {
        let unmapped = config.dimensions.iter().map(|name| (name.clone(), name.clone()));
        Self {
            mapped: unmapped.chain(config.mapped_dimensions.iter().cloned()).collect(),
            defaults: config.default_dimension_values.iter().cloned().collect(),
            period_name: config.period_dimension_name.clone(),
        }
    }

    fn group_of(&self, result: &Periodic) -> Dimensions {
        let default = |name: &String| self.defaults.get(name).map(String::as_str);
        let value = |name: &String| result.dimensions.get(name).or_else(|| default(name)).map(str::to_owned);
        let mapped = self.mapped.iter().filter_map(|(name, target)| Some((target.clone(), value(name)?)));
        mapped.chain([(self.period_name.clone(), java::Duration(result.period_ms).to_string())]).collect()
    }
}

impl Group {
    fn count(&mut self, result: &Periodic, now_ms: i64) {
        let since = |time_ms: i64| u64::try_from(now_ms.saturating_sub(time_ms)).unwrap_or(0);
        self.aggregated_data += result.statistics.len() as u64;
        self.age_ms = self.age_ms.max(since(result.start_ms.saturating_add_unsigned(result.period_ms)));
        if let Some(time_ms) = result.min_request_time_ms {
            self.request_age_ms = self.request_age_ms.max(since(time_ms));
        }
        let count = result.statistics.iter().find(|computed| computed.statistic == Statistic::Count);
        self.metric_samples += count.map_or(1, |computed| computed.value.value as u64);
        if !self.metrics.contains(&result.metric) {
            self.metrics.insert(result.metric.clone());
        }
        self.series.insert((result.metric.clone(), result.dimensions.clone()));
    }
}

/// Tells what the groups hold and empties them.
#[derive(Clone)]
struct Teller {
    groups: Arc<Mutex<Groups>>,
    own: OwnMetrics,
    prefix: String,
}

impl Teller {
    fn tell(&self) {
        let groups = std::mem::take(&mut *self.groups.lock().unwrap_or_else(PoisonError::into_inner));
        for (dimensions, group) in groups {
            let name = |name| format!("{}/{name}", self.prefix);
            let seconds = |ms: u64| ms as f64 / 1_000.0;
            let metrics = [
                (name("aggregated_data"), Kind::Counter, group.aggregated_data as f64),
                (name("unique_metrics"), Kind::Counter, group.metrics.len() as f64),
                (name("unique_statistics"), Kind::Counter, group.series.len() as f64),
                (name("metric_samples"), Kind::Counter, group.metric_samples as f64),
                (name("age"), Kind::Timer, seconds(group.age_ms)),
                (name("request_age"), Kind::Timer, seconds(group.request_age_ms)),
            ];
            let dimensions: Vec<_> = dimensions.iter().collect();
            self.own.tell(&dimensions, metrics.iter().map(|(name, kind, value)| (name.as_str(), *kind, *value)));
        }
    }

    async fn run(self, interval: Duration, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => self.tell(),
            }
        }
    }
}

impl PeriodicStatistics {
    /// Starts the task that tells. Must be called within a runtime.
    pub fn start(
        name: &str,
        config: &config::PeriodicStatistics,
        own: OwnMetrics,
        metrics: SinkMetrics,
        failures: mpsc::Sender<TaskError>,
    ) -> Self {
        let groups = Arc::new(Mutex::new(Groups::new()));
        let safe_name = name.replace(['/', '.'], "_");
        let teller = Teller { groups: groups.clone(), own, prefix: format!("sinks/periodic_statistics/{safe_name}") };
        let mut tasks = Tasks::new(failures);
        let interval = Duration::from_millis(config.interval_ms.max(1));
        let running = teller.clone();
        tasks.spawn("agent-sink-statistics", |cancel| running.run(interval, cancel));
        let cancel = tasks.cancellation().drop_guard();
        Self { rules: Rules::new(config), groups, teller, metrics, tasks, _cancel: cancel }
    }
}

#[async_trait]
impl Sink for PeriodicStatistics {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        let now_ms = unix_ms();
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        for result in results.iter() {
            groups.entry(self.rules.group_of(result)).or_default().count(result, now_ms);
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.tasks.stop(deadline.saturating_duration_since(Instant::now())).await.ok();
        self.teller.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mad::sink::testing::{all, metrics, periodic};

    fn config() -> config::PeriodicStatistics {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        config::PeriodicStatistics {
            interval_ms: 3_600_000,
            dimensions: vec!["service".into()],
            mapped_dimensions: vec![pair("cluster", "group")],
            default_dimension_values: vec![pair("cluster", "none")],
            period_dimension_name: "_period".into(),
        }
    }

    #[tokio::test]
    async fn what_passes_is_told_by_some_dimensions_when_the_sink_closes() {
        let (own, mut told) = OwnMetrics::for_tests();
        let failures = mpsc::channel(1).0;
        let mut sink = Box::new(PeriodicStatistics::start("a/b.c", &config(), own, metrics(), failures));
        let of = |metric, host| periodic(metric, &[("service", "s"), ("host", host)]);
        sink.take(&all([of("m", "1"), of("m", "2"), of("n", "2")]));
        sink.close(Instant::now() + Duration::from_secs(5)).await;
        let record = told.try_recv().expect("a record");
        let expected = [("_period", "PT1S"), ("group", "none"), ("service", "s")];
        let told_dimensions: Vec<_> =
            record.dimensions.iter().filter(|(name, _)| !OwnMetrics::IDENTITY.contains(name)).collect();
        assert!(expected.iter().all(|pair| record.dimensions.iter().any(|own| own == *pair)), "{told_dimensions:?}");
        let value = |name: &str| {
            let name = format!("sinks/periodic_statistics/a_b_c/{name}");
            let found = record.metrics.iter().find(|(other, _)| **other == *name).expect("a metric");
            found.1.samples[0].value
        };
        assert_eq!(
            ["aggregated_data", "unique_metrics", "unique_statistics", "metric_samples"].map(value),
            [6.0, 2.0, 3.0, 3.0]
        );
        assert!(value("age") > 1e9, "since 1970");
        assert_eq!(value("request_age"), 0.0);
        assert!(told.try_recv().is_err(), "what is empty is not told");
    }
}
