//! From records to results: samples gather in buckets by dimensions, period and
//! start, and come out as statistics when their bucket closes.
//!
//! Sums, units, percentiles and closing times are those of the Java daemon, bit
//! for bit. Where it loses data ours does not: a sample of another unit than its
//! bucket's is refused alone, open buckets can be [flushed](Aggregator::flush),
//! and floods of new series are [bounded](Limits).

mod buckets;
mod cell;
mod key;
mod period;
mod plan;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use self::key::Key;
use self::period::Period;
use self::plan::Plans;
pub use self::plan::Statistics;
use crate::config::Pipeline;
use crate::{Dimensions, Metric, Periodic, Record};

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Lengths of buckets; each sample is counted once in each.
    pub periods_ms: Vec<u64>,
    /// After how long without a sample a series is forgotten.
    pub idle_timeout_ms: u64,
    pub statistics: Statistics,
    pub histograms: Histograms,
    pub limits: Limits,
}

/// Which results have a histogram with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Histograms {
    /// Those with a statistic that needs one.
    #[default]
    WhereNeeded,
    /// All: a sink merges them.
    Always,
}

impl Config {
    /// As a pipeline's file has it.
    pub fn of(pipeline: &Pipeline) -> Self {
        Self {
            periods_ms: pipeline.periods_ms.clone(),
            idle_timeout_ms: u64::try_from(pipeline.idle_timeout.as_millis()).unwrap_or(u64::MAX),
            statistics: Statistics {
                counter: pipeline.counter_statistics.clone(),
                timer: pipeline.timer_statistics.clone(),
                gauge: pipeline.gauge_statistics.clone(),
                by_name: pipeline.statistics.clone(),
            },
            histograms: Histograms::default(),
            limits: pipeline.limits,
        }
    }
}

/// What one pipeline holds at most. What does not fit is refused and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Metrics by dimensions that are remembered.
    pub series: usize,
    /// Series by open bucket: samples with times of their own open many.
    pub open: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { series: 500_000, open: 2_500_000 }
    }
}

/// What has happened since the aggregator was made, in samples. What a client
/// has aggregated counts as the samples that it says it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub samples: u64,
    /// Of another unit than the first in their bucket; once for each period.
    pub refused_units: u64,
    /// Of new series beyond [`Limits::series`].
    pub refused_series: u64,
    /// For new buckets beyond [`Limits::open`]; once for each period.
    pub refused_open: u64,
}

pub struct Aggregator {
    periods: Vec<Period>,
    plans: Plans,
    limits: Limits,
    hasher: DefaultHashBuilder,
    keys: HashTable<Key>,
    due: BinaryHeap<Reverse<Due>>,
    /// Buckets ever opened.
    opened: u64,
    series: usize,
    cells: usize,
    counts: Counts,
    idle_timeout_ms: i64,
    next_sweep_ms: i64,
}

/// An open bucket; compared by when it closes, then in the order of opening.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    closes_ms: i64,
    opened: u64,
    period: usize,
    start_ms: i64,
    dimensions: Dimensions,
}

impl Aggregator {
    pub fn new(config: Config) -> Self {
        let mut periods: Vec<Period> = Vec::with_capacity(config.periods_ms.len());
        for length_ms in config.periods_ms {
            let period = Period::new(length_ms);
            if !periods.contains(&period) {
                periods.push(period);
            }
        }
        Self {
            periods,
            plans: Plans::new(config.statistics, config.histograms),
            limits: config.limits,
            hasher: DefaultHashBuilder::default(),
            keys: HashTable::new(),
            due: BinaryHeap::new(),
            opened: 0,
            series: 0,
            cells: 0,
            counts: Counts::default(),
            idle_timeout_ms: config.idle_timeout_ms.clamp(1_000, i64::MAX as u64) as i64,
            next_sweep_ms: i64::MIN,
        }
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Series that are remembered.
    pub fn series(&self) -> usize {
        self.series
    }

    /// Series by open bucket.
    pub fn open(&self) -> usize {
        self.cells
    }

    /// Takes a record in at the time `now_ms`, in milliseconds since 1970.
    pub fn add(&mut self, record: Record, now_ms: i64) {
        let Record { time_ms, request_time_ms, dimensions, metrics } = record;
        if metrics.iter().all(|(_, metric)| is_empty(metric)) {
            return;
        }
        let hash = self.hasher.hash_one(&dimensions);
        let hasher = &self.hasher;
        let key =
            match self.keys.entry(hash, |key| key.dimensions == dimensions, |key| hasher.hash_one(&key.dimensions)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(_) if self.series >= self.limits.series => {
                    self.counts.refused_series += metrics.iter().map(|(_, metric)| sample_count(metric)).sum::<u64>();
                    return;
                }
                Entry::Vacant(entry) => entry.insert(Key::new(dimensions, self.periods.len())).into_mut(),
            };
        for (name, metric) in metrics {
            if is_empty(&metric) {
                continue;
            }
            let samples = sample_count(&metric);
            let Some(found) = key.name(name, &self.plans, hasher, self.series < self.limits.series) else {
                self.counts.refused_series += samples;
                continue;
            };
            self.series += usize::from(found.is_new);
            self.counts.samples += samples;
            for (index, period) in self.periods.iter().enumerate() {
                let start_ms = period.start_ms(time_ms);
                let room = self.cells < self.limits.open;
                let bucket = match key.find(index, start_ms) {
                    Some(bucket) => bucket,
                    None if room => {
                        self.opened += 1;
                        self.due.push(Reverse(Due {
                            closes_ms: period.closes_ms(start_ms, now_ms),
                            opened: self.opened,
                            period: index,
                            start_ms,
                            dimensions: key.dimensions.clone(),
                        }));
                        key.open(index, start_ms)
                    }
                    None => {
                        self.counts.refused_open += samples;
                        continue;
                    }
                };
                key.requested(bucket, request_time_ms);
                match key.add(found.name, bucket, &metric, &self.plans, room) {
                    Some(added) => {
                        self.cells += usize::from(added.is_new);
                        self.counts.refused_units += added.refused;
                    }
                    None => self.counts.refused_open += samples,
                }
            }
        }
    }

    /// The earliest time at which [`Self::close_due`] has something to do.
    pub fn next_due_ms(&self) -> Option<i64> {
        let closes_ms = self.due.peek().map(|due| due.0.closes_ms);
        let sweep_ms = (self.series > 0).then_some(self.next_sweep_ms);
        closes_ms.into_iter().chain(sweep_ms).min()
    }

    /// Closes buckets whose time has come, in that order, and forgets idle series.
    /// It stops after the bucket with which there are `enough` results, to be called again.
    pub fn close_due(&mut self, now_ms: i64, enough: usize) -> Vec<Periodic> {
        let mut results = Vec::new();
        while results.len() < enough && self.due.peek().is_some_and(|due| due.0.closes_ms <= now_ms) {
            self.close_next(&mut results);
        }
        if now_ms >= self.next_sweep_ms {
            self.sweep();
            self.next_sweep_ms = now_ms.saturating_add(self.idle_timeout_ms);
        }
        results
    }

    /// Closes buckets before their time, until there are none or `enough` results.
    pub fn flush(&mut self, enough: usize) -> Vec<Periodic> {
        let mut results = Vec::new();
        while results.len() < enough && !self.due.is_empty() {
            self.close_next(&mut results);
        }
        results
    }

    fn close_next(&mut self, results: &mut Vec<Periodic>) {
        let Some(Reverse(due)) = self.due.pop() else { return };
        let hash = self.hasher.hash_one(&due.dimensions);
        let Some(key) = self.keys.find_mut(hash, |key| key.dimensions == due.dimensions) else { return };
        let before = results.len();
        key.close(due.period, due.start_ms, self.periods[due.period].length_ms, &self.plans, results);
        self.cells -= results.len() - before;
    }

    /// Forgets series that have had no sample since the last time and have no open bucket.
    fn sweep(&mut self) {
        self.keys.retain(|key| {
            self.series -= key.sweep(&self.hasher);
            !key.is_empty()
        });
    }
}

fn is_empty(metric: &Metric) -> bool {
    metric.samples.is_empty() && metric.histograms.is_empty()
}

fn sample_count(metric: &Metric) -> u64 {
    let counted = metric.histograms.iter().flat_map(|histogram| histogram.entries.values());
    counted.fold(metric.samples.len() as u64, |sum, count| sum.wrapping_add(*count))
}

#[cfg(test)]
mod tests;
