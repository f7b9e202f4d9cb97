//! The end of a process: asked for by a signal or a failure, done in order,
//! within a limit.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::{Target, TaskError};

/// Exit status after a second signal: 128 + SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// SIGINT and SIGTERM of this process.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal and tells its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// From now on a signal ends the process at once: somebody is waiting and
    /// does not want to any longer.
    pub fn exit_on_next(mut self) {
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "second signal, exiting without draining");
            std::process::exit(INTERRUPTED);
        });
    }
}

/// Stops the targets one after the other; each may use what is left of
/// `limit`. All are asked to stop even if one does not.
pub async fn drain(targets: Vec<Target>, limit: Duration) -> Vec<TaskError> {
    let deadline = Instant::now() + limit;
    let mut stuck = Vec::new();
    for target in targets {
        let begun = Instant::now();
        let left = deadline.saturating_duration_since(begun);
        match target.tasks.stop(left).await {
            Ok(()) => {
                tracing::debug!(target = target.name, millis = begun.elapsed().as_millis() as u64, "stopped");
            }
            Err(error) => {
                tracing::error!(target = target.name, %error, "did not stop in time");
                stuck.push(error);
            }
        }
    }
    stuck
}

#[cfg(test)]
mod tests;
