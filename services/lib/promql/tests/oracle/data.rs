//! Series for the cases: counters with resets, gauges, sparse and churning
//! series, NaN, infinities, classic and native histograms.

use std::collections::BTreeMap;

use tidegate_model::{is_stale, stale_nan};

use crate::random::Random;
use crate::wire::{Bucket, Histogram, Number, Point, Series};

/// When the samples begin; not on the grid of any scrape interval.
pub const BEGIN_MS: i64 = 1_700_000_003_217;
/// How long they go on.
pub const LENGTH_MS: i64 = 900_000;

/// The series of a seed.
pub fn series(seed: u64) -> Vec<Series> {
    let mut random = Random::new(seed);
    let interval_ms = random.pick(&[5_000, 15_000]);
    let mut data = Data { random, interval_ms, series: Vec::new() };
    data.counters();
    data.gauges();
    data.classic_histograms();
    data.native_histograms();
    data.custom_histograms();
    data.mixed();
    data.series
}

#[derive(Clone, Copy, PartialEq)]
enum Values {
    Positive,
    OfBothSigns,
}

#[derive(Clone, Copy, PartialEq)]
enum NanObservations {
    None,
    Some,
}

struct Data {
    random: Random,
    interval_ms: i64,
    series: Vec<Series>,
}

impl Data {
    fn push(&mut self, pairs: &[(&str, &str)], points: Vec<Point>) {
        let labels: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.series.push(Series { labels, points });
    }

    /// Scrape times: regular with jitter, some missing, at most two in 5 s.
    fn times(&mut self) -> Vec<i64> {
        let phase_ms = self.random.between(0, self.interval_ms - 1);
        let jitter_ms = self.random.pick(&[0, 0, 40, 1200]);
        let missing = self.random.pick(&[1_000_000, 20, 4]);
        let (from, to) = match self.random.below(5) {
            0 => (self.random.between(0, LENGTH_MS), LENGTH_MS),
            1 => (0, self.random.between(0, LENGTH_MS)),
            _ => (0, LENGTH_MS),
        };
        let mut times = Vec::new();
        let mut at_ms = phase_ms;
        while at_ms < LENGTH_MS {
            let time_ms = at_ms + self.random.between(0, jitter_ms);
            if (from..to).contains(&time_ms) && !self.random.one_in(missing) {
                times.push(BEGIN_MS + time_ms);
            }
            at_ms += self.interval_ms;
        }
        times
    }

    /// Minutes between samples.
    fn sparse_times(&mut self) -> Vec<i64> {
        let mut time_ms = BEGIN_MS;
        let mut times = Vec::new();
        while time_ms < BEGIN_MS + LENGTH_MS {
            time_ms += self.random.between(20_000, 420_000);
            times.push(time_ms);
        }
        times
    }

    /// Stale markers where a series pauses, and often at its end.
    fn with_stale_markers(&mut self, mut points: Vec<Point>) -> Vec<Point> {
        // One a window at most: a window keeps the time of the last only.
        for index in 0..points.len() {
            let follows_stale = index > 0 && points[index - 1].f.is_some_and(|before| is_stale(before.0));
            if self.random.one_in(40) && !follows_stale {
                points[index] = float(points[index].t, stale_nan());
            }
        }
        if let Some(last) = points.last_mut()
            && self.random.one_in(2)
        {
            *last = float(last.t, stale_nan());
        }
        points
    }

    fn counter(&mut self, times: &[i64], largest_step: i64) -> Vec<Point> {
        let mut value = self.random.pick(&[0.0, 0.0, 17.0, 1e6]);
        let fraction = self.random.pick(&[1.0, 1.0, 0.1]);
        let reset = self.random.pick(&[1_000_000, 30, 8]);
        let point = |time_ms: &i64| {
            value = if self.random.one_in(reset) { 0.0 } else { value };
            value += self.random.between(0, largest_step) as f64 * fraction;
            float(*time_ms, value)
        };
        times.iter().map(point).collect()
    }

    fn counters(&mut self) {
        for job in ["api", "web"] {
            for instance in ["a", "b", "c"] {
                for code in ["200", "500"] {
                    let times = self.times();
                    let points = self.counter(&times, 40);
                    let points = self.with_stale_markers(points);
                    let pairs = [("__name__", "requests_total"), ("job", job), ("instance", instance), ("code", code)];
                    self.push(&pairs, points);
                }
            }
        }
        for instance in ["a", "b"] {
            let times = self.sparse_times();
            let points = self.counter(&times, 5);
            self.push(&[("__name__", "errors_total"), ("instance", instance)], points);
        }
    }

    fn gauges(&mut self) {
        for (zone, instance) in [("eu", "a"), ("eu", "b"), ("us", "c"), ("us", "d")] {
            let times = self.times();
            let special = self.random.pick(&[1_000_000, 15, 4]);
            let point = |time_ms: &i64| {
                let usual = self.random.between(-400, 400) as f64 * 0.25;
                let odd = self.random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300, 1e-300]);
                float(*time_ms, if self.random.one_in(special) { odd } else { usual })
            };
            let points = times.iter().map(point).collect();
            let points = self.with_stale_markers(points);
            self.push(&[("__name__", "temperature"), ("zone", zone), ("instance", instance)], points);
        }
        for pod in ["p0", "p1", "p2"] {
            let times = self.sparse_times();
            let points = times.iter().map(|t| float(*t, self.random.between(0, 3) as f64)).collect();
            let points = self.with_stale_markers(points);
            self.push(&[("__name__", "queue"), ("pod", pod), ("zone", "eu")], points);
        }
        for (job, instance, version) in [("api", "a", "1"), ("api", "b", "2"), ("web", "a", "1"), ("web", "c", "3")] {
            let points = self.times().iter().map(|t| float(*t, 1.0)).collect();
            let pairs = [("__name__", "info"), ("job", job), ("instance", instance), ("version", version)];
            self.push(&pairs, points);
        }
        let steady = self.times().iter().map(|t| float(*t, 0.1)).collect();
        self.push(&[("__name__", "http.duration"), ("host.name", "ä"), ("zone", "eu")], steady);
    }

    fn classic_histograms(&mut self) {
        for instance in ["a", "b"] {
            let times = self.times();
            let mut at_most: Vec<Vec<Point>> = vec![Vec::new(); 5];
            let mut counts = [0.0; 5];
            let crooked = self.random.one_in(4);
            for time_ms in times {
                let mut below = 0.0;
                for (count, points) in counts.iter_mut().zip(&mut at_most) {
                    below += self.random.between(0, 9) as f64;
                    *count += below;
                    let slip = if crooked && self.random.one_in(3) { 20.0 } else { 0.0 };
                    points.push(float(time_ms, (*count - slip).max(0.0)));
                }
            }
            let bounds = ["0.1", "0.5", "1", "2.5", "+Inf"];
            for (le, points) in bounds.into_iter().zip(at_most) {
                self.push(&[("__name__", "latency_bucket"), ("instance", instance), ("le", le)], points);
            }
        }
    }

    fn native_histograms(&mut self) {
        for (job, instance) in [("api", "a"), ("api", "b"), ("web", "a")] {
            let times = self.times();
            let points = self.native_counter(&times, NanObservations::None);
            let points = self.with_stale_markers(points);
            self.push(&[("__name__", "durations"), ("job", job), ("instance", instance)], points);
        }
        for instance in ["a", "b"] {
            let times = self.times();
            let points = self.native_counter(&times, NanObservations::Some);
            self.push(&[("__name__", "noisy"), ("instance", instance)], points);
        }
        for instance in ["a", "b"] {
            let times = self.times();
            let gauge = |time_ms: &i64| {
                let schema = self.random.pick(&[0, 1]);
                let mut histogram = empty(schema);
                self.observe(&mut histogram, 12, Values::OfBothSigns);
                histogram.gauge = true;
                native(*time_ms, histogram)
            };
            let points = times.iter().map(gauge).collect();
            self.push(&[("__name__", "sizes"), ("instance", instance)], points);
        }
    }

    fn native_counter(&mut self, times: &[i64], nans: NanObservations) -> Vec<Point> {
        let changes_schema = self.random.one_in(3);
        let reset = self.random.pick(&[1_000_000, 25, 6]);
        let values = self.random.pick(&[Values::Positive, Values::OfBothSigns]);
        let mut histogram = empty(self.random.pick(&[-1, 0, 0, 1, 3]));
        histogram.zero_threshold = Number(self.random.pick(&[0.0, 0.001, 0.5]));
        let point = |time_ms: &i64| {
            if self.random.one_in(reset) {
                let schema = if changes_schema { self.random.pick(&[-1, 0, 2]) } else { histogram.schema };
                let zero_threshold = self.random.pick(&[histogram.zero_threshold.0, 0.001, 2.0]);
                histogram = Histogram { zero_threshold: Number(zero_threshold), ..empty(schema) };
            }
            self.observe(&mut histogram, 6, values);
            if nans == NanObservations::Some && self.random.one_in(6) {
                histogram.count.0 += 1.0;
                histogram.sum = Number(f64::NAN);
            }
            native(*time_ms, histogram.clone())
        };
        times.iter().map(point).collect()
    }

    /// Adds observations to buckets that lie past the zero bucket. A side has
    /// some at once or never: when one appears later, Prometheus' storage gives
    /// the earlier histograms of a chunk empty buckets there, which show in
    /// quantiles.
    fn observe(&mut self, histogram: &mut Histogram, most: i64, values: Values) {
        let first = if histogram.schema > 0 { 2 << histogram.schema } else { 2 };
        if histogram.positive.is_empty() {
            add(&mut histogram.positive, first, 1.0);
            histogram.count.0 += 1.0;
            if values == Values::OfBothSigns {
                add(&mut histogram.negative, first, 1.0);
                histogram.count.0 += 1.0;
            }
        }
        for _ in 0..self.random.between(0, most) {
            let count = self.random.between(1, 5) as f64;
            let index = first + self.random.between(0, 6) as i32;
            match self.random.below(8) {
                0 => histogram.zero_count.0 += count,
                1 if values == Values::OfBothSigns => add(&mut histogram.negative, index, count),
                _ => add(&mut histogram.positive, index, count),
            }
            histogram.count.0 += count;
            histogram.sum.0 += count * f64::from(index) * 0.75;
        }
    }

    fn custom_histograms(&mut self) {
        let mismatched = self.random.one_in(2);
        for (index, instance) in ["a", "b", "c"].into_iter().enumerate() {
            let bounds: &[f64] = if mismatched && index == 1 { &[0.5, 2.0, 10.0] } else { &[0.5, 1.0, 2.0, 5.0] };
            let times = self.times();
            let reset = self.random.pick(&[1_000_000, 10]);
            let mut histogram = custom(bounds);
            let point = |time_ms: &i64| {
                if self.random.one_in(reset) {
                    let other: &[f64] = self.random.pick(&[bounds, &[1.0, 2.0]]);
                    histogram = custom(other);
                }
                for _ in 0..self.random.between(0, 4) {
                    let index = self.random.between(0, histogram.bounds.len() as i64) as i32;
                    add(&mut histogram.positive, index, 2.0);
                    histogram.count.0 += 2.0;
                    histogram.sum.0 += f64::from(index) * 0.5;
                }
                native(*time_ms, histogram.clone())
            };
            let points = times.iter().map(point).collect();
            self.push(&[("__name__", "waits"), ("instance", instance)], points);
        }
    }

    /// A series that turns from floats to histograms, and a name that has both.
    fn mixed(&mut self) {
        let times = self.times();
        let turn = self.random.below(times.len() + 1);
        let mut points = self.counter(&times[..turn], 10);
        points.extend(self.native_counter(&times[turn..], NanObservations::None));
        self.push(&[("__name__", "changed"), ("instance", "a")], points);
        let times = self.times();
        let points = self.counter(&times, 10);
        self.push(&[("__name__", "changed"), ("instance", "b")], points);
        let times = self.times();
        let points = self.native_counter(&times, NanObservations::None);
        self.push(&[("__name__", "changed"), ("instance", "c")], points);
    }
}

fn float(t: i64, value: f64) -> Point {
    Point { t, f: Some(Number(value)), h: None }
}

fn native(t: i64, histogram: Histogram) -> Point {
    Point { t, f: None, h: Some(histogram) }
}

fn empty(schema: i8) -> Histogram {
    Histogram { schema, ..Histogram::default() }
}

fn custom(bounds: &[f64]) -> Histogram {
    Histogram { schema: -53, bounds: bounds.iter().copied().map(Number).collect(), ..Histogram::default() }
}

fn add(buckets: &mut Vec<Bucket>, index: i32, count: f64) {
    match buckets.binary_search_by_key(&index, |bucket| bucket.i) {
        Ok(place) => buckets[place].n.0 += count,
        Err(place) => buckets.insert(place, Bucket { i: index, n: Number(count) }),
    }
}
