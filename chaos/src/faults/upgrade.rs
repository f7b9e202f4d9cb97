//! A fleet of another version becomes one of this version, one process at a time under a steady push, and goes back.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::node::{Node, Target};
use crate::session::Session;
use crate::watch::Fault;

/// What folds comes first, what feeds it last: who reads may then rely on what whoever writes has written.
const ORDER: [Target; 4] = [Target::Rollup, Target::Compactor, Target::Query, Target::Gateway];
/// For which both versions of a target work side by side: often over the close of a minute.
const SIDE_BY_SIDE_MS: std::ops::Range<u64> = 15_000..40_000;
/// In what a program says of tables that it cannot use.
const TOO_OLD: &str = "it is too old";

/// Tables first. Where the old program cannot use the new ones, those of it that run go on, and there is no way back.
pub async fn there_and_back(session: &mut Session, old: Option<&Path>) -> anyhow::Result<()> {
    let old = old.context("the program of another version is not named")?;
    session.cluster.migrate(None).await.context("while the old ones run")?;
    let way_back = restarted(session).await?;
    session.notes.push(match way_back {
        true => "an old program starts on the new tables".to_owned(),
        false => "an old program goes on, but does not start on the new tables".to_owned(),
    });
    for target in ORDER {
        replace(session, target, None).await.with_context(|| format!("{} by the new one", target.name()))?;
    }
    if way_back {
        for target in ORDER.into_iter().rev() {
            replace(session, target, Some(old)).await.with_context(|| format!("{} by the old one", target.name()))?;
        }
        session.notes.push("all went back".to_owned());
    }
    Ok(())
}

/// Kills an old process and starts it again: whether it starts. If not, it is started as a new one.
async fn restarted(session: &mut Session) -> anyhow::Result<bool> {
    let fault = Fault::now();
    let place = *session.cluster.of(Target::Rollup).last().context("no rollup")?;
    let node = &mut session.cluster.nodes[place];
    node.kill9();
    let starts = starts(node).await?;
    if !starts {
        node.use_program(None);
        node.start(None).await?;
    }
    session.recovered(fault).await?;
    Ok(starts)
}

async fn starts(node: &mut Node) -> anyhow::Result<bool> {
    let told = node.told(TOO_OLD);
    match node.start(None).await {
        Ok(()) => Ok(true),
        Err(_) if node.told(TOO_OLD) > told => Ok(false),
        Err(error) => Err(error),
    }
}

/// All processes of a target, the next one when the last is ready.
async fn replace(session: &mut Session, target: Target, program: Option<&Path>) -> anyhow::Result<()> {
    for place in session.cluster.of(target) {
        let fault = Fault::now();
        let node = &mut session.cluster.nodes[place];
        let status = node.terminate().await?;
        ensure!(status.success(), "{} stopped with {status}", node.name);
        node.use_program(program);
        node.start(None).await?;
        session.recovered(fault).await?;
        session.pause(SIDE_BY_SIDE_MS).await;
    }
    Ok(())
}
