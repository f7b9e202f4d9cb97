//! Drops old records, by time and by size.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_eventlog::{Bounds, LogError, Topic};

use super::Shared;
use crate::engine::EngineError;

pub(super) struct Retention {
    stop: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Retention {
    pub fn start(shared: Arc<Shared>) -> Result<Self, LogError> {
        let (stop, stopped) = sync_channel(0);
        let interval = Duration::from_millis(shared.config.retention_interval_ms.max(1));
        let run = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = apply(&shared) {
                    tracing::error!(%error, "retention of the log failed; it is tried again");
                }
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
    let now_ms = (shared.clock)();
    for (topic, partitions) in &shared.topics {
        let age_ms = i64::try_from(shared.config.retention_ms(*topic)).unwrap_or(i64::MAX);
        let oldest_ms = now_ms.saturating_sub(age_ms);
        for (partition, state) in (0u16..).zip(partitions) {
            let bounds = state.bounds();
            let by_age = first_since(shared, *topic, partition, bounds, oldest_ms)?;
            let start = by_age.max(first_within_size(shared, *topic, partition, bounds)?);
            if start > bounds.start {
                tracing::debug!(topic = topic.name(), partition, from = bounds.start, to = start, "records expired");
                shared.truncate_start(*topic, partition, start)?;
            }
        }
    }
    Ok(())
}

/// The first offset whose record was appended at `oldest_ms` or later; found by
/// halving, as append times rise with the offsets but for small steps back.
fn first_since(
    shared: &Shared,
    topic: Topic,
    partition: u16,
    bounds: Bounds,
    oldest_ms: i64,
) -> Result<u64, EngineError> {
    let old = |offset| -> Result<bool, EngineError> {
        let time_ms = shared.engine.read(|files| files.time_at(topic, partition, offset))?;
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

/// Where the partition would have to start to fit its share of the disk, if all
/// records were of the same size.
fn first_within_size(shared: &Shared, topic: Topic, partition: u16, bounds: Bounds) -> Result<u64, EngineError> {
    let limit_bytes = shared.config.retention_bytes(topic);
    let size_bytes = shared.engine.read(|files| files.size_bytes(topic, partition))?;
    if size_bytes <= limit_bytes {
        return Ok(bounds.start);
    }
    let excess = (size_bytes - limit_bytes) as f64 / size_bytes as f64;
    Ok(bounds.start + ((bounds.end - bounds.start) as f64 * excess) as u64)
}
