//! A session: processes, clients, a number of runs of one fault, then the recount.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tidegate_testkit::{Random, binary, now_ms};

use crate::client::{Clients, Control, Outcome};
use crate::cluster::{Cluster, Topology};
use crate::faults;
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

/// What a session shall do.
#[derive(Clone, Debug)]
pub struct Plan {
    pub topology: Topology,
    pub seed: u64,
    /// Runs that earlier sessions of the scenario have done.
    pub first_run: u32,
    pub runs: u32,
    pub port_offset: u16,
    /// The program of another version, for an upgrade.
    pub old: Option<PathBuf>,
}

/// What the log itself was made to lose.
#[derive(Debug, Default)]
pub struct Doomed {
    pub samples: Tally,
    /// What the ledger has to say of it.
    pub gap: Gap,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gap {
    #[default]
    None,
    /// So many records that nobody has folded to the end.
    Records(u64),
    /// A log made anew does not tell.
    Some,
}

/// What the faults act on.
pub struct Session {
    pub cluster: Cluster,
    pub control: Arc<Control>,
    pub random: Random,
    pub watch: Watch,
    /// From fault to live windows again.
    pub recoveries: Vec<Duration>,
    pub doomed: Doomed,
    pub notes: Vec<String>,
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

    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// A moment, up to so long.
    pub async fn pause(&mut self, range_ms: std::ops::Range<u64>) {
        let pause = range_ms.start + self.random.below(range_ms.end - range_ms.start);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Runs the fault so many times in one session and recounts. A difference is no error: it stands in the line.
pub async fn run(scenario: &Scenario, plan: &Plan, folder: &Path) -> anyhow::Result<Line> {
    let begun = Instant::now();
    let mut random = Random::new(plan.seed);
    let mut cluster = Cluster::prepare(scenario, plan, folder).await?;
    cluster.start().await?;
    let clients = Clients::start(&cluster.gateways()?, &scenario.habits(), &mut random);
    let watch = Watch::start(cluster.query_urls());
    let mut session = Session {
        cluster,
        control: Arc::clone(&clients.control),
        random,
        watch,
        recoveries: Vec::new(),
        doomed: Doomed::default(),
        notes: Vec::new(),
        whole: clients.live_series * 8 / 10,
    };
    let injected = faults::inject(scenario.kind, &mut session, plan).await;
    let Session { mut cluster, recoveries, doomed, notes, .. } = session;
    injected.with_context(|| format!("injecting {}", scenario.name))?;
    let outcome = clients.finish().await.context("the clients")?;

    let recount = settle(&mut cluster, &outcome, &doomed).await?;
    let verified = verify(&mut cluster, doomed.gap).await?;
    Ok(Line {
        scenario: scenario.name.to_owned(),
        topology: plan.topology,
        seed: plan.seed,
        runs: plan.runs,
        acknowledged: outcome.acknowledged.samples(),
        counted: recount.counted,
        archived: recount.archived,
        refused: outcome.refused,
        wrongly_refused: outcome.wrongly_refused,
        lost: recount.difference.lost,
        gone: recount.difference.gone,
        twice: recount.difference.twice,
        wrong_sums: recount.difference.wrong_sums,
        verified,
        batches: outcome.batches,
        retries: outcome.retries,
        recovery_ms: recoveries.iter().map(|took| took.as_millis() as u64).collect(),
        seconds: begun.elapsed().as_secs(),
        examples: recount.difference.examples,
        notes,
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
async fn settle(cluster: &mut Cluster, outcome: &Outcome, doomed: &Doomed) -> anyhow::Result<Recount> {
    ensure!(!outcome.acknowledged.is_empty(), "nothing was acknowledged");
    let minute_ends_ms = (now_ms().div_euclid(MINUTE_MS) + 1) * MINUTE_MS + CLOSED_AFTER_MS;
    tokio::time::sleep(Duration::from_millis(u64::try_from(minute_ends_ms - now_ms()).unwrap_or(0))).await;
    let begin = Instant::now();
    loop {
        let recount = count(cluster, &outcome.acknowledged, &doomed.samples).await;
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
        let recount = count(cluster, &outcome.acknowledged, &doomed.samples).await?;
        if recount.difference.is_none() || begin.elapsed() > Duration::from_secs(20) {
            return Ok(recount);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn count(cluster: &Cluster, acknowledged: &Tally, doomed: &Tally) -> anyhow::Result<Recount> {
    let (first_ms, last_ms) = acknowledged.span_ms().context("nothing was acknowledged")?;
    let to_minute = |ms: i64| ms.div_euclid(MINUTE_MS) * MINUTE_MS;
    let answered = recount::api(&cluster.query()?.api(), to_minute(first_ms), to_minute(last_ms)).await?;
    let mut difference = acknowledged.by_minute().compare(&answered, &doomed.by_minute());
    let mut counted = answered.samples();
    if let Some(servers) = &cluster.servers {
        let stored = servers.keyspace().await?.minutes().await?;
        counted = stored.samples();
        difference.add("store", acknowledged.by_minute().compare(&stored, &doomed.by_minute()));
    }

    // What is not over yet is not in the archive.
    let hour_ms = now_ms().div_euclid(HOUR_MS) * HOUR_MS;
    let over = acknowledged.filtered(|_, start_ms| start_ms < hour_ms);
    let files = recount::parquet(&cluster.archive()).await?;
    let archived = files.samples();
    let in_files = over.compare(&files.filtered(|_, start_ms| start_ms < hour_ms), doomed);
    difference.add("archive", in_files);
    Ok(Recount { counted, archived, difference })
}

/// `tidegate verify`, asked of the running process and then on its folder: whether it finds that all is there, but for what
/// the log has lost.
async fn verify(cluster: &mut Cluster, gap: Gap) -> anyhow::Result<bool> {
    let mut holds = true;
    holds &= verify_once(cluster, gap).await?;
    if cluster.topology == Topology::Embedded {
        for node in &mut cluster.nodes {
            let status = node.terminate().await?;
            ensure!(status.success(), "{} stopped with {status}", node.name);
        }
        holds &= verify_once(cluster, gap).await?;
    }
    Ok(holds)
}

async fn verify_once(cluster: &Cluster, gap: Gap) -> anyhow::Result<bool> {
    let node = cluster.query()?;
    let mut command = tokio::process::Command::new(binary::tidegate()?);
    let output = command.arg("verify").arg("--json").arg("--config").arg(node.config_path()).output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    tokio::fs::write(cluster.folder().join("verify.json"), text.as_bytes()).await?;
    let report: Value = serde_json::from_str(&text)
        .with_context(|| format!("verify: {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    Ok(is_as_expected(&report, output.status.success(), gap))
}

/// The exit status says whether all is there. What the log has lost is told in the lines, and nothing else is wrong in them.
fn is_as_expected(report: &Value, holds: bool, gap: Gap) -> bool {
    const GOOD: [&str; 5] = ["holds", "not_shipped", "to_be_rebuilt", "expired", "holds_by_day"];
    let lines = report["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let others = lines.iter().filter(|line| !GOOD.iter().any(|good| line["verdict"] == *good));
    let all_by_the_log = others.into_iter().all(|line| line["verdict"] == "log_gap");
    let gaps: u64 = lines.iter().filter_map(|line| line["gap"].as_u64()).sum();
    match gap {
        Gap::None => holds && gaps == 0,
        Gap::Records(records) => !holds && all_by_the_log && gaps == records,
        Gap::Some => !holds && all_by_the_log && gaps > 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_has_to_tell_of_the_gap_and_of_nothing_else() {
        let report = |verdict: &str, gap: u64| json!({"lines": [{"verdict": "holds", "gap": 0}, {"verdict": verdict, "gap": gap}]});
        assert!(is_as_expected(&report("not_shipped", 0), true, Gap::None));
        assert!(!is_as_expected(&report("lost_in_store", 0), false, Gap::None));
        assert!(is_as_expected(&report("log_gap", 7), false, Gap::Records(7)));
        assert!(is_as_expected(&report("log_gap", 7), false, Gap::Some));
        for (verdict, gap) in [("log_gap", 6), ("lost_in_store", 7), ("holds", 0)] {
            assert!(!is_as_expected(&report(verdict, gap), false, Gap::Records(7)), "{verdict} {gap}");
        }
    }
}
