//! `docs/archive.md` shows what its snippets do: each block of SQL and Python
//! is run, and the block of text after it is what came out.

use std::path::Path;
use std::process::Command;

use tidegate_coldstore::{Archive, Coverage, ObjectKey, ObjectWriter, Period, Tier, series_order};
use tidegate_model::{
    Distribution, DistributionWindow, FloatWindow, Labels, MetricId, SourceId, TenantId, Window, WindowValue,
};
use tidegate_schemas::parquet::DUCKDB_MACRO;
use tidegate_testkit::skipped::{self, python_with};

const PAGE: &str = include_str!("../../../../docs/archive.md");
const README: &str = include_str!("../../../../README.md");
/// 2026-11-20 07h.
const HOUR: u32 = 498_655;
const HOUR_START_MS: i64 = HOUR as i64 * 3_600_000;
/// As the page has it; the tests put their own folder in its place.
const ROOT: &str = "data/archive";

/// Runs the statements and prints the last one's rows as the page shows them.
const DUCKDB: &str = "\
import duckdb, sys
connection = duckdb.connect()
connection.execute(\"SET TimeZone = 'UTC'\")
for statement in sys.argv[1:]: rows = connection.execute(statement)
table = [[column[0] for column in rows.description]] + [[str(cell) for cell in row] for row in rows.fetchall()]
widths = [max(map(len, column)) for column in zip(*table)]
for row in table: print('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
";

/// The fenced blocks of a language, each with the block of text that follows
/// at once, if one does.
fn blocks(language: &str) -> Vec<(&'static str, Option<&'static str>)> {
    blocks_of(PAGE, language)
}

fn blocks_of(page: &'static str, language: &str) -> Vec<(&'static str, Option<&'static str>)> {
    let fenced = |text: &'static str, language: &str| {
        let (block, rest) =
            text.strip_prefix("```")?.strip_prefix(language)?.strip_prefix('\n')?.split_once("```\n")?;
        Some((block, rest))
    };
    let starts = page.match_indices("\n```").map(|(at, _)| &page[at + 1..]);
    let found = starts.filter_map(|text| fenced(text, language));
    found.map(|(block, rest)| (block, fenced(rest.trim_start(), "text").map(|(shown, _)| shown))).collect()
}

fn python(interpreter: &Path, arguments: &[String]) -> String {
    let output = Command::new(interpreter).arg("-c").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn labels(name: &str, label: &str, value: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "example"), (label, value)]).unwrap()
}

fn scraped(values: impl Iterator<Item = f64>) -> Vec<Window> {
    let window = |(n, value): (i64, f64)| {
        let start_ms = HOUR_START_MS + n * 15_000;
        let mut window = FloatWindow::empty();
        window.push(start_ms + 7, value);
        Window { start_ms, value: WindowValue::Float(window) }
    };
    (0..240).zip(values).map(window).collect()
}

/// Latencies in ms, of which a few are slow; a minute of trouble at 40 past.
fn latencies(random: &mut Random, usual_ms: u64) -> Vec<Window> {
    let mut window = |n: i64| {
        let mut distribution = Distribution::empty();
        let times = if (480..492).contains(&n) { 8 } else { 1 };
        for _ in 0..20 + random.below(20) {
            let slow = if random.below(50) == 0 { 10 } else { 1 };
            distribution.record((usual_ms + random.below(usual_ms)) as f64 * f64::from(slow * times) / 4.0);
        }
        let start_ms = HOUR_START_MS + n * 5_000;
        let value = DistributionWindow { count: 1, first_ms: start_ms, last_ms: start_ms, distribution };
        Window { start_ms, value: WindowValue::DeltaDistribution(value) }
    };
    (0..720).map(&mut window).collect()
}

fn joined(windows: &[Window], window_ms: i64) -> Vec<Window> {
    let mut joined: Vec<Window> = Vec::new();
    for Window { start_ms, value } in windows.iter().cloned() {
        let start_ms = start_ms / window_ms * window_ms;
        match joined.last_mut() {
            Some(last) if last.start_ms == start_ms => last.value.merge(value).unwrap(),
            _ => joined.push(Window { start_ms, value }),
        }
    }
    joined
}

async fn write_example(root: &Path) {
    let mut random = Random(1);
    let mut series = Vec::new();
    for (instance, load) in [("web-1", 40), ("web-2", 250)] {
        let loads: Vec<f64> = (0..240).map(|_| (load + random.below(100)) as f64 / 100.0).collect();
        series.push((labels("node_load1", "instance", instance), scraped(loads.into_iter())));
        // The host restarts once.
        let mut bytes = 0;
        let counted: Vec<f64> = (0..240)
            .map(|n| {
                bytes = if n == 100 { 0 } else { bytes + 1_000_000 + random.below(1_000) };
                bytes as f64
            })
            .collect();
        series.push((labels("node_network_receive_bytes_total", "instance", instance), scraped(counted.into_iter())));
    }
    for (endpoint, usual_ms) in [("/login", 80), ("/search", 200)] {
        let windows = latencies(&mut random, usual_ms);
        series.push((labels("http_request_duration_milliseconds", "endpoint", endpoint), windows));
    }
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let (archive, tenant) = (Archive::local(root).unwrap(), TenantId::default());
    // All tiers are there: no example may count a sample twice.
    for tier in Tier::ALL {
        let key = ObjectKey { tenant: tenant.clone(), period: Period::containing(tier, HOUR), shard: 0 };
        let mut writer = ObjectWriter::new(key).unwrap();
        let mut coverage = Coverage::default();
        for (labels, windows) in &series {
            let samples = windows.iter().map(|window| u64::from(window.value.samples())).sum();
            coverage.count(SourceId { epoch: 1, partition: 0 }, 0, samples);
            writer.series(MetricId::of(&tenant, labels), labels, &joined(windows, tier.window_ms())).unwrap();
        }
        archive.put(&writer.finish(coverage).unwrap()).await.unwrap();
    }
    archive.mark_complete(&tenant, HOUR).await.unwrap();
}

#[test]
fn the_page_has_the_macro_as_it_is() {
    assert_eq!(blocks("sql").first().map(|(block, _)| *block), Some(DUCKDB_MACRO));
}

#[tokio::test]
async fn the_readme_asks_duckdb_for_what_is_there() {
    let Some(interpreter) = python_with(skipped::DUCKDB, "the_readme_asks_duckdb_for_what_is_there") else { return };
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path()).await;
    let examples = blocks_of(README, "sql");
    assert_eq!(examples.len(), 1);
    let query = examples[0].0.replace(ROOT, &folder.path().display().to_string());
    let answer = python(&interpreter, &[DUCKDB.into(), DUCKDB_MACRO.into(), query]);
    let rows: Vec<&str> = answer.lines().skip(1).collect();
    assert_eq!(rows.len(), 3, "{answer}");
    assert!(rows[0].starts_with("node_load1  web-1     2026-11-20 07:00:00"), "{answer}");
}

#[tokio::test]
async fn the_page_shows_what_duckdb_answers() {
    let Some(interpreter) = python_with(skipped::DUCKDB, "the_page_shows_what_duckdb_answers") else { return };
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path()).await;
    let examples: Vec<_> = blocks("sql").into_iter().skip(1).collect();
    assert_eq!(examples.len(), 3);
    for (query, shown) in examples {
        let query = query.replace(ROOT, &folder.path().display().to_string());
        let answer = python(&interpreter, &[DUCKDB.into(), DUCKDB_MACRO.into(), query]);
        assert_eq!(Some(answer.as_str()), shown, "{answer}");
    }
}

#[tokio::test]
async fn the_page_shows_what_python_answers() {
    let test = "the_page_shows_what_python_answers";
    let Some(interpreter) = python_with(&["pyarrow", "pandas"], test) else { return };
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path()).await;
    let found = blocks("python");
    let script: String = found.iter().map(|(block, _)| *block).collect();
    let check = "\nloads = tidegate('data/archive', filter=ds.field('name') == 'node_load1').to_pandas()\n\
        assert len(loads) == 480 and not loads[['sum', 'min', 'max', 'first', 'last', 'last_offset_ms']].isna().any(axis=None)\n";
    let script = (script + check).replace(ROOT, &folder.path().display().to_string());
    let answer = python(&interpreter, &[script]);
    assert_eq!(Some(answer.as_str()), found.last().and_then(|(_, shown)| *shown), "{answer}");
}
