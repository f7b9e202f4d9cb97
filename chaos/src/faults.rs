//! How each fault is brought about.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::node::Target;
use crate::scenario::{FAILPOINTS, Kind};
use crate::session::Session;
use crate::watch::Fault;

/// Long enough for a minute to close, which most places need.
const REACHED_LIMIT: Duration = Duration::from_secs(200);
/// What a fault without a moment of its own lasts.
const LASTS: Duration = Duration::from_secs(30);

/// Runs the fault so many times.
pub async fn inject(kind: Kind, session: &mut Session, runs: u32) -> anyhow::Result<()> {
    // Before the first fault all is well.
    session.recovered(Fault::now()).await.context("before any fault")?;
    session.recoveries.clear();
    for run in 0..runs {
        match kind {
            Kind::Nothing | Kind::LostAnswers | Kind::Duplicates | Kind::Late | Kind::ClientClockBehind => {
                tokio::time::sleep(LASTS).await;
            }
            Kind::KillAll => kill9(session, Target::All).await?,
            Kind::Failpoints => failpoint(session, run).await?,
            Kind::Freeze => freeze(session, Target::All, 15_000..25_000).await?,
        }
    }
    Ok(())
}

/// At a random moment; started again after up to 2 s. A third are killed again as soon as they are ready.
async fn kill9(session: &mut Session, target: Target) -> anyhow::Result<()> {
    session.pause(200..6_000).await;
    let place = some(session, target)?;
    let fault = Fault::now();
    session.cluster.nodes[place].kill9();
    session.pause(0..2_000).await;
    session.cluster.nodes[place].start(None).await?;
    if session.random.strikes(333) {
        session.pause(0..500).await;
        session.cluster.nodes[place].kill9();
        session.cluster.nodes[place].start(None).await?;
    }
    session.recovered(fault).await
}

/// Starts a process that will die at a place, waits until it does, and starts it as it should be.
async fn failpoint(session: &mut Session, run: u32) -> anyhow::Result<()> {
    let name = FAILPOINTS[run as usize % FAILPOINTS.len()];
    let place = some(session, Target::All)?;
    // Not always the first time: how many partitions are done by then differs.
    let count = 1 + session.random.below(if name.starts_with("append") { 40 } else { 4 });
    let node = &mut session.cluster.nodes[place];
    let status = node.terminate().await?;
    ensure!(status.success(), "{} stopped with {status}", node.name);
    node.spawn(Some(&format!("{name}:{count}:abort")))?;
    let status = node.wait_exit(REACHED_LIMIT).await.with_context(|| format!("{name}:{count}"))?;
    let died = node.told("aborting, as TIDEGATE_FAILPOINT asks");
    ensure!(died > run as usize, "{name}:{count}: it ended with {status} without coming there");
    let fault = Fault::now();
    session.cluster.nodes[place].start(None).await?;
    session.recovered(fault).await
}

/// SIGSTOP, a while later SIGCONT.
async fn freeze(session: &mut Session, target: Target, lasts_ms: std::ops::Range<u64>) -> anyhow::Result<()> {
    session.pause(200..6_000).await;
    let place = some(session, target)?;
    session.cluster.nodes[place].freeze()?;
    session.pause(lasts_ms).await;
    let fault = Fault::now();
    session.cluster.nodes[place].thaw()?;
    session.recovered(fault).await
}

/// One of the processes that do this.
fn some(session: &mut Session, target: Target) -> anyhow::Result<usize> {
    let places = session.cluster.of(target);
    session.random.pick(&places).copied().with_context(|| format!("no process is a {}", target.name()))
}
