use super::{Aggregator, Config, Histograms, Limits, Statistics};
use crate::{Dimensions, JavaRegex, Kind, Metric, Periodic, Quantity, Record, Statistic, Unit};

mod oracle;

const ENOUGH: usize = usize::MAX;

pub(super) fn statistics() -> Statistics {
    Statistics {
        counter: vec![Statistic::Mean, Statistic::Sum, Statistic::Count],
        timer: vec![Statistic::Median, Statistic::Tp90, Statistic::Tp99, Statistic::Mean, Statistic::Count],
        gauge: vec![Statistic::Min, Statistic::Max, Statistic::Mean],
        by_name: vec![(JavaRegex::new("named.*").unwrap(), vec![Statistic::Tp75, Statistic::Sum])],
    }
}

fn aggregator(periods_ms: &[u64], limits: Limits) -> Aggregator {
    Aggregator::new(Config {
        periods_ms: periods_ms.to_vec(),
        idle_timeout_ms: 60_000,
        statistics: statistics(),
        histograms: Histograms::default(),
        limits,
    })
}

fn record(host: &str, name: &str, time_ms: i64, values: &[f64]) -> Record {
    let samples = values.iter().map(|value| Quantity::plain(*value)).collect();
    Record {
        time_ms,
        request_time_ms: None,
        dimensions: [("host", host)].into_iter().collect(),
        metrics: vec![(name.into(), Metric { kind: Kind::Gauge, samples, histograms: Vec::new() })],
    }
}

fn value(periodic: &Periodic, statistic: Statistic) -> f64 {
    periodic.statistics.iter().find(|computed| computed.statistic == statistic).unwrap().value.value
}

/// Start, length and count of each result.
fn shape(results: &[Periodic]) -> Vec<(i64, u64, f64)> {
    results.iter().map(|result| (result.start_ms, result.period_ms, value(result, Statistic::Count))).collect()
}

#[test]
fn each_sample_is_counted_once_in_each_period() {
    let mut aggregator = aggregator(&[1_000, 60_000, 1_000], Limits::default());
    aggregator.add(record("h", "m", 61_500, &[1.0, 2.0]), 61_600);
    aggregator.add(record("h", "m", 62_000, &[4.0]), 62_000);
    assert_eq!(shape(&aggregator.close_due(62_999, ENOUGH)), []);
    assert_eq!(shape(&aggregator.close_due(63_000, ENOUGH)), [(61_000, 1_000, 2.0)]);
    assert_eq!(aggregator.next_due_ms(), Some(64_000));
    assert_eq!(shape(&aggregator.close_due(64_000, ENOUGH)), [(62_000, 1_000, 1.0)]);
    let minute = aggregator.close_due(150_000, ENOUGH);
    assert_eq!(shape(&minute), [(60_000, 60_000, 3.0)]);
    assert_eq!(value(&minute[0], Statistic::Max), 4.0);
    assert_eq!(aggregator.open(), 0);
}

#[test]
fn late_data_opens_the_bucket_again() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    aggregator.add(record("h", "m", 5_000, &[1.0]), 5_000);
    assert_eq!(shape(&aggregator.close_due(7_000, ENOUGH)), [(5_000, 1_000, 1.0)]);
    aggregator.add(record("h", "m", 5_100, &[2.0]), 20_000);
    aggregator.add(record("h", "m", 5_200, &[3.0]), 20_900);
    assert_eq!(shape(&aggregator.close_due(20_999, ENOUGH)), []);
    assert_eq!(shape(&aggregator.close_due(21_000, ENOUGH)), [(5_000, 1_000, 2.0)]);
}

#[test]
fn metrics_of_one_set_of_dimensions_close_together_and_share_the_request_time() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    let mut first = record("h", "a", 5_000, &[1.0]);
    first.request_time_ms = Some(4_900);
    aggregator.add(first, 20_000);
    let mut second = record("h", "b", 5_000, &[1.0]);
    second.request_time_ms = Some(4_800);
    aggregator.add(second, 20_500);
    aggregator.add(record("other", "b", 5_000, &[1.0]), 20_500);
    let results = aggregator.close_due(21_000, ENOUGH);
    let names: Vec<_> = results.iter().map(|result| (&*result.metric, result.min_request_time_ms)).collect();
    assert_eq!(names, [("a", Some(4_800)), ("b", Some(4_800))]);
    assert_eq!(aggregator.close_due(21_500, ENOUGH).len(), 1);
}

#[test]
fn kinds_of_one_name_are_aggregated_apart_unless_the_name_chooses_the_statistics() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    for name in ["m", "named"] {
        for kind in [Kind::Gauge, Kind::Counter] {
            let mut record = record("h", name, 0, &[1.0]);
            record.metrics[0].1.kind = kind;
            aggregator.add(record, 0);
        }
    }
    let results = aggregator.flush(ENOUGH);
    let counts: Vec<_> = results.iter().map(|result| (&*result.metric, value(result, Statistic::Count))).collect();
    assert_eq!(counts, [("m", 1.0), ("m", 1.0), ("named", 2.0)]);
    assert_eq!(aggregator.series(), 2);
}

#[test]
fn a_flush_closes_everything_in_the_order_of_closing() {
    let mut aggregator = aggregator(&[60_000, 1_000], Limits::default());
    aggregator.add(record("h", "m", 2_000, &[1.0]), 2_000);
    aggregator.add(record("h", "m", 1_000, &[1.0]), 2_000);
    assert_eq!(shape(&aggregator.flush(ENOUGH)), [(1_000, 1_000, 1.0), (2_000, 1_000, 1.0), (0, 60_000, 2.0)]);
    assert_eq!((aggregator.flush(ENOUGH), aggregator.open()), (Vec::new(), 0));
}

#[test]
fn new_series_beyond_the_limit_are_refused_and_known_ones_go_on() {
    let mut aggregator = aggregator(&[1_000], Limits { series: 2, open: 100 });
    aggregator.add(record("h", "a", 0, &[1.0]), 0);
    aggregator.add(record("h", "b", 0, &[1.0]), 0);
    aggregator.add(record("h", "c", 0, &[1.0, 2.0]), 0);
    aggregator.add(record("other", "a", 0, &[1.0]), 0);
    aggregator.add(record("h", "a", 0, &[1.0]), 0);
    let counts = aggregator.counts();
    assert_eq!((counts.samples, counts.refused_series), (3, 3));
    assert_eq!(aggregator.flush(ENOUGH).len(), 2);
}

#[test]
fn buckets_beyond_the_limit_are_refused_and_open_ones_go_on() {
    let mut aggregator = aggregator(&[1_000], Limits { series: 100, open: 2 });
    for second in 0..5 {
        aggregator.add(record("h", "a", second * 1_000, &[1.0]), 0);
    }
    aggregator.add(record("h", "b", 0, &[1.0]), 0);
    aggregator.add(record("h", "a", 0, &[1.0]), 0);
    assert_eq!(aggregator.counts().refused_open, 4);
    assert_eq!(shape(&aggregator.flush(ENOUGH)), [(0, 1_000, 2.0), (1_000, 1_000, 1.0)]);
}

#[test]
fn samples_of_another_unit_are_counted_once_for_each_period() {
    let mut aggregator = aggregator(&[1_000, 60_000], Limits::default());
    let mut seconds = record("h", "m", 0, &[1.0]);
    seconds.metrics[0].1.samples[0].unit = Some(Unit::Second);
    aggregator.add(seconds, 0);
    aggregator.add(record("h", "m", 0, &[1.0]), 0);
    assert_eq!(aggregator.counts().refused_units, 2);
    assert_eq!(shape(&aggregator.flush(ENOUGH)), [(0, 1_000, 1.0), (0, 60_000, 1.0)]);
}

#[test]
fn what_is_idle_makes_room() {
    let mut aggregator = aggregator(&[1_000], Limits { series: 2, open: 100 });
    aggregator.close_due(0, ENOUGH);
    aggregator.add(record("h", "a", 0, &[1.0]), 0);
    aggregator.add(record("h", "b", 0, &[1.0]), 0);
    // Heard of since the last sweep.
    aggregator.close_due(60_000, ENOUGH);
    assert_eq!(aggregator.series(), 2);
    aggregator.add(record("h", "b", 60_000, &[1.0]), 60_000);
    aggregator.close_due(120_000, ENOUGH);
    assert_eq!(aggregator.series(), 1);
    aggregator.add(record("g", "c", 120_000, &[7.0]), 120_000);
    aggregator.add(record("h", "b", 120_000, &[1.0]), 120_000);
    assert_eq!(aggregator.counts().refused_series, 0);
    assert_eq!(aggregator.flush(ENOUGH).len(), 2);
    aggregator.close_due(180_000, ENOUGH);
    aggregator.close_due(240_000, ENOUGH);
    assert_eq!((aggregator.series(), aggregator.keys.len(), aggregator.next_due_ms()), (0, 0, None));
}

#[test]
fn names_that_stay_keep_their_buckets_when_others_are_forgotten() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    aggregator.close_due(0, ENOUGH);
    aggregator.add(record("h", "a", 0, &[1.0]), 0);
    aggregator.add(record("h", "b", 0, &[1.0]), 0);
    aggregator.add(record("h", "c", 0, &[1.0]), 0);
    aggregator.close_due(60_000, ENOUGH);
    // Closes long after the sweep that forgets a and c.
    aggregator.add(record("h", "b", 500_000, &[2.0]), 60_000);
    aggregator.close_due(120_000, ENOUGH);
    assert_eq!(aggregator.series(), 1);
    aggregator.add(record("h", "b", 500_000, &[3.0]), 120_000);
    let results = aggregator.close_due(502_000, ENOUGH);
    assert_eq!((shape(&results), &*results[0].metric), (vec![(500_000, 1_000, 2.0)], "b"));
}

#[test]
fn a_record_without_data_leaves_nothing_behind() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    aggregator.add(record("h", "a", 0, &[]), 0);
    let nothing = Record { time_ms: 0, request_time_ms: None, dimensions: Dimensions::default(), metrics: Vec::new() };
    aggregator.add(nothing, 0);
    assert_eq!((aggregator.series(), aggregator.flush(ENOUGH)), (0, Vec::new()));
}

#[test]
fn results_come_in_portions_that_end_with_a_bucket() {
    let mut aggregator = aggregator(&[1_000], Limits::default());
    for host in ["f", "g", "h"] {
        aggregator.add(record(host, "a", 0, &[1.0]), 0);
        aggregator.add(record(host, "b", 0, &[1.0]), 0);
    }
    assert_eq!(aggregator.close_due(1_999, 1).len(), 0);
    let portions = [0; 3].map(|_| aggregator.close_due(2_000, 1).len());
    assert_eq!(portions, [2, 2, 2]);
    assert_eq!(aggregator.flush(1), []);
}
