//! Drops old records, by time and by size.
//!
//! Of metrics-raw only what every group has committed past: what is not folded
//! yet exists nowhere else. When that leaves more than the log may hold,
//! appends are refused until a group commits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_eventlog::{Bounds, LogError, Topic};

use super::Shared;
use super::files::Files;
use crate::engine::EngineError;

/// Pause between two turns while appends are refused.
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(1);

pub(super) struct Retention {
    stop: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Retention {
    pub fn start(shared: Arc<Shared>) -> Result<Self, LogError> {
        let (stop, stopped) = sync_channel(0);
        let interval = Duration::from_millis(shared.config.retention_interval_ms.max(1));
        let run = move || {
            let mut pause = Duration::ZERO;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = apply(&shared) {
                    tracing::error!(%error, "retention of the log failed; it is tried again");
                }
                pause = if shared.full.load(Ordering::Relaxed) { interval.min(PAUSE_WHEN_FULL) } else { interval };
            }
        };
        let thread = std::thread::Builder::new()
            .name("log-retention".to_owned())
            .spawn(run)
            .map_err(|error| LogError::Unavailable(format!("the log's retention: {error}")))?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    pub fn stop(&self) {
        drop(self.stop.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the log's retention panicked");
        }
    }
}

pub(super) fn apply(shared: &Shared) -> Result<(), EngineError> {
    let kept = cut(shared)?;
    if shared.topic == Topic::MetricsRaw {
        tell(shared, kept)?;
    }
    Ok(())
}

/// What would have been dropped if no group needed it.
#[derive(Clone, Copy, Default)]
struct Kept {
    records: u64,
    over_size: bool,
}

fn cut(shared: &Shared) -> Result<Kept, EngineError> {
    let age_ms = i64::try_from(shared.config.retention_ms(shared.topic)).unwrap_or(i64::MAX);
    let oldest_ms = (shared.clock)().saturating_sub(age_ms);
    let needed = match shared.topic {
        Topic::MetricsRaw => Some(shared.engine.read(Files::needed_from)?),
        // Only a cache of what the rollup can publish again.
        Topic::MetricsRollup => None,
    };
    let mut kept = Kept::default();
    for (partition, state) in (0u16..).zip(&shared.partitions) {
        let bounds = state.bounds();
        let by_age = first_since(shared, partition, bounds, oldest_ms)?;
        let by_size = first_within_size(shared, partition, bounds)?;
        let wanted = by_age.max(by_size);
        let needed = needed.as_ref().and_then(|needed| needed.get(usize::from(partition)).copied());
        let start = needed.map_or(wanted, |needed| wanted.min(needed.max(bounds.start)));
        kept.records += wanted - start;
        kept.over_size |= by_size > start;
        if start > bounds.start {
            tracing::debug!(topic = shared.topic.name(), partition, from = bounds.start, to = start, "records expired");
            shared.truncate_start(partition, start)?;
        }
    }
    Ok(kept)
}

/// Refuses or takes appends from now on, and says why.
fn tell(shared: &Shared, kept: Kept) -> Result<(), EngineError> {
    let mut size_bytes = 0;
    for partition in 0..shared.config.partitions {
        size_bytes += shared.engine.read(|files| files.size_bytes(partition))?;
    }
    let limit_bytes = shared.config.retention_bytes(shared.topic);
    let full = kept.over_size && size_bytes > limit_bytes;
    let was_full = shared.full.swap(full, Ordering::Relaxed);
    if full {
        if !was_full {
            tracing::error!(
                size_bytes,
                limit_bytes,
                records_needed = kept.records,
                "the log is full of records that are not folded yet: appends are refused until a group commits"
            );
        }
    } else if was_full {
        tracing::info!(size_bytes, limit_bytes, "the log takes appends again");
    } else if kept.records > 0 {
        let records = kept.records;
        tracing::warn!(records, size_bytes, limit_bytes, "old records of the log are kept: they are not folded yet");
    }
    Ok(())
}

/// The first offset whose record was appended at `oldest_ms` or later; found by
/// halving, as append times rise with the offsets but for small steps back.
fn first_since(shared: &Shared, partition: u16, bounds: Bounds, oldest_ms: i64) -> Result<u64, EngineError> {
    let old = |offset| -> Result<bool, EngineError> {
        let time_ms = shared.engine.read(|files| files.time_at(partition, offset))?;
        Ok(time_ms.is_some_and(|time_ms| time_ms < oldest_ms))
    };
    let (mut start, mut end) = (bounds.start, bounds.end);
    if start == end || !old(start)? {
        return Ok(start);
    }
    while start < end {
        let middle = start + (end - start) / 2;
        if old(middle)? {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(start)
}

/// Where the partition would have to start to fit an even share of the disk, if
/// all records were of the same size.
fn first_within_size(shared: &Shared, partition: u16, bounds: Bounds) -> Result<u64, EngineError> {
    let limit_bytes = shared.config.retention_bytes(shared.topic) / u64::from(shared.config.partitions.max(1));
    let size_bytes = shared.engine.read(|files| files.size_bytes(partition))?;
    if size_bytes <= limit_bytes {
        return Ok(bounds.start);
    }
    let excess = (size_bytes - limit_bytes) as f64 / size_bytes as f64;
    Ok(bounds.start + ((bounds.end - bounds.start) as f64 * excess) as u64)
}
