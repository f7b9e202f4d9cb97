//! The aggregator against one that keeps every sample and computes at the end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Aggregator, Config, ENOUGH, Histograms, Limits, statistics};
use crate::{Dimensions, Histogram, Kind, Metric, Periodic, Quantity, Record, Statistic, Unit};

const PERIODS_MS: [u64; 3] = [1_000, 60_000, 7_000];

/// Samples and histograms of one series in one open bucket, and the kind that decides its statistics.
#[derive(Clone, Debug, Default)]
struct Kept {
    samples: Vec<Quantity>,
    histograms: Vec<Histogram>,
}

#[derive(Debug)]
struct Bucket {
    dimensions: Dimensions,
    period_ms: u64,
    start_ms: i64,
    closes_ms: i64,
    min_request_time_ms: Option<i64>,
    kept: BTreeMap<(String, Option<Kind>), Kept>,
}

#[derive(Default)]
struct Naive {
    open: Vec<Bucket>,
}

impl Naive {
    fn add(&mut self, record: &Record, now_ms: i64) {
        if record.metrics.iter().all(|(_, metric)| metric.samples.is_empty() && metric.histograms.is_empty()) {
            return;
        }
        for period_ms in PERIODS_MS {
            let start_ms = record.time_ms / period_ms as i64 * period_ms as i64;
            let same = |bucket: &&mut Bucket| {
                (&bucket.dimensions, bucket.period_ms, bucket.start_ms) == (&record.dimensions, period_ms, start_ms)
            };
            if self.open.iter_mut().find(same).is_none() {
                let wait_ms = (period_ms as i64 / 2).max(1_000);
                let closes_ms = (now_ms + wait_ms).max(start_ms + period_ms as i64 + wait_ms);
                let dimensions = record.dimensions.clone();
                let kept = BTreeMap::new();
                self.open.push(Bucket { dimensions, period_ms, start_ms, closes_ms, min_request_time_ms: None, kept });
            }
            let bucket = self.open.iter_mut().find(same).unwrap();
            bucket.min_request_time_ms = bucket.min_request_time_ms.into_iter().chain(record.request_time_ms).min();
            for (name, metric) in &record.metrics {
                if metric.samples.is_empty() && metric.histograms.is_empty() {
                    continue;
                }
                let kind = (!name.starts_with("named")).then_some(metric.kind);
                let kept = bucket.kept.entry((name.to_string(), kind)).or_default();
                // One unit a series here; what is refused has its own tests.
                kept.samples.extend(&metric.samples);
                kept.histograms.extend(metric.histograms.iter().cloned());
            }
        }
    }

    fn close(&mut self, now_ms: i64) -> Vec<String> {
        let (due, open) = std::mem::take(&mut self.open).into_iter().partition(|bucket| bucket.closes_ms <= now_ms);
        self.open = open;
        let due: Vec<Bucket> = due;
        due.iter().flat_map(|bucket| bucket.kept.iter().map(move |(key, kept)| line(bucket, key, kept))).collect()
    }
}

fn cut(value: f64) -> f64 {
    f64::from_bits(value.to_bits() & (u64::MAX << 45))
}

fn line(bucket: &Bucket, (name, kind): &(String, Option<Kind>), kept: &Kept) -> String {
    let unit = kept.samples.first().and_then(|sample| sample.unit);
    let mut sorted: Vec<f64> = kept.samples.iter().map(|sample| cut(sample.value)).collect();
    for histogram in &kept.histograms {
        for (bits, count) in &histogram.entries {
            sorted.extend(std::iter::repeat_n(f64::from_bits(*bits), *count as usize));
        }
    }
    sorted.sort_by(f64::total_cmp);
    let sums: Vec<(f64, f64, f64)> = in_order(kept);
    let count = sorted.len() as f64;
    let sum = sums.iter().skip(1).fold(sums[0].0, |sum, next| sum + next.0);
    let min = sums.iter().skip(1).fold(sums[0].1, |min, next| if next.1 < min { next.1 } else { min });
    let max = sums.iter().skip(1).fold(sums[0].2, |max, next| if next.2 > max { next.2 } else { max });
    let percentile = |p: f64| sorted[((count * p / 100.0).ceil() as usize).max(1) - 1];
    let all = [
        (Statistic::Count, count),
        (Statistic::Sum, sum),
        (Statistic::Mean, sum / count),
        (Statistic::Min, min),
        (Statistic::Max, max),
        (Statistic::Histogram, 1.0),
        (Statistic::Median, percentile(50.0)),
        (Statistic::Tp75, percentile(75.0)),
        (Statistic::Tp90, percentile(90.0)),
        (Statistic::Tp99, percentile(99.0)),
    ];
    let wanted: &[Statistic] = match kind {
        None => &[Statistic::Tp75, Statistic::Histogram, Statistic::Sum, Statistic::Count],
        Some(Kind::Counter) => &[Statistic::Mean, Statistic::Sum, Statistic::Count],
        Some(Kind::Gauge) => &[Statistic::Min, Statistic::Max, Statistic::Mean, Statistic::Sum, Statistic::Count],
        Some(Kind::Timer) => &[
            Statistic::Median,
            Statistic::Tp90,
            Statistic::Tp99,
            Statistic::Mean,
            Statistic::Count,
            Statistic::Sum,
            Statistic::Histogram,
        ],
    };
    let values: BTreeMap<Statistic, (u64, Option<Unit>)> = all
        .into_iter()
        .filter(|(statistic, _)| wanted.contains(statistic))
        .map(|(statistic, value)| {
            let plain = matches!(statistic, Statistic::Count | Statistic::Histogram);
            (statistic, (value.to_bits(), unit.filter(|_| !plain)))
        })
        .collect();
    let mut entries: BTreeMap<u64, u64> = BTreeMap::new();
    for value in &sorted {
        *entries.entry(value.to_bits()).or_insert(0) += 1;
    }
    let histogram = wanted.contains(&Statistic::Histogram).then_some(entries);
    format!(
        "{name} {:?} {} {} {:?} {values:?} {histogram:?}",
        bucket.dimensions, bucket.period_ms, bucket.start_ms, bucket.min_request_time_ms
    )
}

/// Sum, least and greatest of what came, in the order in which it counts.
fn in_order(kept: &Kept) -> Vec<(f64, f64, f64)> {
    let samples = kept.samples.iter().map(|sample| (sample.value, sample.value, sample.value));
    samples.chain(kept.histograms.iter().map(|histogram| (histogram.sum, histogram.min, histogram.max))).collect()
}

fn lines(results: &[Periodic]) -> Vec<String> {
    let line = |result: &Periodic| {
        let values: BTreeMap<Statistic, (u64, Option<Unit>)> = result
            .statistics
            .iter()
            .map(|computed| (computed.statistic, (computed.value.value.to_bits(), computed.value.unit)))
            .collect();
        let histogram = result.histogram.as_ref().map(|histogram| &histogram.entries);
        format!(
            "{} {:?} {} {} {:?} {values:?} {histogram:?}",
            result.metric, result.dimensions, result.period_ms, result.start_ms, result.min_request_time_ms
        )
    };
    results.iter().map(line).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Add(Record),
    Wait(i64),
}

/// The unit goes with the name, so that nothing is refused. A metric has samples
/// or a histogram, since the two are not added in the order of arrival here.
fn metric() -> impl Strategy<Value = (Box<str>, Metric)> {
    let value = prop_oneof![-5.0..5.0f64, any::<f64>().prop_filter("one NaN", |value| !value.is_nan()), Just(-0.0)];
    let kind = prop::sample::select(vec![Kind::Counter, Kind::Gauge, Kind::Timer]);
    (0..4usize, kind, prop::collection::vec(value, 0..6)).prop_map(|(name, kind, values)| {
        let name = ["a", "b", "named.a", "named.b"][name];
        let unit = name.ends_with('b').then_some(Unit::Second);
        if name == "named.a" && !values.is_empty() {
            let mut entries = BTreeMap::new();
            for value in &values {
                *entries.entry(cut(*value).to_bits()).or_insert(0) += 1;
            }
            let histogram = Histogram { entries, min: values[0], max: values[0], sum: values.iter().sum(), unit: None };
            return (name.into(), Metric { kind, samples: Vec::new(), histograms: vec![histogram] });
        }
        let samples = values.into_iter().map(|value| Quantity { value, unit }).collect();
        (name.into(), Metric { kind, samples, histograms: Vec::new() })
    })
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0..3usize, 0..90_000i64, prop::option::of(0..90_000i64), prop::collection::vec(metric(), 0..4));
    prop_oneof![
        4 => record.prop_map(|(host, time_ms, request_time_ms, metrics)| {
            let dimensions = [("host", ["x", "y", "z"][host])].into_iter().collect();
            Step::Add(Record { time_ms, request_time_ms, dimensions, metrics })
        }),
        1 => prop_oneof![0..3_000i64, 0..100_000i64].prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn results_are_those_of_the_naive_aggregator(steps in prop::collection::vec(step(), 1..120)) {
        let mut aggregator = Aggregator::new(Config {
            periods_ms: PERIODS_MS.to_vec(),
            idle_timeout_ms: 10_000,
            statistics: statistics(),
            histograms: Histograms::default(), limits: Limits::default(),
        });
        let mut naive = Naive::default();
        let mut now_ms = 0;
        for step in steps {
            match step {
                Step::Add(record) => {
                    naive.add(&record, now_ms);
                    aggregator.add(record, now_ms);
                }
                Step::Wait(wait_ms) => {
                    now_ms += wait_ms;
                    let (mut ours, mut theirs) = (lines(&aggregator.close_due(now_ms, ENOUGH)), naive.close(now_ms));
                    ours.sort();
                    theirs.sort();
                    prop_assert_eq!(ours, theirs);
                }
            }
        }
        let (mut ours, mut theirs) = (lines(&aggregator.flush(ENOUGH)), naive.close(i64::MAX));
        ours.sort();
        theirs.sort();
        prop_assert_eq!(ours, theirs);
        prop_assert_eq!(aggregator.open(), 0);
    }
}
