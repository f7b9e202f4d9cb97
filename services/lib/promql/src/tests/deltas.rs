//! Delta series, and the README's questions of an endpoint's response time.

use crate::testing::{Memory, float};
use crate::{QueryValue, SampleValue};

/// Two instances answer 100 requests each 10 s: 1 ms, 2 ms, … on one, 101 ms,
/// 102 ms, … on the other.
fn durations() -> Memory {
    let pushes =
        |from: u32| (0..60).map(move |n| (n * 10_000, (from..from + 100).map(|ms| f64::from(ms) / 1e3).collect()));
    let series = |instance| [("__name__", "http_request_duration_seconds"), ("endpoint", "/"), ("instance", instance)];
    Memory::default()
        .distributions(&series("a"), &pushes(1).collect::<Vec<_>>())
        .distributions(&series("b"), &pushes(101).collect::<Vec<_>>())
}

#[track_caller]
fn close(got: f64, wanted: f64, relative_error: f64) {
    assert!((got - wanted).abs() <= wanted.abs() * relative_error, "{got} is not {wanted}");
}

#[test]
fn the_99th_percentile_of_an_endpoint() {
    let memory = durations();
    let query = "histogram_quantile(0.99, sum by (endpoint) (rate(http_request_duration_seconds[5m])))";
    assert_eq!(memory.vector(query, 590_000)[0].0, "{endpoint=\"/\"}");
    close(memory.one(query, 590_000), 0.198, 1.0 / 128.0);
}

#[test]
fn the_average_of_an_endpoint() {
    let query = "histogram_avg(sum by (endpoint) (rate(http_request_duration_seconds[5m])))";
    close(durations().one(query, 590_000), 0.1005, 1e-12);
}

#[test]
fn rates_of_distributions() {
    let memory = durations();
    let count = |query: &str| memory.one(&format!("histogram_count(sum({query}))"), 590_000);
    close(count("rate(http_request_duration_seconds[5m])"), 20.0, 1e-12);
    close(count("increase(http_request_duration_seconds[5m])"), 6000.0, 1e-12);
    close(count("http_request_duration_seconds"), 200.0, 1e-12);
    close(count("http_request_duration_seconds * 3"), 600.0, 1e-12);
    close(count("irate(http_request_duration_seconds[5m])"), 20.0, 1e-12);
    close(memory.one("histogram_fraction(0, 0.1, sum(http_request_duration_seconds))", 590_000), 0.5, 0.01);
}

#[test]
fn the_same_questions_of_a_classic_histogram() {
    let bucket = |le| [("__name__", "http_request_duration_seconds_bucket"), ("endpoint", "/"), ("le", le)];
    let series = |name| [("__name__", name), ("endpoint", "/")];
    let counter = |step: f64| (0..=20).map(|n| (n * 30_000, 1000.0 + n as f64 * step)).collect::<Vec<_>>();
    let memory = Memory::default()
        .floats(&bucket("0.1"), &counter(90.0))
        .floats(&bucket("0.5"), &counter(98.0))
        .floats(&bucket("1"), &counter(100.0))
        .floats(&bucket("+Inf"), &counter(100.0))
        .floats(&series("http_request_duration_seconds_sum"), &counter(12.0))
        .floats(&series("http_request_duration_seconds_count"), &counter(100.0));
    let average = "sum by (endpoint) (rate(http_request_duration_seconds_sum[5m])) \
                   / sum by (endpoint) (rate(http_request_duration_seconds_count[5m]))";
    close(memory.one(average, 600_000), 0.12, 1e-12);
    let p99 = "histogram_quantile(0.99, sum by (endpoint, le) (rate(http_request_duration_seconds_bucket[5m])))";
    close(memory.one(p99, 600_000), 0.75, 1e-9);
}

#[test]
fn delta_floats_add_up() {
    let samples: Vec<_> = (1..=30).map(|n| (n * 10_000, 3.0)).collect();
    let memory = Memory::default().deltas(&[("__name__", "hits")], &samples);
    close(memory.one("increase(hits[1m])", 300_000), 18.0, 1e-12);
    close(memory.one("rate(hits[1m])", 300_000), 0.3, 1e-12);
    close(memory.one("hits", 300_000), 3.0, 1e-12);
    close(memory.one("sum_over_time(hits[1m])", 300_000), 18.0, 1e-12);
    close(memory.one("irate(hits[1m])", 300_000), 0.3, 1e-12);
    assert_eq!(memory.vector("hits", 300_000 + 300_000), []);
}

/// What consecutive ranges count adds up: each window lies in exactly one.
#[test]
fn consecutive_ranges_count_every_window_once() {
    let samples: Vec<_> = (0..600).map(|n| (n * 1_000, 1.0)).collect();
    let memory = Memory::default().deltas(&[("__name__", "hits")], &samples);
    let evaluated = memory.range("increase(hits[7s])", 6_500, 615_500, 7_000);
    let QueryValue::Matrix(matrix) = evaluated.value else { panic!("not a matrix") };
    let total: f64 = matrix[0].points.iter().map(|(_, value)| float(value)).sum();
    assert_eq!(total, 600.0);
}

#[test]
fn a_distribution_and_a_native_histogram_do_not_add_up() {
    let native = super::selectors::native(&[1.0, 2.0, 1.0]);
    let memory = durations().histograms(&[("__name__", "native"), ("endpoint", "/")], &[(590_000, native)]);
    let query = "sum({__name__=~\"native|http_request_duration_seconds\"})";
    let evaluated = memory.instant(query, 590_000).unwrap();
    assert_eq!(evaluated.value, QueryValue::Vector(vec![]));
    assert!(evaluated.warnings[0].contains("cannot be combined"), "{:?}", evaluated.warnings);
}

#[test]
fn buckets_of_a_distribution_can_be_listed() {
    let memory = durations();
    let QueryValue::Vector(vector) = memory.instant("sum(http_request_duration_seconds)", 590_000).unwrap().value
    else {
        panic!("not a vector")
    };
    let SampleValue::Histogram(histogram) = &vector[0].value else { panic!("not a histogram") };
    let buckets = histogram.buckets();
    assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<f64>(), 200.0);
    assert!(buckets.windows(2).all(|pair| pair[0].upper <= pair[1].lower));
    assert!(buckets.iter().all(|bucket| bucket.lower <= 0.2 && bucket.upper > 0.001 && bucket.boundary_rule() == 1));
}
