//! Generated host metrics, scraped at a fixed interval with a few milliseconds of jitter: half are gauges that walk at
//! random, a quarter are counters whose rate wavers, a quarter are counters of what does not happen (errors, idle
//! devices). The same seed gives the same values on every machine.

use std::time::Duration;

use clap::Args;
use tidegate_testkit::{Random, Series};

const JOB: &str = "load";
const METRICS_PER_HOST: usize = 200;
const DEVICES: usize = 8;
const JITTER_MS: u64 = 8;

/// How much is generated, and how it is cut into requests.
#[derive(Args, Clone, Copy, Debug)]
pub struct Shape {
    /// Time series; 200 of them make a host.
    #[arg(long, default_value_t = 50_000)]
    pub series: usize,
    /// Labels of a series, the metric's name included; at least 4.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(4..=30))]
    pub labels: u8,
    /// Time between two samples of a series.
    #[arg(long, default_value = "15s", value_parser = humantime::parse_duration)]
    pub interval: Duration,
    /// Samples of each series.
    #[arg(long, default_value_t = 100)]
    pub rounds: u32,
    /// Series in a request, one sample each.
    #[arg(long, default_value_t = 2_000)]
    pub batch: usize,
    /// How long before now the last round is.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub ago: Duration,
}

impl Shape {
    /// Samples in all.
    pub fn samples(&self) -> u64 {
        self.series as u64 * u64::from(self.rounds)
    }

    /// Time from the first round to the last.
    pub fn span(&self) -> Duration {
        self.interval * self.rounds
    }
}

/// The series with the samples of the current round.
pub struct Workload {
    series: Vec<Series>,
    sources: Vec<Source>,
    random: Random,
}

impl Workload {
    pub fn new(shape: &Shape, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let sources = (0..shape.series).map(|index| Source::new(index % METRICS_PER_HOST, &mut random)).collect();
        let series = (0..shape.series).map(|index| labels(index, usize::from(shape.labels))).collect();
        Self { series, sources, random }
    }

    /// The next sample of every series, at about `time_ms`.
    pub fn round(&mut self, time_ms: i64) -> &[Series] {
        for (series, source) in self.series.iter_mut().zip(&mut self.sources) {
            let jitter = (self.random.draw() % JITTER_MS) as i64;
            let value = source.next(&mut self.random);
            series.samples.clear();
            series.samples.push((time_ms + jitter, value));
        }
        &self.series
    }
}

/// The names of all metrics that `series` series have.
pub fn names(series: usize) -> Vec<String> {
    let names = (0..series.min(METRICS_PER_HOST)).step_by(DEVICES).map(name);
    names.collect()
}

fn name(metric: usize) -> String {
    let kind = if is_counter(metric) { "total" } else { "value" };
    format!("load_node_{:02}_{kind}", metric / DEVICES)
}

fn labels(index: usize, count: usize) -> Series {
    let (host, metric) = (index / METRICS_PER_HOST, index % METRICS_PER_HOST);
    // 25 names of 8 devices each, as a host has cores, disks and interfaces.
    let name = name(metric);
    let all = [
        ("device", format!("dev{}", metric % DEVICES)),
        ("instance", format!("host-{host:05}.example.net:9100")),
        ("region", format!("region-{}", host % 4)),
        ("zone", format!("region-{}{}", host % 4, char::from(b'a' + (host / 4 % 3) as u8))),
    ];
    let mut labels = vec![("__name__".to_owned(), name), ("job".to_owned(), JOB.to_owned())];
    // `instance` and `device` come first: they are what tells series apart.
    let order = [1, 0, 2, 3];
    labels.extend(order.iter().map(|&at| (all[at].0.to_owned(), all[at].1.clone())).take(count.saturating_sub(2)));
    labels.extend(
        (labels.len()..count).map(|extra| (format!("label_{extra:02}"), format!("value-{}", host % (extra + 1)))),
    );
    labels.sort();
    Series { labels, samples: Vec::new() }
}

/// Every other name is a counter's.
fn is_counter(metric: usize) -> bool {
    metric / DEVICES % 2 == 1
}

/// Where the values of one series come from.
enum Source {
    /// A percentage of two decimals, as of a CPU or a disk.
    Percent { hundredths: i64 },
    /// Bytes in pages, as of memory.
    Pages { pages: i64 },
    /// Bytes or events, at a rate that wavers around its own mean.
    Counter { total: u64, mean: u64 },
    /// Errors, or the bytes of a device that nobody uses.
    Idle { total: u64 },
}

impl Source {
    fn new(metric: usize, random: &mut Random) -> Self {
        if is_counter(metric) {
            if !metric.is_multiple_of(2) {
                return Self::Idle { total: random.draw() % (1 << 20) };
            }
            // Means from a few a second to some ten thousand, evenly over the magnitudes.
            let mean = 1 + ((random.draw() % 1000) << (random.draw() % 10));
            Self::Counter { total: random.draw() % (1 << 36), mean }
        } else if metric.is_multiple_of(2) {
            Self::Percent { hundredths: (random.draw() % 10_000) as i64 }
        } else {
            Self::Pages { pages: (random.draw() % (1 << 22)) as i64 }
        }
    }

    fn next(&mut self, random: &mut Random) -> f64 {
        match self {
            Self::Percent { hundredths } => {
                *hundredths = (*hundredths + (random.draw() % 201) as i64 - 100).clamp(0, 10_000);
                *hundredths as f64 / 100.0
            }
            Self::Pages { pages } => {
                *pages = (*pages + (random.draw() % 401) as i64 - 200).max(0);
                (*pages * 4096) as f64
            }
            Self::Counter { total, mean } => {
                *total += *mean + random.draw() % (*mean / 4 + 1);
                *total as f64
            }
            Self::Idle { total } => *total as f64,
        }
    }
}

#[cfg(test)]
mod tests;
