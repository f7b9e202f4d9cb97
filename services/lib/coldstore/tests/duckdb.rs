//! The archive as an analyst reads it: DuckDB, a glob over the files and
//! nothing of ours but a macro in SQL.

use std::path::Path;
use std::process::Command;

use tidegate_coldstore::{Archive, Coverage, ObjectKey, ObjectWriter, Period, series_order};
use tidegate_model::{
    Distribution, DistributionWindow, FloatWindow, Labels, MetricId, SourceId, TenantId, Window, WindowValue,
};
use tidegate_schemas::parquet::DUCKDB_MACRO;
use tidegate_testkit::skipped::{self, python_with};

/// 2026-11-20 07h.
const HOUR: u32 = 498_655;
const HOUR_START_MS: i64 = HOUR as i64 * 3_600_000;

/// Answers the rows of a query as text, or `None` without DuckDB.
fn duckdb(test: &str, setup: &str, query: &str) -> Option<String> {
    let python = python_with(skipped::DUCKDB, test)?;
    let script = "import duckdb, sys\n\
        connection = duckdb.connect()\n\
        connection.execute(\"SET TimeZone = 'UTC'\")\n\
        if sys.argv[1]: connection.execute(sys.argv[1])\n\
        for row in connection.execute(sys.argv[2]).fetchall(): print('|'.join(str(cell) for cell in row))";
    let output = Command::new(python).args(["-c", script, setup, query]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn labels(name: &str, job: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", job)]).unwrap()
}

fn float(offset_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut window = FloatWindow::empty();
    for (at_ms, value) in samples {
        window.push(HOUR_START_MS + offset_ms + at_ms, *value);
    }
    Window { start_ms: HOUR_START_MS + offset_ms, value: WindowValue::Float(window) }
}

fn distribution(offset_ms: i64, values: impl Iterator<Item = f64>) -> Window {
    let mut distribution = Distribution::empty();
    values.for_each(|value| distribution.record(value));
    let at_ms = HOUR_START_MS + offset_ms;
    let window = DistributionWindow { count: 1, first_ms: at_ms, last_ms: at_ms, distribution };
    Window { start_ms: at_ms, value: WindowValue::DeltaDistribution(window) }
}

async fn put(archive: &Archive, shard: u16, mut series: Vec<(Labels, Vec<Window>)>) {
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let tenant = TenantId::default();
    let mut writer =
        ObjectWriter::new(ObjectKey { tenant: tenant.clone(), period: Period::Hour(HOUR), shard }).unwrap();
    let mut coverage = Coverage::default();
    let source = SourceId { epoch: 1, partition: shard };
    for (labels, windows) in &series {
        coverage.count(source, 0, windows.iter().map(|window| u64::from(window.value.samples())).sum());
        writer.series(MetricId::of(&tenant, labels), labels, windows).unwrap();
    }
    archive.put(&writer.finish(coverage).unwrap()).await.unwrap();
    archive.mark_complete(&tenant, HOUR).await.unwrap();
}

/// Two objects of an hour, with the marker and the lock file around them.
async fn write_archive(root: &Path) -> String {
    let archive = Archive::local(root).unwrap();
    let up = vec![float(0, &[(1200, 1.0)]), float(15_000, &[(1201, 0.0)])];
    let cpu = vec![float(0, &[(7, 12.25), (2507, 12.75), (4000, 10.0)]), float(5_000, &[(8, 1.0 / 3.0)])];
    put(&archive, 0, vec![(labels("up", "node"), up), (labels("cpu", "node"), cpu)]).await;
    let latency = vec![distribution(0, (1..=1000).map(f64::from))];
    put(&archive, 7, vec![(labels("latency", "api"), latency)]).await;
    root.join("**/*.parquet").display().to_string()
}

#[tokio::test]
async fn names_labels_windows_and_percentiles_are_plain_columns() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_archive(folder.path()).await;
    let query = format!(
        "SELECT tenant, resolution, date, hour::INT, name, labels['job'], kind, window_start::TIMESTAMP, count, sum,
            sum_digits, sum_scale, p50, p99
         FROM '{files}' ORDER BY name, window_start"
    );
    let Some(rows) = duckdb("names_labels_windows_and_percentiles_are_plain_columns", "", &query) else { return };
    let expected = "\
default|5s|2026-11-20|7|cpu|node|float|2026-11-20 07:00:00|3|None|35|0|None|None
default|5s|2026-11-20|7|cpu|node|float|2026-11-20 07:00:05|1|0.3333333333333333|None|None|None|None
default|5s|2026-11-20|7|latency|api|distribution|2026-11-20 07:00:00|1000|500500.0|None|None|500.0|988.0
default|5s|2026-11-20|7|up|node|float|2026-11-20 07:00:00|1|None|1|0|None|None
default|5s|2026-11-20|7|up|node|float|2026-11-20 07:00:15|1|None|0|0|None|None
";
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn the_macro_fills_in_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_archive(folder.path()).await;
    let query = format!(
        "SELECT name, count, sum, min, max, first, last, first_offset_ms, last_offset_ms
         FROM tidegate('{files}') ORDER BY name, window_start"
    );
    let Some(rows) = duckdb("the_macro_fills_in_what_follows", DUCKDB_MACRO, &query) else { return };
    let expected = "\
cpu|3|35.0|10.0|12.75|12.25|10.0|7|4000
cpu|1|0.3333333333333333|0.3333333333333333|0.3333333333333333|0.3333333333333333|0.3333333333333333|8|8
latency|1000|500500.0|1.0|1000.0|None|None|0|0
up|1|1.0|1.0|1.0|1.0|1.0|1200|1200
up|1|0.0|0.0|0.0|0.0|0.0|1201|1201
";
    assert_eq!(rows, expected);
}

/// Decimal numbers come back to the bit through SQL too.
#[tokio::test]
async fn digits_are_the_values_in_sql() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::local(folder.path()).unwrap();
    let values: Vec<f64> =
        (0..700).map(|n| f64::from(n * 7919 % 100_000) / [1.0, 10.0, 1000.0, 1e6][n as usize % 4]).collect();
    let windows = values.iter().enumerate().map(|(n, value)| float(n as i64 * 5000, &[(0, *value)])).collect();
    put(&archive, 0, vec![(labels("any", "node"), windows)]).await;
    let files = folder.path().join("**/*.parquet").display().to_string();
    let query = format!("SELECT sum FROM tidegate('{files}') ORDER BY window_start");
    let Some(rows) = duckdb("digits_are_the_values_in_sql", DUCKDB_MACRO, &query) else { return };
    let read: Vec<f64> = rows.lines().map(|row| row.parse().unwrap()).collect();
    assert_eq!(read, values);
}

/// Whoever finds a file without its documentation is told how to read it.
#[tokio::test]
async fn a_file_says_how_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_archive(folder.path()).await;
    let query = format!(
        "SELECT DISTINCT decode(value) FROM parquet_kv_metadata('{files}') WHERE decode(key) = 'tidegate.columns'"
    );
    let Some(rows) = duckdb("a_file_says_how_it_is_read", "", &query) else { return };
    assert!(rows.contains("sum = coalesce(sum, sum_digits / pow(10, sum_scale))"), "{rows}");
    assert_eq!(rows.lines().count(), 1, "{rows}");
}
