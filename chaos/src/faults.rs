//! How each fault is brought about.

mod clients;
mod network;
mod servers;
mod topic;
mod upgrade;

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::node::Target;
use crate::scenario::{FAILPOINTS, Kind};
use crate::session::{Plan, Session};
use crate::watch::Fault;

/// Long enough for a few minutes to close, which most places need.
const REACHED_LIMIT: Duration = Duration::from_secs(300);
/// What a fault without a moment of its own lasts.
const LASTS: Duration = Duration::from_secs(30);
/// Longer than any session of a group.
const FROZEN_MS: std::ops::Range<u64> = 15_000..25_000;

/// Runs the fault so many times.
pub async fn inject(kind: Kind, session: &mut Session, plan: &Plan) -> anyhow::Result<()> {
    // Before the first fault all is well.
    session.recovered(Fault::now()).await.context("before any fault")?;
    session.recoveries.clear();
    for run in plan.first_run..plan.first_run + plan.runs {
        match kind {
            Kind::Nothing => tokio::time::sleep(LASTS).await,
            Kind::Kill(target) => kill9(session, target).await?,
            Kind::Failpoints => failpoint(session, run).await?,
            Kind::Freeze(target) => freeze(session, target).await?,
            Kind::Mixed => mixed(session, run).await?,
            Kind::Cut(target, side) => network::cut(session, target, side).await?,
            Kind::Brokers => servers::broker(session, run).await?,
            Kind::BrokerClock => servers::broker_clock(session, run).await?,
            Kind::ClientClocks => clients::clocks(session).await?,
            Kind::CutOffClients => clients::cut_off(session).await?,
            Kind::Nodes(count) => servers::nodes(session, run, count).await?,
            Kind::S3 => servers::s3(session).await?,
            Kind::Storm => storm(session).await?,
            Kind::Upgrade => upgrade::there_and_back(session, plan.old.as_deref()).await?,
            Kind::Poison => topic::poison(session).await?,
            Kind::Retention => topic::retention(session).await?,
            Kind::MadeAnew => topic::made_anew(session, run).await?,
        }
    }
    Ok(())
}

/// A bit of everything that a process can suffer.
async fn mixed(session: &mut Session, run: u32) -> anyhow::Result<()> {
    match run % 6 {
        0 | 4 => kill9(session, Target::Rollup).await,
        1 => die_at(session, "rows-after", Target::Rollup, 1).await,
        2 => freeze(session, Target::Rollup).await,
        3 => kill9(session, Target::Gateway).await,
        _ => die_at(session, "append-after", Target::Gateway, 10).await,
    }
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

/// Another place each time.
async fn failpoint(session: &mut Session, run: u32) -> anyhow::Result<()> {
    let (name, target) = FAILPOINTS[run as usize % FAILPOINTS.len()];
    // Not always the first time: how many partitions are done by then differs.
    let count = 1 + session.random.below(if name.starts_with("append") { 40 } else { 3 });
    die_at(session, name, target, count).await
}

/// Starts a process that will die when it comes to a place for the `count`th time, waits until it does, and starts it as it
/// should be.
async fn die_at(session: &mut Session, name: &str, target: Target, count: u64) -> anyhow::Result<()> {
    let place = some(session, target)?;
    let node = &mut session.cluster.nodes[place];
    let status = node.terminate().await?;
    ensure!(status.success(), "{} stopped with {status}", node.name);
    let told = node.told(ABORTING);
    node.spawn(Some(&format!("{name}:{count}:abort")))?;
    let status = node.wait_exit(REACHED_LIMIT).await.with_context(|| format!("{name}:{count}"))?;
    ensure!(node.told(ABORTING) > told, "{name}:{count}: it ended with {status} without coming there");
    session.notes.push(format!("{name}:{count}"));
    let fault = Fault::now();
    session.cluster.nodes[place].start(None).await?;
    session.recovered(fault).await
}

/// What a process says when it dies at a failpoint.
const ABORTING: &str = "aborting, as TIDEGATE_FAILPOINT asks";

/// SIGSTOP, a while later SIGCONT. Live windows of a fleet have to come back meanwhile.
async fn freeze(session: &mut Session, target: Target) -> anyhow::Result<()> {
    session.pause(200..6_000).await;
    let place = some(session, target)?;
    let stopped = Fault::now();
    session.cluster.nodes[place].freeze()?;
    session.pause(FROZEN_MS).await;
    let resumed = Fault::now();
    session.cluster.nodes[place].thaw()?;
    // Others take a rollup's place. Clients of a gateway wait for its answer, and go to the other one then.
    session.recovered(if target == Target::Rollup { stopped } else { resumed }).await
}

/// A rollup joins or leaves every 5 s for 2 min; those that were there at the beginning are at the end.
async fn storm(session: &mut Session) -> anyhow::Result<()> {
    const STEPS: u32 = 24;
    let guest = session.cluster.add(Target::Rollup)?;
    let begun = Fault::now();
    for step in 0..STEPS {
        let place = if step % 4 < 2 { guest } else { some(session, Target::Rollup)? };
        let node = &mut session.cluster.nodes[place];
        if node.is_running() {
            // Half of them say goodbye, half do not.
            match session.random.strikes(500) {
                true => node.kill9(),
                false => _ = node.terminate().await?,
            }
        } else {
            node.spawn(None)?;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    for place in session.cluster.of(Target::Rollup) {
        let node = &mut session.cluster.nodes[place];
        if !node.is_running() {
            node.spawn(None)?;
        }
    }
    for place in session.cluster.of(Target::Rollup) {
        session.cluster.nodes[place].wait_ready().await?;
    }
    session.recovered(begun).await
}

/// One of the processes that do this.
pub fn some(session: &mut Session, target: Target) -> anyhow::Result<usize> {
    let places = session.cluster.of(target);
    session.random.pick(&places).copied().with_context(|| format!("no process is a {}", target.name()))
}
