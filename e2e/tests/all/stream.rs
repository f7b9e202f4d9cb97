//! Server-sent events go on after a crash of the server where they stopped: no step is missing, none comes twice, and
//! every sample is in exactly one. A sample that came after its step, on a busy machine, is in the step's correction.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tidegate_testkit::sse::EventStream;
use tidegate_testkit::{Series, Server, now_ms, push};

use crate::support::push_until_taken;

const STEP_MS: i64 = 5_000;
const EVENT_LIMIT: Duration = Duration::from_secs(90);
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
            push_until_taken(agent, &series, Duration::from_secs(60)).await?;
            pushed += 2;
        }
    }
    Ok(pushed)
}

/// What a client has been told, by all its connections together.
#[derive(Debug, Default)]
struct Seen {
    last_id: String,
    /// In the order in which they came.
    steps: Vec<i64>,
    /// The sum of a step's values.
    sums: BTreeMap<i64, f64>,
}

impl Seen {
    async fn next(&mut self, stream: &mut EventStream) -> anyhow::Result<()> {
        let event = stream.next(EVENT_LIMIT).await?.context("the stream ended")?;
        let data: serde_json::Value = serde_json::from_str(&event.data)?;
        let step_ms = data["time"].as_i64().with_context(|| event.data.clone())? * 1_000;
        let points = data["points"].as_array().into_iter().flatten();
        let sum = points.filter_map(|point| point[1].as_str()?.parse::<f64>().ok()).sum();
        match event.event.as_str() {
            "" => self.steps.push(step_ms),
            "correction" => ensure!(self.sums.contains_key(&step_ms), "of no step: {event:?}"),
            _ => bail!("{event:?}"),
        }
        self.sums.insert(step_ms, sum);
        if !event.id.is_empty() {
            self.last_id = event.id;
        }
        Ok(())
    }

    fn samples(&self) -> f64 {
        self.sums.values().sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_after_a_crash_with_no_gap_and_no_repeat() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let mut agent = push::Agent::new(&server.grpc_url(), [7; 16], "streaming")?;
    let mut stream = EventStream::open(&server.http_url(), QUERY, None).await?;
    let mut seen = Seen::default();

    let mut pushed = push_windows(&mut agent, 2).await?;
    while seen.steps.len() < 2 {
        seen.next(&mut stream).await?;
    }
    // The client goes, and does not see what comes next.
    drop(stream);
    pushed += push_windows(&mut agent, 1).await?;
    server.kill9();
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.start().await?;
    pushed += push_windows(&mut agent, 2).await?;
    let end = now_ms();

    let mut stream = EventStream::open(&server.http_url(), QUERY, Some(&seen.last_id)).await?;
    let begin = Instant::now();
    while seen.steps.last().is_none_or(|step| *step < end) || seen.samples() < pushed as f64 {
        ensure!(begin.elapsed() < EVENT_LIMIT, "{pushed} samples were pushed: {seen:?}");
        seen.next(&mut stream).await?;
    }
    ensure!(seen.samples() == pushed as f64, "{pushed} samples were pushed: {seen:?}");
    let no_gap = seen.steps.windows(2).all(|two| two[1] - two[0] == STEP_MS);
    ensure!(no_gap, "{seen:?}");
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
