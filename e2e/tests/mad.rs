//! The numbers of `tidegate agent` against those of the Java daemon: both are started on one configuration, but for ports,
//! get the same bytes, and what they post is compared bit for bit.
//!
//! `TIDEGATE_MAD_SEED` chooses other values, `TIDEGATE_MAD_CASES` how many of each kind, `TIDEGATE_MAD_INSIDE=1` compares
//! with the agent's parts in this process, and `TIDEGATE_MAD_RECORD` writes what Java did to a file.

#[path = "mad/cases.rs"]
mod cases;
#[path = "mad/client.rs"]
mod client;
#[path = "mad/compare.rs"]
mod compare;
#[path = "mad/daemon.rs"]
mod daemon;
#[path = "mad/files.rs"]
mod files;
#[path = "mad/frames.rs"]
mod frames;
#[path = "mad/inside.rs"]
mod inside;
#[path = "mad/purpose.rs"]
mod purpose;
#[path = "mad/recording.rs"]
mod recording;
#[path = "mad/text.rs"]
mod text;
#[path = "mad/units.rs"]
mod units;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tidegate_testkit::{Random, now_ms};

use crate::cases::{Cases, Message, Phase, To};
use crate::daemon::Daemon;
use crate::inside::Inside;
use crate::recording::Recording;

const PHASES: [Phase; 2] = [Phase::First, Phase::Late];
/// More than the shortest bucket stays open.
const CLOSED: Duration = Duration::from_secs(4);
/// More than half of the longest period: all that was sent has been posted.
const QUIET: Duration = Duration::from_secs(33);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn of_phase(messages: &[Message], phase: Phase) -> Vec<&Message> {
    messages.iter().filter(|message| message.phase == phase).collect()
}

#[expect(clippy::print_stdout, reason = "with the seed it can be run again")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute and a JVM: make test-mad"]
async fn the_numbers_are_those_of_the_java_daemon() -> anyhow::Result<()> {
    let Some(java) = Daemon::java("the_numbers_are_those_of_the_java_daemon").await? else { return Ok(()) };
    let is_inside = std::env::var_os("TIDEGATE_MAD_INSIDE").is_some();
    let ours = if is_inside { None } else { Some(Daemon::ours().await?) };
    let seed = number("TIDEGATE_MAD_SEED", 1);
    let mut cases = Cases::generate(&mut Random::new(seed), number("TIDEGATE_MAD_CASES", 250));
    // What counts by the time of receipt comes first after the fresh second, lest a case fall into two.
    cases.messages.sort_by_key(|message| (message.phase == Phase::Late, !matches!(message.to, To::Statsd)));
    println!("seed {seed}: {} cases in {} messages", cases.names.len(), cases.messages.len());

    let (mut statuses, mut differences) = (Vec::new(), Vec::new());
    for phase in PHASES {
        let messages = of_phase(&cases.messages, phase);
        daemon::wait_for_a_fresh_second().await;
        let own = async {
            match &ours {
                Some(ours) => ours.send(&messages).await.map(Some),
                None => Ok(None),
            }
        };
        let (theirs, own) = tokio::try_join!(java.send(&messages), own)?;
        if let Some(own) = own {
            differences.extend(compare::answers(&messages, &theirs, &own));
        }
        statuses.extend(theirs);
        tokio::time::sleep(CLOSED).await;
    }
    tokio::time::sleep(QUIET).await;
    let frames = java.settled().await?;
    let own = match &ours {
        Some(ours) => Some(ours.settled().await?),
        None => None,
    };
    let recording = Recording { cases, statuses, frames };
    if let Some(path) = std::env::var_os("TIDEGATE_MAD_RECORD") {
        recording.write(&PathBuf::from(path))?;
    }
    let (Some(ours), Some(own)) = (&ours, own) else { return replay(&recording) };
    let names = &recording.cases.names;
    compare::report(names, &recording.frames, &own, differences)?;
    // The same results went to AggregationServerSinks.
    compare::report(names, &java.take_frames(), &ours.take_frames(), Vec::new())
}

/// A short run of the above, recorded: it needs no JVM.
#[test]
fn the_numbers_are_those_that_the_java_daemon_had() -> anyhow::Result<()> {
    let text = match std::env::var_os("TIDEGATE_MAD_RECORD") {
        Some(path) => std::fs::read_to_string(path)?,
        None => include_str!("mad/java.jsonl").to_owned(),
    };
    replay(&Recording::read(&text)?)
}

fn replay(recording: &Recording) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ports =
        files::Ports { http: 1, https: 2, statsd: 3, graphite: 4, telegraf: 5, mapped: 6, stamped: 7, frames: 8 };
    files::write(folder.path(), ports, "http://127.0.0.1:1/")?;
    let mut inside = Inside::start(&folder.path().join("pipelines"), now_ms())?;
    let mut statuses = Vec::new();
    let mut messages = Vec::new();
    for phase in PHASES {
        let of_phase = of_phase(&recording.cases.messages, phase);
        statuses.extend(inside.send(&of_phase)?);
        messages.extend(of_phase);
        inside.wait(CLOSED.as_millis() as i64)?;
    }
    inside.wait(1_000_000)?;
    let own: Vec<Bytes> = inside.take_frames();
    let differences = compare::answers(&messages, &recording.statuses, &statuses);
    compare::report(&recording.cases.names, &recording.frames, &own, differences)
}
