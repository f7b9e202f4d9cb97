//! Faults of the network between a process and its servers.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::node::Target;
use crate::scenario::Side;
use crate::session::Session;
use crate::watch::Fault;

/// Longer than a session of a group lasts.
const CUT_MS: std::ops::Range<u64> = 15_000..30_000;
/// Over the close of a minute, as a process needs its store then.
const CUT_FROM_STORE_MS: std::ops::Range<u64> = 70_000..80_000;

/// No byte passes and nobody is told; then the network is back, and what was on its way arrives. The process may have ended
/// meanwhile, as one that cannot do its work may; then it is started again.
pub async fn cut(session: &mut Session, target: Target, side: Side) -> anyhow::Result<()> {
    session.pause(200..6_000).await;
    let place = *session.cluster.of(target).first().with_context(|| format!("no process is a {}", target.name()))?;
    let fault = Fault::now();
    way(session)?.cut();
    if target == Target::Compactor {
        return compactor(session, place, side).await;
    }
    session.pause(if side.is_of_store() { CUT_FROM_STORE_MS } else { CUT_MS }).await;
    let healed = Fault::now();
    way(session)?.heal();
    let node = &mut session.cluster.nodes[place];
    if !node.is_running() {
        session.notes.push(format!("{} had ended", node.name));
        node.start(None).await?;
    }
    // Others take the place of a rollup that is cut off from the brokers.
    let is_replaced = target == Target::Rollup && side.is_of_brokers();
    session.recovered(if is_replaced { fault } else { healed }).await?;
    session.cluster.nodes[place].wait_ready().await
}

/// Late samples touch hours all the time, so there is always something to ship. Cut off from the brokers its shards are
/// another's soon; from store or archive they wait for it.
async fn compactor(session: &mut Session, place: usize, side: Side) -> anyhow::Result<()> {
    const SHIPPED: &str = "tidegate_compactor_shipped_objects_total";
    const LIMIT: Duration = Duration::from_secs(180);
    let other = *session.cluster.of(Target::Compactor).last().context("no second compactor")?;
    ensure!(other != place, "there is one compactor only");
    let before = session.cluster.nodes[other].metric(SHIPPED).await?;
    session.pause(CUT_FROM_STORE_MS).await;
    let begun = Instant::now();
    while side.is_of_brokers() && session.cluster.nodes[other].metric(SHIPPED).await? <= before {
        ensure!(begun.elapsed() < LIMIT, "nothing was shipped in the place of {}", session.cluster.nodes[place].name);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let healed = Fault::now();
    way(session)?.heal();
    let node = &mut session.cluster.nodes[place];
    let before = match node.is_running() {
        true => node.metric(SHIPPED).await?,
        false => {
            session.notes.push(format!("{} had ended", node.name));
            node.start(None).await?;
            0.0
        }
    };
    let begun = Instant::now();
    while session.cluster.nodes[place].metric(SHIPPED).await? <= before {
        ensure!(begun.elapsed() < LIMIT, "{} ships nothing any more", session.cluster.nodes[place].name);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    session.notes.push(format!("shipped again {} s after the network was back", begun.elapsed().as_secs()));
    session.recovered(healed).await?;
    session.cluster.nodes[place].wait_ready().await
}

fn way(session: &Session) -> anyhow::Result<&crate::cluster::Cut> {
    session.cluster.servers()?.cut.as_ref().context("no process can be cut off")
}
