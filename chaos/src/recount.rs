//! Counting again what is stored, by ways that share no code with the product's readers: DuckDB over the Parquet
//! files; and, through the front door, the query API.

use std::path::Path;

use anyhow::{Context, ensure};
use tidegate_testkit::Api;

use crate::client::{LIVE, PAST};
use crate::tally::{Cell, MINUTE_MS, Tally};

const PROGRAM: &str = include_str!("recount.py");
/// Steps of one range query; more are refused.
const STEPS: i64 = 10_000;

/// Windows of 5 s in all files below `folder`.
pub async fn parquet(folder: &Path) -> anyhow::Result<Tally> {
    let python = std::env::var_os("TIDEGATE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = tokio::process::Command::new(&python);
    let output = command.arg("-c").arg(PROGRAM).arg(folder).output().await;
    let output = output.with_context(|| format!("starting {}", python.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the recount by DuckDB: {errors}");
    let mut tally = Tally::default();
    for line in String::from_utf8(output.stdout)?.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().with_context(|| format!("the recount says {line:?}"));
        let (series, start_ms) = (word()?, word()?.parse()?);
        tally.add_window(series, start_ms, Cell { samples: word()?.parse()?, sum: word()?.parse()? });
    }
    Ok(tally)
}

/// Minutes of all series from `first_ms` to `last_ms`, which are starts of minutes.
pub async fn api(api: &Api, first_ms: i64, last_ms: i64) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut from_ms = first_ms;
    while from_ms <= last_ms {
        let until_ms = last_ms.min(from_ms + (STEPS - 1) * MINUTE_MS);
        for name in [LIVE, PAST] {
            for (function, cell) in [("count", count as fn(f64) -> Cell), ("sum", sum)] {
                let query = format!("{function}_over_time({name}[1m])");
                // A range is open at its left end and closed at its right one.
                let last_of_minute_ms = MINUTE_MS - 1;
                let (start_ms, end_ms) = (from_ms + last_of_minute_ms, until_ms + last_of_minute_ms);
                for (labels, points) in api.query_range(&query, start_ms, end_ms, MINUTE_MS).await? {
                    let series = labels.get("id").with_context(|| format!("{name} has no id: {labels:?}"))?;
                    for (seconds, value) in points {
                        let start_ms = (seconds * 1_000.0).round() as i64 - last_of_minute_ms;
                        tally.add_window(series, start_ms, cell(value));
                    }
                }
            }
        }
        from_ms = until_ms + MINUTE_MS;
    }
    Ok(tally)
}

fn count(value: f64) -> Cell {
    Cell { samples: value as u64, sum: 0 }
}

fn sum(value: f64) -> Cell {
    Cell { samples: 0, sum: value as i64 }
}
