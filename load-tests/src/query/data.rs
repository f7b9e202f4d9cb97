//! What the queries are about: hosts over a day, counters and classic histograms of the last hour, and many names of pods.

use std::time::Duration;

use clap::Args;
use tidegate_testkit::{Random, Series};

/// Metrics of a host: every other one is a counter.
pub const HOST_METRICS: usize = 10;
const JOBS: usize = 20;
const BUCKET: &str = "bench_duration_seconds_bucket";
/// Upper bounds of the histograms' buckets, in seconds; `+Inf` comes besides.
const BOUNDS: [&str; 11] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"];

const HOST_INTERVAL_MS: i64 = 60_000;
const RECENT_INTERVAL_MS: i64 = 15_000;

/// How much there is to query.
#[derive(Args, Clone, Copy, Debug)]
pub struct Size {
    /// Hosts of 10 metrics, a sample a minute.
    #[arg(long, default_value_t = 100)]
    pub hosts: usize,
    /// How far back the hosts' samples reach.
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
    pub history: Duration,
    /// Counters in 20 jobs, a sample each 15 s.
    #[arg(long, default_value_t = 10_000)]
    pub counters: usize,
    /// Classic histograms of 12 buckets, a sample each 15 s.
    #[arg(long, default_value_t = 1_000)]
    pub histograms: usize,
    /// How far back counters and histograms reach.
    #[arg(long, default_value = "30m", value_parser = humantime::parse_duration)]
    pub recent: Duration,
    /// Series of one sample, each of another label value.
    #[arg(long, default_value_t = 100_000)]
    pub pods: usize,
}

/// Samples of the same time, in the order in which they are sent.
pub struct Rounds {
    size: Size,
    random: Random,
    hosts: Vec<Series>,
    recent: Vec<Series>,
}

impl Rounds {
    pub fn new(size: Size, seed: u64) -> Self {
        let hosts = (0..size.hosts).flat_map(|host| (0..HOST_METRICS).map(move |metric| host_series(host, metric)));
        let counters = (0..size.counters).map(counter_series);
        let histograms = (0..size.histograms).flat_map(histogram_series);
        Self { size, random: Random::new(seed), hosts: hosts.collect(), recent: counters.chain(histograms).collect() }
    }

    /// Calls `send` with every round, ascending in time up to `now_ms`.
    pub async fn each(
        &mut self,
        now_ms: i64,
        mut send: impl AsyncFnMut(&[Series]) -> anyhow::Result<()>,
    ) -> anyhow::Result<u64> {
        let rounds = |length: Duration, interval_ms: i64| i64::try_from(length.as_millis()).unwrap_or(0) / interval_ms;
        let mut samples = 0;
        for round in (0..rounds(self.size.history, HOST_INTERVAL_MS)).rev() {
            advance(&mut self.hosts, now_ms - round * HOST_INTERVAL_MS, &mut self.random);
            samples += self.hosts.len() as u64;
            send(&self.hosts).await?;
        }
        for round in (0..rounds(self.size.recent, RECENT_INTERVAL_MS)).rev() {
            advance(&mut self.recent, now_ms - round * RECENT_INTERVAL_MS, &mut self.random);
            samples += self.recent.len() as u64;
            send(&self.recent).await?;
        }
        let pods: Vec<Series> = (0..self.size.pods).map(|pod| pod_series(pod).at(now_ms, 1.0)).collect();
        send(&pods).await?;
        Ok(samples + pods.len() as u64)
    }
}

/// The next sample of each.
fn advance(series: &mut [Series], time_ms: i64, random: &mut Random) {
    for one in series {
        let before = one.samples.last().map_or(0.0, |(_, value)| *value);
        let value = match one.name() {
            // Buckets are cumulative: the steps grow with the bound's place.
            BUCKET => before + (random.draw() % 5) as f64 + 5.0 * bucket_place(one) as f64,
            name if name.ends_with("_total") => before + (random.draw() % 50) as f64,
            _ => (random.draw() % 10_000) as f64 / 100.0,
        };
        one.samples.clear();
        one.samples.push((time_ms, value));
    }
}

fn bucket_place(series: &Series) -> usize {
    let le = series.labels.iter().find(|(name, _)| name == "le").map_or("", |(_, le)| le);
    BOUNDS.iter().position(|bound| *bound == le).unwrap_or(BOUNDS.len())
}

pub fn host_metric(metric: usize) -> String {
    format!("bench_host_{metric}_{}", if metric % 2 == 1 { "total" } else { "percent" })
}

pub fn host(host: usize) -> String {
    format!("host-{host:04}")
}

fn host_series(index: usize, metric: usize) -> Series {
    Series::new(
        &host_metric(metric),
        &[("instance", &host(index)), ("job", "hosts"), ("region", &format!("r{}", index % 4))],
    )
}

fn counter_series(index: usize) -> Series {
    let (job, instance) = (format!("job-{:02}", index % JOBS), format!("i-{index:05}"));
    Series::new("bench_requests_total", &[("instance", &instance), ("job", &job), ("path", "/")])
}

fn histogram_series(index: usize) -> Vec<Series> {
    let (endpoint, instance) = (format!("/e/{}", index % 50), format!("i-{index:05}"));
    let bounds = BOUNDS.iter().copied().chain(["+Inf"]);
    bounds.map(|le| Series::new(BUCKET, &[("endpoint", &endpoint), ("instance", &instance), ("le", le)])).collect()
}

fn pod_series(index: usize) -> Series {
    Series::new("bench_pod_info", &[("pod", &format!("pod-{index:06}")), ("node", &format!("node-{}", index % 100))])
}
