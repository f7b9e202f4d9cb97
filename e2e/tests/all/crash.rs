//! Nothing acknowledged is lost, nothing is counted twice, however often the process is killed under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use tidegate_testkit::{Api, Series, Server, eventually, now_ms, push};

use crate::support::push_until_taken;

const KILLS: u32 = 30;
const AGENTS: u8 = 4;
const SERIES_PER_AGENT: usize = 25;
/// A batch that waits for the server to come back.
const BATCH_LIMIT: Duration = Duration::from_secs(60);
/// The close of the last minute (70 s), its flush, and room for a busy machine.
const STORED_LIMIT: Duration = Duration::from_secs(240);

/// What an agent has had acknowledged, for each of its series.
#[derive(Clone, Copy, Default)]
struct Sent {
    samples: u64,
    sum: u64,
}

/// Pushes until told to stop; each batch brings every series one sample with a value of its own.
async fn push_on(grpc_url: String, number: u8, stop: Arc<AtomicBool>) -> anyhow::Result<Sent> {
    let mut agent = push::Agent::new(&grpc_url, [number; 16], &format!("agent-{number}"))?;
    let mut sent = Sent::default();
    let mut time = now_ms();
    while !stop.load(Ordering::Relaxed) {
        // Two samples of a series never have the same time.
        time = now_ms().max(time + 1);
        let value = sent.samples + 1;
        let series: Vec<Series> =
            (0..SERIES_PER_AGENT).map(|index| crashed(number, index).at(time, value as f64)).collect();
        push_until_taken(&mut agent, &series, BATCH_LIMIT).await?;
        sent = Sent { samples: value, sum: sent.sum + value };
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(sent)
}

fn crashed(agent: u8, index: usize) -> Series {
    Series::new("crashed", &[("agent", &agent.to_string()), ("index", &index.to_string())])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_kills_under_load_lose_nothing_and_double_nothing() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let begin = now_ms();
    let stop = Arc::new(AtomicBool::new(false));
    let agents: Vec<_> =
        (1..=AGENTS).map(|number| tokio::spawn(push_on(server.grpc_url(), number, Arc::clone(&stop)))).collect();
    for kill in 0..KILLS {
        // Not in step with anything inside: between 50 and 1,500 ms after it is ready.
        let pause = 50 + u64::from(kill) * 547 % 1_451;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.kill9();
        server.start().await?;
    }
    stop.store(true, Ordering::Relaxed);
    let mut sent = Vec::new();
    for agent in agents {
        sent.push(agent.await??);
    }
    ensure!(sent.iter().all(|one| one.samples > u64::from(KILLS)), "hardly anything was pushed");

    eventually("the counts are right", STORED_LIMIT, Duration::from_secs(1), async || {
        recount(&server.api(), begin, &sent).await?;
        Ok(Some(()))
    })
    .await?;
    // Once more when all is in the store and nothing in memory.
    let all = sent.iter().map(|one| one.samples).sum::<u64>() * SERIES_PER_AGENT as u64;
    let verify = |server: &Server| {
        let verified = server.verify()?;
        ensure!(verified.holds && verified.total("counted") == all, "{all} samples were acknowledged: {verified:?}");
        Ok(())
    };
    eventually("all is stored", STORED_LIMIT, Duration::from_secs(3), async || verify(&server).map(Some)).await?;
    ensure!(server.terminate().await?.success(), "{}", server.output());
    verify(&server)?;
    server.start().await?;
    recount(&server.api(), begin, &sent).await
}

/// Compares every series with what its agent had acknowledged.
async fn recount(api: &Api, begin: i64, sent: &[Sent]) -> anyhow::Result<()> {
    let now = now_ms();
    let range_seconds = (now - begin) / 1_000 + 60;
    for (function, expected) in [
        ("count_over_time", sent.iter().map(|one| one.samples).collect::<Vec<_>>()),
        ("sum_over_time", sent.iter().map(|one| one.sum).collect()),
    ] {
        let answer = api.query_at(&format!("{function}(crashed[{range_seconds}s])"), now + 5_000).await?;
        ensure!(answer.len() == sent.len() * SERIES_PER_AGENT, "{} series", answer.len());
        for (labels, points) in answer {
            let agent: usize = labels["agent"].parse()?;
            ensure!(
                points[0].1 == expected[agent - 1] as f64,
                "{function} of {labels:?}: {points:?}, not {}",
                expected[agent - 1]
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_drains_and_loses_nothing() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let begin = now_ms();
    let stop = Arc::new(AtomicBool::new(false));
    let agent = tokio::spawn(push_on(server.grpc_url(), 1, Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = server.terminate().await?;
    ensure!(status.success(), "{status}:\n{}", server.output());
    server.start().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let sent = [agent.await??];
    eventually("the counts are right", STORED_LIMIT, Duration::from_secs(1), async || {
        recount(&server.api(), begin, &sent).await?;
        Ok(Some(()))
    })
    .await
}
