//! What a sample costs in the archive, by column, on generated host metrics.
//! `cargo test -p tidegate-coldstore --test size -- --nocapture` shows the
//! table.
#![allow(clippy::print_stdout, reason = "the table is what the test is run for")]

use parquet::file::reader::{FileReader, SerializedFileReader};
use tidegate_coldstore::{Coverage, EncodedHour, HourKey, HourWriter, series_order};
use tidegate_model::{FloatWindow, Labels, MetricId, SourceId, TenantId, Window, WindowValue, time};

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
    let mut random = Random(42);
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

fn encode(mut series: Vec<(Labels, Vec<Window>)>) -> EncodedHour {
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let tenant = TenantId::default();
    let mut coverage = Coverage::default();
    coverage.count(SourceId { epoch: 1, partition: 0 }, 0, series.iter().map(|(_, w)| w.len() as u64).sum());
    let mut writer = HourWriter::new(HourKey { tenant: tenant.clone(), hour: HOUR, shard: 0 }).unwrap();
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

fn print_columns(hour: &EncodedHour) {
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

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
