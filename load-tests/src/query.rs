//! Queries over the same data in each server: how long the answers take.

mod cases;
mod data;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tidegate_testkit::{eventually, now_ms};

use crate::client::{Connection, Outcome};
use crate::process;
use crate::quantile::Latencies;
use crate::target::Target;
use cases::{Ask, Case};
pub use data::Size;

const BATCH: usize = 2_000;
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// All that was pushed is there within this.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
/// The hours of a day are shipped within this.
const ARCHIVE_LIMIT: Duration = Duration::from_secs(300);
/// Each case is asked for this long, and for a number of times within bounds.
const CASE_TIME: Duration = Duration::from_secs(4);
const FEWEST: usize = 5;
const MOST: usize = 200;

/// How a server answered a case.
pub struct Answered {
    pub case: String,
    pub latencies: Latencies,
    /// The first time, before anything of it was at hand.
    pub first: Duration,
    /// Series in an answer, all of a dashboard's panels together; to see that servers answered alike.
    pub series: usize,
    /// Bytes of an answer.
    pub bytes: usize,
}

/// Pushes the data, waits until they can be queried. Gives the time of the last sample.
pub async fn load(target: &Target, size: Size, seed: u64) -> anyhow::Result<i64> {
    let mut connection = Connection::open(target.protocol, target.port, "load-query").await?;
    let now_ms = now_ms();
    let (mut sequence, begin) = (0, Instant::now());
    let samples = data::Rounds::new(size, seed)
        .each(now_ms, async |round| {
            for batch in round.chunks(BATCH) {
                sequence += 1;
                let body = target.protocol.body(batch, seed, sequence)?;
                while let Outcome::Busy(_) = connection.send(body.clone()).await? {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
            }
            Ok(())
        })
        .await?;
    println!("{}: {samples} samples in {:.1} s", target.name, begin.elapsed().as_secs_f64());
    settle(target, size, now_ms).await?;
    Ok(now_ms)
}

/// Waits until the last sample of everything is found, and the first of the hosts.
async fn settle(target: &Target, size: Size, now_ms: i64) -> anyhow::Result<()> {
    let host_rounds = size.history.as_secs() / 60;
    let wanted = [
        (
            format!("sum(count_over_time({}[{}s]))", data::host_metric(0), size.history.as_secs()),
            size.hosts as u64 * host_rounds,
        ),
        ("count(bench_requests_total)".to_owned(), size.counters as u64),
        ("count(bench_duration_seconds_bucket)".to_owned(), size.histograms as u64 * 12),
        ("count(bench_pod_info)".to_owned(), size.pods as u64),
    ];
    for (query, wanted) in wanted {
        let what = format!("{}: {query} gives {wanted}", target.name);
        eventually(&what, SETTLE_LIMIT, Duration::from_millis(500), async || {
            let answer = target.api.query_at(&query, now_ms + 1_000).await?;
            let found = answer.first().and_then(|(_, points)| points.first()).map_or(0.0, |(_, value)| *value);
            Ok((found as u64 >= wanted).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Waits until the archive has all hours of the hosts' data but the last two.
pub async fn until_archived(target: &Target, size: Size) -> anyhow::Result<()> {
    let hours = usize::try_from(size.history.as_secs() / 3_600)?.saturating_sub(2);
    let archive = target.data_dir.join("archive");
    eventually("the archive has the hours", ARCHIVE_LIMIT, Duration::from_secs(1), async || {
        Ok((process::count_named(&archive, "_SUCCESS") >= hours).then_some(()))
    })
    .await
}

/// Asks every case; `cold` ones with times at which the hosts' data are in the archive.
pub async fn run(target: &Target, size: Size, end_ms: i64, only: &[String]) -> anyhow::Result<Vec<Answered>> {
    let mut answered = Vec::new();
    for case in cases::all(size) {
        if only.is_empty() || only.iter().any(|name| case.name.contains(name.as_str())) {
            answered.push(ask(target, &case, end_ms).await.with_context(|| format!("{}: {}", target.name, case.name))?);
        }
    }
    Ok(answered)
}

async fn ask(target: &Target, case: &Case, end_ms: i64) -> anyhow::Result<Answered> {
    let (first, (series, bytes)) = once(target, &case.asks, end_ms).await?;
    let mut latencies = Latencies::default();
    let begin = Instant::now();
    while latencies.len() < FEWEST || (begin.elapsed() < CASE_TIME && latencies.len() < MOST) {
        latencies.add(once(target, &case.asks, end_ms).await?.0);
    }
    Ok(Answered { case: case.name.clone(), latencies, first, series, bytes })
}

/// All of a case's requests at once, as a browser sends a dashboard's: six at a time.
async fn once(target: &Target, asks: &[Ask], end_ms: i64) -> anyhow::Result<(Duration, (usize, usize))> {
    const AT_ONCE: usize = 6;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    let (mut series, mut bytes) = (0, 0);
    let mut take = |done: anyhow::Result<(usize, usize)>| {
        let (more_series, more_bytes) = done?;
        (series, bytes) = (series + more_series, bytes + more_bytes);
        anyhow::Ok(())
    };
    for ask in asks {
        if tasks.len() == AT_ONCE
            && let Some(done) = tasks.join_next().await
        {
            take(done?)?;
        }
        let (api, path) = (target.api.clone(), ask.path(end_ms, target.parameters));
        tasks.spawn(async move {
            let (status, text) = api.get(&path).await?;
            if status != 200 {
                bail!("{status}: {text:.300}");
            }
            let labels = if text.contains("\"data\":[") { text.matches("\",\"").count() + 1 } else { 0 };
            Ok((text.matches("\"metric\":").count() + labels, text.len()))
        });
    }
    while let Some(done) = tasks.join_next().await {
        take(done?)?;
    }
    let took = begin.elapsed();
    Ok((took, (series, bytes)))
}
