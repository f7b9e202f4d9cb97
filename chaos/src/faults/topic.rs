//! Faults of the topic: what is in it, and whether it is still the same.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::cluster::PARTITIONS;
use crate::node::Target;
use crate::session::{Gap, Session};
use crate::topic::Topic;
use crate::watch::Fault;

/// A process that looks at its topic every second has noticed by then.
const NOTICED_LIMIT: Duration = Duration::from_secs(120);
/// What a rollup says of records that it should have read.
const DROPPED: &str = "the log has dropped records that were not folded yet";
/// What it says of a topic whose records are fewer than it has read.
const ENDS_TOO_EARLY: &str = "but the log ends at";
const HAS_NO_PARTITION: &str = "has no partition";

/// Bytes that are no record in a partition: counted as poison, and everything else goes on.
pub async fn poison(session: &mut Session) -> anyhow::Result<()> {
    session.pause(0..5_000).await;
    let partition = session.random.below(PARTITIONS.into()) as i32;
    let fault = Fault::now();
    session.cluster.servers()?.raw_topic()?.append(partition, b"these bytes are no record").await?;
    session.recovered(fault).await?;
    // Told by the one that has the partition, or by whoever has it next.
    let told = |session: &Session| -> usize {
        let rollups = session.cluster.of(Target::Rollup);
        rollups.iter().map(|place| session.cluster.nodes[*place].told("record cannot be read")).sum()
    };
    let begun = Instant::now();
    while told(session) == 0 {
        ensure!(begun.elapsed() < NOTICED_LIMIT, "no rollup tells of the record that it cannot read");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Retention deletes what no rollup has read: all of some partitions, the first half of others.
pub async fn retention(session: &mut Session) -> anyhow::Result<()> {
    session.pause(5_000..15_000).await;
    for place in session.cluster.of(Target::Rollup) {
        session.cluster.nodes[place].kill9();
    }
    session.pause(20_000..40_000).await;
    let paused = session.control.pause().await;
    let topic = session.cluster.servers()?.raw_topic()?;
    let ranges = unread(session, &topic).await?;
    let mut deleted = Vec::new();
    let mut records = 0;
    for (partition, from, end) in ranges {
        let before = match partition % 3 {
            0 => end,
            1 => from + (end - from) / 2,
            _ => continue,
        };
        session.doomed.samples.merge(topic.samples(partition, from, before)?);
        deleted.push((partition, before));
        records += u64::try_from(before - from)?;
    }
    topic.delete_before(&deleted).await?;
    ensure!(records > 0, "there was nothing to delete");
    session.notes.push(format!("{records} records with {} samples deleted unread", session.doomed.samples.samples()));
    let Gap::None = std::mem::replace(&mut session.doomed.gap, Gap::Records(records)) else {
        anyhow::bail!("one such fault a session");
    };
    drop(paused);
    let fault = Fault::now();
    let rollups = session.cluster.of(Target::Rollup);
    for place in &rollups {
        session.cluster.nodes[*place].start(None).await?;
    }
    session.recovered(fault).await?;
    // Loud: once for each partition, and counted.
    let told: usize = rollups.iter().map(|place| session.cluster.nodes[*place].told(DROPPED)).sum();
    ensure!(told >= deleted.len(), "{told} lines tell of {} gaps", deleted.len());
    let mut counted = 0.0;
    for place in rollups {
        counted += session.cluster.nodes[place].metric("tidegate_rollup_lost_records_total").await?;
    }
    // By each owner that a partition had before the first one saved its progress.
    ensure!(counted as u64 >= records, "{counted} records are counted as lost, {records} are");
    Ok(())
}

/// The topic is deleted and made anew under a running fleet: nobody goes on as if it were the same. With more partitions
/// than the store was filled from it is refused at once and at a start.
pub async fn made_anew(session: &mut Session, run: u32) -> anyhow::Result<()> {
    session.pause(5_000..15_000).await;
    let mut paused = Some(session.control.pause().await);
    let topic = session.cluster.servers()?.raw_topic()?;
    for (partition, from, end) in unread(session, &topic).await? {
        session.doomed.samples.merge(topic.samples(partition, from, end)?);
    }
    session.doomed.gap = Gap::Some;
    let replication = session.cluster.servers()?.stack.size.brokers;
    if run % 2 == 1 {
        // Both, so that a process cannot go by one that differs from the other.
        let live = session.cluster.servers()?.live_topic()?;
        topic.add_partitions(PARTITIONS + 3).await?;
        live.add_partitions(PARTITIONS + 3).await?;
        all_end(session, "was given other partitions").await?;
        for target in [Target::Gateway, Target::Rollup] {
            refused_at_start(session, target).await?;
        }
        session.notes.push("other partitions: refused under way and at a start".to_owned());
        live.make_anew(PARTITIONS, replication).await?;
    }
    topic.make_anew(PARTITIONS, replication).await?;
    let fault = Fault::now();
    if run.is_multiple_of(2) {
        // Clients push meanwhile.
        paused = None;
        all_end(session, "was deleted and made anew").await?;
        session.notes.push("made anew: all processes ended".to_owned());
    }
    session.cluster.restart_ended().await?;
    drop(paused);
    session.recovered(fault).await?;
    let rollups = session.cluster.of(Target::Rollup);
    let told: usize = rollups.iter().map(|place| session.cluster.nodes[*place].told("the log was created anew")).sum();
    ensure!(told >= usize::from(PARTITIONS), "{told} lines tell of {PARTITIONS} partitions that were made anew");
    Ok(())
}

/// By partition: the offset from which records may not be stored, and the end.
async fn unread(session: &Session, topic: &Topic) -> anyhow::Result<Vec<(i32, i64, i64)>> {
    let resume = session.cluster.servers()?.keyspace().await?.resume_offsets().await?;
    let mut ranges = Vec::new();
    for partition in 0..i32::from(PARTITIONS) {
        let (start, end) = topic.bounds(partition)?;
        let of_it = resume.iter().filter(|((of, _), _)| *of == partition);
        let from = of_it.map(|(_, offset)| *offset).max().unwrap_or(start);
        ranges.push((partition, from, end));
    }
    Ok(ranges)
}

/// Waits until all processes have ended, each with a word about why.
async fn all_end(session: &mut Session, why: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    for node in &mut session.cluster.nodes {
        let left = NOTICED_LIMIT.saturating_sub(begun.elapsed());
        let status = node.wait_exit(left).await.with_context(|| format!("a topic that {why}"))?;
        ensure!(!status.success(), "{} ended with {status}", node.name);
        // A rollup may notice by the offsets first, or by the partitions that it is assigned.
        let told = [why, ENDS_TOO_EARLY, HAS_NO_PARTITION].iter().any(|text| node.told(text) > 0);
        ensure!(told, "{} does not say that the topic {why}", node.name);
    }
    Ok(())
}

async fn refused_at_start(session: &mut Session, target: Target) -> anyhow::Result<()> {
    let place = *session.cluster.of(target).first().with_context(|| format!("no process is a {}", target.name()))?;
    let node = &mut session.cluster.nodes[place];
    let told = node.told("partitions");
    node.spawn(None)?;
    let status = node.wait_exit(NOTICED_LIMIT).await.context("a topic with other partitions")?;
    ensure!(!status.success() && node.told("partitions") > told, "{} ended with {status}", node.name);
    Ok(())
}
