//! Server-sent events go on after a crash of the server where they stopped: no step is missing, none comes twice, and
//! every sample is in exactly one.

use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::sse::EventStream;
use tidegate_testkit::{Series, Server, now_ms, push};

use crate::support::{event_sum, push_until_taken};

const STEP_MS: i64 = 5_000;
const EVENT_LIMIT: Duration = Duration::from_secs(40);
const QUERY: &str = "sum(count_over_time(streamed[5s]))";

/// Pushes samples early in each of the next windows, as they come; gives the number of samples.
async fn push_windows(agent: &mut push::Agent, windows: u32) -> anyhow::Result<u64> {
    let mut pushed = 0;
    for _ in 0..windows {
        let start = now_ms().div_euclid(STEP_MS) * STEP_MS + STEP_MS;
        for offset in [500, 1_500, 2_500] {
            let time = start + offset;
            let wait = u64::try_from(time - now_ms()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let series = ["a", "b"].map(|host| Series::new("streamed", &[("host", host)]).at(time, 1.0));
            push_until_taken(agent, &series, Duration::from_secs(10)).await?;
            pushed += 2;
        }
    }
    Ok(pushed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_after_a_crash_with_no_gap_and_no_repeat() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let mut agent = push::Agent::new(&server.grpc_url(), [7; 16], "streaming")?;
    let mut stream = EventStream::open(&server.http_url(), QUERY, None).await?;
    let mut events: Vec<(i64, f64)> = Vec::new();

    let mut pushed = push_windows(&mut agent, 2).await?;
    while events.len() < 2 {
        events.push(event_sum(&stream.next(EVENT_LIMIT).await?.context("the stream ended")?)?);
    }
    // The client goes, and does not see what comes next.
    drop(stream);
    pushed += push_windows(&mut agent, 1).await?;
    server.kill9();
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.start().await?;
    pushed += push_windows(&mut agent, 2).await?;
    let end = now_ms();

    let last = events.last().map(|(id, _)| id.to_string());
    let mut stream = EventStream::open(&server.http_url(), QUERY, last.as_deref()).await?;
    while events.last().is_none_or(|(id, _)| *id < end) {
        events.push(event_sum(&stream.next(EVENT_LIMIT).await?.context("the stream ended")?)?);
    }

    let ids: Vec<i64> = events.iter().map(|(id, _)| *id).collect();
    let steps: Vec<i64> = ids.windows(2).map(|two| two[1] - two[0]).collect();
    ensure!(steps.iter().all(|step| *step == STEP_MS), "ids {ids:?}");
    let seen: f64 = events.iter().map(|(_, sum)| sum).sum();
    ensure!(seen == pushed as f64, "{pushed} samples were pushed, {seen} streamed: {events:?}");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let api = server.api();
    for (query, word) in [("up[5m]", "range"), ("sum(", "parse error"), ("", "query")] {
        let refused = EventStream::open(&server.http_url(), query, None).await.err().context("it is streamed")?;
        let text = format!("{refused:#}");
        ensure!(text.contains("400") && text.to_lowercase().contains(word), "{query:?}: {text}");
    }
    let refused =
        EventStream::open(&server.http_url(), "up", Some("yesterday")).await.err().context("it is streamed")?;
    ensure!(format!("{refused:#}").contains("400"), "{refused:#}");
    ensure!(api.ready().await);
    Ok(())
}
