//! How soon a daemon answers, and what it holds.

use std::time::Duration;

use super::daemon::{Daemon, Kind};
use super::statsd;
use crate::process;

pub const SERIES: usize = 20_000;
/// All series have been seen after 20 s; each daemon can post so much.
const LINES_PER_SECOND: u32 = 1_000;

pub struct Start {
    /// One after the other, the shortest first.
    pub starts: Vec<Duration>,
    pub idle_bytes: u64,
}

pub struct Full {
    pub resident_bytes: u64,
    pub peak_bytes: u64,
    pub sent: u64,
    pub counted: u64,
}

pub async fn start(kind: Kind) -> anyhow::Result<Start> {
    let mut starts = Vec::new();
    let mut idle_bytes = 0;
    for _ in 0..if kind == Kind::Java { 2 } else { 9 } {
        let daemon = Daemon::start(kind, None).await?;
        starts.push(daemon.start);
        if starts.len() == 1 {
            daemon.until_idle().await;
            idle_bytes = process::resident_bytes(daemon.pid())?;
        }
    }
    starts.sort_unstable();
    Ok(Start { starts, idle_bytes })
}

/// Every series gets a sample each 20 s; the third of them that are timers have percentiles.
pub async fn full(kind: Kind, hold: Duration) -> anyhow::Result<Full> {
    let daemon = Daemon::start(kind, None).await?;
    daemon.until_idle().await;
    daemon.forget()?;
    let packets = statsd::packed(&statsd::lines(SERIES), 1_432);
    let (sent, _) = statsd::send(daemon.statsd, packets, LINES_PER_SECOND, hold).await?;
    let resident_bytes = process::resident_bytes(daemon.pid())?;
    let counted = daemon.counted().await?;
    Ok(Full { resident_bytes, peak_bytes: process::peak_resident_bytes(daemon.pid())?, sent, counted })
}
