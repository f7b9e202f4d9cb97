//! An hour that is over is shipped as Parquet, which DuckDB reads; the queries go on answering the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;
use tidegate_schemas::parquet::DUCKDB_MACRO;
use tidegate_testkit::remote_write::{self, Version};
use tidegate_testkit::{Series, Server, eventually, now_ms, skipped};

use crate::support::{SEEN_LIMIT, gives};

const HOUR_MS: i64 = 3_600_000;
/// The fragment's close (70 s), its flush, sealing and shipping, and room for a busy machine.
const SHIPPED_LIMIT: Duration = Duration::from_secs(240);

const HOSTS: usize = 10;
const SAMPLES: i64 = 60;

/// Half an hour of the previous hour, in the middle of it, 30 s apart.
fn series() -> Vec<Series> {
    let start = (now_ms().div_euclid(HOUR_MS) - 1) * HOUR_MS + 900_000;
    let of_host = |host: usize| {
        let mut series = Series::new("archived", &[("host", &format!("h{host}"))]);
        series.samples = (0..SAMPLES).map(|index| (start + index * 30_000, (host as i64 * index) as f64)).collect();
        series
    };
    (0..HOSTS).map(of_host).collect()
}

fn parquet_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            parquet_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "parquet") {
            found.push(path);
        }
    }
}

#[tokio::test]
async fn duckdb_reads_a_shipped_hour() -> anyhow::Result<()> {
    let Some(python) = skipped::python_with(skipped::DUCKDB, "duckdb_reads_a_shipped_hour") else { return Ok(()) };
    let mut server = Server::quiet_options().set("compactor.settle_seconds", 1).start().await?;
    let answer = remote_write::send(&server.http_url(), Version::V1, &series()).await?;
    ensure!(answer.status().is_success(), "{answer:?}");
    let total = HOSTS as f64 * SAMPLES as f64;
    let query = "sum(count_over_time(archived[3h]))";
    gives(&server.api(), query, total, SEEN_LIMIT + Duration::from_secs(90)).await?;

    let archive = server.data_dir().join("archive");
    let done = eventually("the hour is shipped", SHIPPED_LIMIT, Duration::from_secs(1), async || {
        let mut files = Vec::new();
        parquet_files(&archive, &mut files);
        let hour = files.first().and_then(|file| file.parent()).map(Path::to_owned);
        Ok(hour.filter(|hour| hour.join("_SUCCESS").exists()))
    })
    .await?;
    // Parts of the push may lie in two minutes, of which the second closes and is shipped later.
    let all = HOSTS as u64 * SAMPLES.cast_unsigned();
    let running = eventually("all samples are shipped", SHIPPED_LIMIT, Duration::from_secs(2), async || {
        let verified = server.verify()?;
        ensure!(verified.holds && verified.total("counted") == all && verified.total("archive") == all, "{verified:?}");
        Ok(Some(verified))
    })
    .await?;
    ensure!(done.to_string_lossy().contains("tenant=default/resolution=5s/date="), "{}", done.display());

    let sql = format!(
        "SELECT name, count(DISTINCT labels['host']), sum(count)::INT, min(window_start) < max(window_start), \
         sum(sum), min(min), max(last) FROM tidegate('{}/**/*.parquet') GROUP BY name",
        archive.display()
    );
    let program = "import duckdb, sys\n\
        connection = duckdb.connect()\n\
        connection.execute(sys.argv[1])\n\
        print(connection.execute(sys.argv[2]).fetchall())";
    let output = Command::new(python).args(["-c", program, DUCKDB_MACRO, &sql]).output()?;
    let hosts = HOSTS as i64;
    let sum: i64 = (0..hosts).map(|host| host * SAMPLES * (SAMPLES - 1) / 2).sum();
    let largest = (hosts - 1) * (SAMPLES - 1);
    let expected = format!("[('archived', {hosts}, {}, True, {sum}.0, 0.0, {largest}.0)]", hosts * SAMPLES);
    let (found, error) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(found.trim() == expected, "{found}, not {expected}\n{error}");

    gives(&server.api(), query, total, SEEN_LIMIT).await?;
    ensure!(server.terminate().await?.success(), "{}", server.output());
    let stopped = server.verify()?;
    ensure!(stopped.holds && stopped.report == running.report, "{stopped:?}, before {running:?}");

    // An object that lost its end, then its all: noticed, and said.
    let mut files = Vec::new();
    parquet_files(&archive, &mut files);
    let file = std::fs::OpenOptions::new().write(true).open(&files[0])?;
    file.set_len(file.metadata()?.len() - 100)?;
    let cut = server.verify()?;
    ensure!(!cut.holds && cut.report.to_string().contains(".parquet"), "{} was cut: {cut:?}", files[0].display());
    std::fs::remove_file(&files[0])?;
    let removed = server.verify()?;
    ensure!(!removed.holds, "{} was removed: {removed:?}", files[0].display());
    Ok(())
}
