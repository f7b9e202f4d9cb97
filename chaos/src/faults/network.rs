//! Faults of the network between a process and its servers.

use anyhow::Context;

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

fn way(session: &Session) -> anyhow::Result<&crate::cluster::Cut> {
    session.cluster.servers()?.cut.as_ref().context("no process can be cut off")
}
