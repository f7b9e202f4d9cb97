//! What several scenarios do.

use std::time::{Duration, Instant};

use anyhow::ensure;
use tidegate_testkit::{Api, Series, Server, eventually, push, remote_write};

/// How long after a push its windows take to be seen at most: the window's end, a second, and room for a busy machine.
pub const SEEN_LIMIT: Duration = Duration::from_secs(90);

/// Waits until an instant query gives this number.
pub async fn gives(api: &Api, query: &str, expected: f64, limit: Duration) -> anyhow::Result<()> {
    eventually(&format!("{query} gives {expected}"), limit, Duration::from_millis(500), async || {
        let number = api.number(query).await?;
        ensure!(number == expected, "it gives {number}");
        Ok(Some(()))
    })
    .await
}

/// That the server still does its work: a push is taken, and is seen by a query.
pub async fn still_works(server: &Server, name: &str) -> anyhow::Result<()> {
    let series = [Series::new(name, &[]).at(tidegate_testkit::now_ms(), 1.0)];
    let answer = remote_write::send(&server.http_url(), remote_write::Version::V1, &series).await?;
    ensure!(answer.status().is_success(), "a good push gives {}: {}", answer.status(), answer.text().await?);
    gives(&server.api(), &format!("sum(count_over_time({name}[5m]))"), 1.0, SEEN_LIMIT).await
}

/// Sends a batch until it is taken, as an agent does: the same bytes, however often the server dies meanwhile.
pub async fn push_until_taken(agent: &mut push::Agent, series: &[Series], limit: Duration) -> anyhow::Result<()> {
    let batch = agent.batch(series);
    let begin = Instant::now();
    loop {
        match agent.send(batch.clone()).await {
            Ok(answer) => {
                ensure!(answer.rejected.is_empty(), "rejected: {:?}", answer.rejected);
                return Ok(());
            }
            Err(status) => ensure!(begin.elapsed() < limit, "not taken within {limit:?}: {status}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
