//! Threads for the work that nobody waits for: folding, storing, publishing
//! and shipping come in bursts, at the end of each window and minute, which on
//! the threads that answer pushes would be seen by the clients. They have less
//! of a core than those, and give it up when one of those wakes up.

use std::future::Future;
use std::num::NonZero;
use std::pin::pin;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::{getpriority_process, setpriority_process};
use tidegate_runtime::slice;
use tokio::runtime::{Builder, Handle, Runtime};

/// What the kernel takes off these threads' share while others want to run:
/// about a quarter is left to them.
const NICE: i32 = 5;
/// The kernel knows nothing lower.
const LOWEST: i32 = 19;

/// # Errors
/// When threads cannot be started.
pub fn runtime() -> std::io::Result<Runtime> {
    let priority = lowered_priority();
    let lower = move || stand_back(priority);
    Builder::new_multi_thread()
        .worker_threads(threads(available_parallelism()?))
        .thread_name("background")
        .on_thread_start(lower)
        .enable_all()
        .build()
}

/// Half of the cores, so that a burst leaves the others to those who answer: a
/// thread of lower priority too keeps its core until the kernel's next tick.
fn threads(cores: NonZero<usize>) -> usize {
    cores.get().div_ceil(2)
}

/// Polls `work` here, but lets it start its tasks on `runtime`.
pub async fn starting_on<T>(runtime: &Handle, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let _entered = runtime.enter();
        work.as_mut().poll(context)
    })
    .await
}

/// Runs `work` on a thread of its own; the threads that it starts have the
/// background's priority too.
pub fn starting_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let priority = lowered_priority();
    let run = || {
        stand_back(priority);
        work()
    };
    match std::thread::scope(|scope| scope.spawn(run).join()) {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Below the calling thread's. Threads started by those of the background
/// inherit theirs and so must not add to it: it is found once.
fn lowered_priority() -> rustix::io::Result<i32> {
    Ok((getpriority_process(None)? + NICE).min(LOWEST))
}

/// On Linux all of this is the calling thread's own; lowering it is always
/// allowed.
fn stand_back(priority: rustix::io::Result<i32>) {
    if let Err(error) = priority.and_then(|priority| setpriority_process(None, priority)) {
        tracing::warn!(%error, "background threads run at full priority");
    }
    if let Err(error) = slice::set(Duration::ZERO) {
        tracing::debug!(%error, "background threads keep their slices");
    }
}

#[cfg(test)]
mod tests;
