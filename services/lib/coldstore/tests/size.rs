//! What a sample costs in the archive, by column, on generated host metrics.
//! `cargo test -p tidegate-coldstore --test size -- --nocapture` shows the
//! table; with `--release -- --ignored --nocapture`, that of the tiers.
#![allow(clippy::print_stdout, reason = "the table is what the test is run for")]

use parquet::file::reader::{FileReader, SerializedFileReader};
use tidegate_coldstore::{Coverage, EncodedObject, ObjectKey, ObjectWriter, Period, Tier, series_order};
use tidegate_model::{FloatWindow, Labels, MetricId, SourceId, TenantId, Window, WindowValue, time};
use tidegate_testkit::Random;

const HOUR: u32 = 498_655;
const HOUR_START_MS: i64 = HOUR as i64 * 3_600_000;
const METRICS: u64 = 100;
const NAMES: u64 = 25;
/// One every 15 s.
const SAMPLES: i64 = 240;
const JITTER_MS: u64 = 8;

/// Half random walks of two and three decimals, a quarter counters that rise
/// at a constant rate, a quarter gauges that seldom change.
#[test]
fn host_metrics_cost_at_most_two_and_a_half_bytes_a_sample() {
    let bytes = measure("walks, constant rates, slow gauges", 50, Times::OfTheirOwn, host_metric);
    assert!(bytes <= 2.5, "{bytes:.3} bytes a sample");
}

/// As above, but with one time for all samples of a scrape, as Prometheus has.
#[test]
fn samples_of_a_scrape_share_their_time() {
    let bytes = measure("the same, scraped", 10, Times::OfTheHost, host_metric);
    assert!(bytes <= 1.5, "{bytes:.3} bytes a sample");
}

fn host_metric(metric: u64, random: &mut Random) -> Source {
    match metric % NAMES % 4 {
        0 => Source::Walk { at: random.below(10_000), step: 50, most: 10_000, unit: 100.0 },
        1 => Source::Walk { at: random.below(64_000), step: 100, most: 64_000, unit: 1000.0 },
        2 => Source::Counter { at: random.below(1 << 32), rate: 1 + random.below(5_000), wavers: 0 },
        _ => Source::Slow { at: random.below(1 << 30) * 4096 },
    }
}

/// Hardly any value comes twice: every counter's rate wavers by its own
/// amount, memory moves by random numbers of pages.
#[test]
fn noise_costs_more_but_not_without_bound() {
    let bytes =
        measure("walks, wavering rates, pages", 10, Times::OfTheirOwn, |metric, random| match metric % NAMES % 4 {
            0 => Source::Walk { at: random.below(10_000), step: 100, most: 10_000, unit: 100.0 },
            1 => Source::Walk { at: random.below(1 << 22), step: 1000, most: 1 << 22, unit: 1.0 / 4096.0 },
            _ => {
                let rate = 1 + (random.below(1000) << random.below(10));
                Source::Counter { at: random.below(1 << 36), rate, wavers: rate }
            }
        });
    assert!(bytes <= 4.0, "{bytes:.3} bytes a sample");
}

const DAYS: i64 = 30;
const TIER_HOSTS: u64 = 1;

/// What a series costs in a month of 30 days, tier by tier: a day of hours at
/// 5 s and one at 1 min, times 30, and a whole month at 1 h.
#[test]
#[ignore = "a month of samples takes a while; run it with --release"]
fn a_series_month_in_each_tier() {
    for every_ms in [15_000, 5_000] {
        let mut random = Random::new(42);
        let (mut hours, mut day, mut month) = (vec![Vec::new(); 24], Vec::new(), Vec::new());
        for host in 0..TIER_HOSTS {
            let phase_ms = random.below(every_ms as u64) as i64;
            for metric in 0..METRICS {
                let mut values = host_metric(metric, &mut random);
                let times = (0..DAYS * 86_400_000 / every_ms).map(|n| n * every_ms + phase_ms / 2);
                let samples = times.map(|offset_ms| {
                    let jitter_ms = random.below(JITTER_MS) as i64;
                    (MONTH_START_MS + offset_ms + jitter_ms, values.next(&mut random))
                });
                let samples: Vec<_> = samples.collect();
                let first_day = &samples[..samples.len() / DAYS as usize];
                for (hour, of_hour) in hours.iter_mut().zip(first_day.chunks(first_day.len() / 24)) {
                    hour.push((labels(host, metric), windows(of_hour, 5_000)));
                }
                day.push((labels(host, metric), windows(first_day, 60_000)));
                month.push((labels(host, metric), windows(&samples, 3_600_000)));
            }
        }
        let first_hour = (MONTH_START_MS / 3_600_000) as u32;
        let fine = hours.into_iter().zip(first_hour..).map(|(series, hour)| encode_at(Period::Hour(hour), series));
        let fine: usize = fine.map(|object| object.bytes.len()).sum();
        let day = encode_at(Period::containing(Tier::Minute, first_hour), day);
        let month = encode_at(Period::containing(Tier::Hour, first_hour), month);
        let series = TIER_HOSTS * METRICS;
        println!("a sample every {} s, {series} series:", every_ms / 1_000);
        let print = |tier: &str, bytes: usize, rows: u64| {
            println!(
                "  {tier}: {:>9.0} bytes a series-month, {:.2} a row",
                bytes as f64 / series as f64,
                bytes as f64 / rows as f64
            );
            bytes
        };
        let per_day = (86_400_000 / every_ms) as u64 * series * DAYS as u64;
        let fine = print("5s", fine * DAYS as usize, per_day);
        let minutes = print("1m", day.bytes.len() * DAYS as usize, day.rows * DAYS as u64);
        let coarse = print("1h", month.bytes.len(), month.rows);
        print_columns(&day);
        assert!(minutes < fine * 5 && coarse * 10 < minutes, "{fine} {minutes} {coarse}");
    }
}

/// 2026-11-01.
const MONTH_START_MS: i64 = 20_758 * 86_400_000;

/// The windows of ascending samples.
fn windows(samples: &[(i64, f64)], window_ms: i64) -> Vec<Window> {
    let start = |time_ms: i64| time_ms / window_ms * window_ms;
    let of_window = |samples: &[(i64, f64)]| {
        let mut window = FloatWindow::empty();
        samples.iter().for_each(|(time_ms, value)| window.push(*time_ms, *value));
        Window { start_ms: start(samples[0].0), value: WindowValue::Float(window) }
    };
    samples.chunk_by(|(a, _), (b, _)| start(*a) == start(*b)).map(of_window).collect()
}

/// Whose jitter a sample's time has.
#[derive(Clone, Copy)]
enum Times {
    OfTheirOwn,
    OfTheHost,
}

enum Source {
    Walk { at: u64, step: u64, most: u64, unit: f64 },
    Counter { at: u64, rate: u64, wavers: u64 },
    Slow { at: u64 },
}

impl Source {
    fn next(&mut self, random: &mut Random) -> f64 {
        match self {
            Self::Walk { at, step, most, unit } => {
                // Two dice: small steps are likelier than large ones.
                let (up, down) = (random.below(*step + 1), random.below(*step + 1));
                *at = (*at + up).saturating_sub(down).min(*most);
                *at as f64 / *unit
            }
            Self::Counter { at, rate, wavers } => {
                *at += *rate + random.below(*wavers + 1);
                *at as f64
            }
            Self::Slow { at } => {
                if random.below(50) == 0 {
                    *at += 4096;
                }
                *at as f64
            }
        }
    }
}

/// Writes an hour of generated series, prints what each column takes and
/// answers the bytes of the whole object by samples.
fn measure(title: &str, hosts: u64, times: Times, source: impl Fn(u64, &mut Random) -> Source) -> f64 {
    let mut random = Random::new(42);
    let mut series = Vec::new();
    for host in 0..hosts {
        let phase_ms = random.below(15_000) as i64;
        let scrapes: Vec<i64> = (0..SAMPLES).map(|_| random.below(JITTER_MS) as i64).collect();
        for metric in 0..METRICS {
            let mut values = source(metric, &mut random);
            let windows = (0..SAMPLES).map(|n| {
                let jitter_ms = match times {
                    Times::OfTheirOwn => random.below(JITTER_MS) as i64,
                    Times::OfTheHost => scrapes[n as usize],
                };
                let time_ms = HOUR_START_MS + (phase_ms + n * 15_000 + jitter_ms).min(3_599_999);
                let mut window = FloatWindow::empty();
                window.push(time_ms, values.next(&mut random));
                Window { start_ms: time::window_start_ms(time_ms), value: WindowValue::Float(window) }
            });
            series.push((labels(host, metric), windows.collect::<Vec<_>>()));
        }
    }
    let hour = encode(series);
    let bytes = hour.bytes.len() as f64 / hour.samples as f64;
    println!(
        "{title}: {} series, {} samples, {} bytes, {bytes:.3} a sample",
        hour.series,
        hour.samples,
        hour.bytes.len()
    );
    print_columns(&hour);
    bytes
}

fn encode(series: Vec<(Labels, Vec<Window>)>) -> EncodedObject {
    encode_at(Period::Hour(HOUR), series)
}

fn encode_at(period: Period, mut series: Vec<(Labels, Vec<Window>)>) -> EncodedObject {
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let tenant = TenantId::default();
    let mut coverage = Coverage::default();
    let samples = series.iter().flat_map(|(_, windows)| windows).map(|window| u64::from(window.value.samples()));
    coverage.count(SourceId { epoch: 1, partition: 0 }, 0, samples.sum());
    let mut writer = ObjectWriter::new(ObjectKey { tenant: tenant.clone(), period, shard: 0 }).unwrap();
    for (labels, windows) in &series {
        writer.series(MetricId::of(&tenant, labels), labels, windows).unwrap();
    }
    writer.finish(coverage).unwrap()
}

fn labels(host: u64, metric: u64) -> Labels {
    let (name, device) = (format!("node_metric_{:02}", metric % NAMES), format!("dev{}", metric / NAMES));
    let instance = format!("host-{host:05}.example.net:9100");
    let (region, zone) =
        (format!("region-{}", host % 4), format!("region-{}{}", host % 4, ["a", "b"][host as usize / 4 % 2]));
    let pairs = [
        ("__name__", &*name),
        ("device", &device),
        ("instance", &instance),
        ("job", "node"),
        ("region", &region),
        ("zone", &zone),
    ];
    Labels::from_pairs(pairs).unwrap()
}

fn print_columns(hour: &EncodedObject) {
    let file = SerializedFileReader::new(hour.bytes.clone()).unwrap();
    let metadata = file.metadata();
    let mut rest = hour.bytes.len() as i64;
    for (leaf, column) in metadata.file_metadata().schema_descr().columns().iter().enumerate() {
        let size: i64 = metadata.row_groups().iter().map(|group| group.column(leaf).compressed_size()).sum();
        rest -= size;
        println!("  {:>7.4}  {}", size as f64 / hour.samples as f64, column.path());
    }
    println!(
        "  {:>7.4}  footer, indexes and bloom filters of {} row groups",
        rest as f64 / hour.samples as f64,
        metadata.num_row_groups()
    );
}
