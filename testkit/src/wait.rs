//! Waiting for something to become true, with an end.

use std::time::{Duration, Instant};

use anyhow::bail;

/// Tries `check` each `every` until it gives `Some`; after `limit`, an error that names `what`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    every: Duration,
    mut check: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begin = Instant::now();
    let mut last = String::from("not yet");
    while begin.elapsed() < limit {
        match check().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(error) => last = format!("{error:#}"),
        }
        tokio::time::sleep(every).await;
    }
    bail!("{what}: not within {limit:?}; last: {last}")
}
