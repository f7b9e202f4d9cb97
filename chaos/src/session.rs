//! A session: processes, clients, a number of runs of one fault, then the recount.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tidegate_testkit::{binary, now_ms};

use crate::client::{Clients, Outcome};
use crate::cluster::{Cluster, Topology};
use crate::cql::Keyspace;
use crate::faults;
use crate::random::Random;
use crate::recount;
use crate::report::Line;
use crate::scenario::Scenario;
use crate::tally::{Difference, MINUTE_MS, Tally};
use crate::watch::{Fault, Watch};

const HOUR_MS: i64 = 3_600_000;
/// From the last sample's minute until all is stored and what is over is shipped.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_secs(3);
/// A minute closes 10 s after its end.
const CLOSED_AFTER_MS: i64 = 12_000;
const LIVE_LIMIT: Duration = Duration::from_secs(180);

/// What the faults act on.
pub struct Session {
    pub cluster: Cluster,
    pub random: Random,
    pub watch: Watch,
    /// From fault to live windows again.
    pub recoveries: Vec<Duration>,
    /// Series that make a live window whole: nearly all, as a client that waits misses its turn.
    whole: u64,
}

impl Session {
    /// Waits until live windows are whole again after a fault, and notes how long that took.
    pub async fn recovered(&mut self, since: Fault) -> anyhow::Result<()> {
        let took = self.watch.live_again(since, self.whole, LIVE_LIMIT).await?;
        self.recoveries.push(took);
        Ok(())
    }

    /// A moment, up to so long.
    pub async fn pause(&mut self, range_ms: std::ops::Range<u64>) {
        let pause = range_ms.start + self.random.below(range_ms.end - range_ms.start);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Runs the fault so many times in one session and recounts. A difference is no error: it stands in the line.
pub async fn run(scenario: &Scenario, topology: Topology, seed: u64, runs: u32, folder: &Path) -> anyhow::Result<Line> {
    let begun = Instant::now();
    let mut random = Random::new(seed);
    let mut cluster = Cluster::prepare(topology, folder, scenario.size, seed).await?;
    cluster.start().await?;
    let clients = Clients::start(&cluster.gateways()?, &scenario.habits(), &mut random);
    let watch = Watch::start(cluster.query_urls());
    let whole = clients.live_series * 8 / 10;
    let mut session = Session { cluster, random, watch, recoveries: Vec::new(), whole };
    let injected = faults::inject(scenario.kind, &mut session, runs).await;
    let Session { mut cluster, recoveries, .. } = session;
    injected.with_context(|| format!("injecting {}", scenario.name))?;
    let outcome = clients.finish().await.context("the clients")?;

    let recount = settle(&mut cluster, &outcome).await?;
    let verified = verify(&mut cluster).await?;
    Ok(Line {
        scenario: scenario.name.to_owned(),
        topology,
        seed,
        runs,
        acknowledged: outcome.acknowledged.samples(),
        counted: recount.counted,
        archived: recount.archived,
        refused: outcome.refused,
        lost: recount.difference.lost,
        twice: recount.difference.twice,
        wrong_sums: recount.difference.wrong_sums,
        verified,
        batches: outcome.batches,
        retries: outcome.retries,
        recovery_ms: recoveries.iter().map(|took| took.as_millis() as u64).collect(),
        seconds: begun.elapsed().as_secs(),
        examples: recount.difference.examples,
        error: None,
    })
}

struct Recount {
    counted: u64,
    archived: u64,
    difference: Difference,
}

/// Waits until everything is stored and shipped, and counts it; at the end of patience, counts it as it is. A process
/// that does everything is killed and started anew before the last count, so that nothing comes from memory.
async fn settle(cluster: &mut Cluster, outcome: &Outcome) -> anyhow::Result<Recount> {
    ensure!(!outcome.acknowledged.is_empty(), "nothing was acknowledged");
    let minute_ends_ms = (now_ms().div_euclid(MINUTE_MS) + 1) * MINUTE_MS + CLOSED_AFTER_MS;
    tokio::time::sleep(Duration::from_millis(u64::try_from(minute_ends_ms - now_ms()).unwrap_or(0))).await;
    let begin = Instant::now();
    loop {
        let recount = count(cluster, &outcome.acknowledged).await;
        match recount {
            Ok(recount) if recount.difference.is_none() => break,
            Ok(_) if begin.elapsed() > SETTLE_LIMIT => break,
            Err(error) if begin.elapsed() > SETTLE_LIMIT => return Err(error),
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
    if cluster.topology == Topology::Embedded {
        for node in &mut cluster.nodes {
            node.kill9();
        }
        cluster.start().await?;
    }
    let begin = Instant::now();
    loop {
        // The index and the tail are read back after the start.
        let recount = count(cluster, &outcome.acknowledged).await?;
        if recount.difference.is_none() || begin.elapsed() > Duration::from_secs(20) {
            return Ok(recount);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn count(cluster: &Cluster, acknowledged: &Tally) -> anyhow::Result<Recount> {
    let (first_ms, last_ms) = acknowledged.span_ms().context("nothing was acknowledged")?;
    let to_minute = |ms: i64| ms.div_euclid(MINUTE_MS) * MINUTE_MS;
    let answered = recount::api(&cluster.query()?.api(), to_minute(first_ms), to_minute(last_ms)).await?;
    let mut difference = acknowledged.by_minute().compare(&answered);
    let mut counted = answered.samples();
    if let Some(servers) = &cluster.servers {
        let keyspace = Keyspace::connect(&servers.stack.contact_points()?, &servers.keyspace).await?;
        let stored = keyspace.minutes().await?;
        counted = stored.samples();
        difference.add("store", acknowledged.by_minute().compare(&stored));
    }

    // What is not over yet is not in the archive.
    let hour_ms = now_ms().div_euclid(HOUR_MS) * HOUR_MS;
    let over = acknowledged.filtered(|_, start_ms| start_ms < hour_ms);
    let files = recount::parquet(&cluster.archive()).await?;
    let archived = files.samples();
    let in_files = over.compare(&files.filtered(|_, start_ms| start_ms < hour_ms));
    difference.add("archive", in_files);
    Ok(Recount { counted, archived, difference })
}

/// `tidegate verify`, asked of the running process and then on its folder.
async fn verify(cluster: &mut Cluster) -> anyhow::Result<bool> {
    let mut holds = true;
    holds &= verify_once(cluster).await?;
    if cluster.topology == Topology::Embedded {
        for node in &mut cluster.nodes {
            let status = node.terminate().await?;
            ensure!(status.success(), "{} stopped with {status}", node.name);
        }
        holds &= verify_once(cluster).await?;
    }
    Ok(holds)
}

async fn verify_once(cluster: &Cluster) -> anyhow::Result<bool> {
    let node = cluster.query()?;
    let mut command = tokio::process::Command::new(binary::tidegate()?);
    let output = command.arg("verify").arg("--config").arg(node.config_path()).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let report = cluster.folder().join("verify.txt");
    tokio::fs::write(&report, text.as_bytes()).await?;
    if !text.contains("Invariant I") && !text.contains("INVARIANT I") {
        bail!("verify: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.status.success())
}
