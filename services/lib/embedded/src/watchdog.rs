//! Watches over writes that do not return.
//!
//! fjall makes a write wait while its background thread is behind; if that
//! thread has died, for want of disk space, it waits for ever. Nothing can free
//! it but a new process, which replays the journal and goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::engine::EngineError;

/// What counts as too long, and what then.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// From then on all writes are answered as not available.
    pub stalled_after: Duration,
    /// Then the process ends.
    pub end_after: Duration,
    pub interval: Duration,
    /// Does not return outside of tests.
    pub end: fn(&'static str, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stalled_after: Duration::from_secs(30),
            end_after: Duration::from_secs(120),
            interval: Duration::from_secs(1),
            end: end_process,
        }
    }
}

/// Not by a panic of some task: whoever waits for the write waits for ever.
fn end_process(what: &'static str, elapsed: Duration) {
    let seconds = elapsed.as_secs();
    tracing::error!(what, seconds, "a write to disk does not return; the process ends, so that a restart recovers");
    std::process::abort();
}

pub(crate) struct Watchdog {
    watched: Arc<Watched>,
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watched {
    /// Of the database, for messages.
    what: &'static str,
    running: Mutex<Running>,
    stalled: watch::Sender<bool>,
}

#[derive(Default)]
struct Running {
    next: u64,
    /// How often each was seen under way. Not its age: a machine or process
    /// that was paused has old writes that return at once.
    seen: BTreeMap<u64, u32>,
}

impl Watchdog {
    /// Starts a thread that looks after the writes.
    pub fn start(what: &'static str, limits: Limits) -> Result<Self, EngineError> {
        let watched = Arc::new(Watched { what, running: Mutex::default(), stalled: watch::Sender::new(false) });
        let (stop, stopped) = sync_channel(0);
        let watching = Arc::clone(&watched);
        let run = move || {
            while stopped.recv_timeout(limits.interval) == Err(RecvTimeoutError::Timeout) {
                watching.look(limits);
            }
        };
        let thread = std::thread::Builder::new()
            .name(format!("{what}-watch"))
            .spawn(run)
            .map_err(|error| EngineError::Unavailable(format!("the {what}'s watchdog: {error}")))?;
        Ok(Self { watched, stop: Some(stop), thread: Some(thread) })
    }

    /// Notes that a write begins; it ends with the guard.
    pub fn guard(&self) -> Guard<'_> {
        let mut running = self.watched.running.lock();
        let id = running.next;
        running.next += 1;
        running.seen.insert(id, 0);
        Guard { watched: &self.watched, id }
    }

    /// Fails while a write takes too long.
    pub fn check(&self) -> Result<(), EngineError> {
        if *self.watched.stalled.borrow() { Err(self.error()) } else { Ok(()) }
    }

    /// Returns once a write takes too long.
    pub async fn stalled(&self) -> EngineError {
        let mut stalled = self.watched.stalled.subscribe();
        // The sender lives as long as we do.
        let _ = stalled.wait_for(|stalled| *stalled).await;
        self.error()
    }

    fn error(&self) -> EngineError {
        EngineError::Unavailable(format!("a write of the {} does not return", self.watched.what))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Watched {
    fn look(&self, limits: Limits) {
        let mut running = self.running.lock();
        running.seen.values_mut().for_each(|seen| *seen = seen.saturating_add(1));
        let longest = limits.interval * running.seen.values().copied().max().unwrap_or(0);
        drop(running);
        let stalled = longest >= limits.stalled_after;
        let changed = self.stalled.send_if_modified(|known| std::mem::replace(known, stalled) != stalled);
        match (changed, stalled) {
            (true, true) => tracing::error!(what = self.what, "a write to disk takes too long"),
            (true, false) => tracing::info!(what = self.what, "writes to disk return again"),
            (false, _) => {}
        }
        if longest >= limits.end_after {
            (limits.end)(self.what, longest);
        }
    }
}

/// A write that is under way.
pub(crate) struct Guard<'a> {
    watched: &'a Watched,
    id: u64,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.watched.running.lock().seen.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
