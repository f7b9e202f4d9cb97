//! Threads for the work that nobody waits for: folding, storing, publishing
//! and shipping come in bursts, at the end of each window and minute, which on
//! the threads that answer pushes would be seen by the clients.

use std::future::Future;
use std::pin::pin;

use tokio::runtime::{Builder, Handle, Runtime};

/// What the kernel takes off these threads' share while others want to run:
/// about a quarter is left to them.
const NICE: i32 = 5;

/// # Errors
/// When threads cannot be started.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name("background")
        .on_thread_start(|| {
            // On Linux this is the calling thread's own priority, and lowering it is always allowed.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::warn!(%error, "background threads run at full priority");
            }
        })
        .enable_all()
        .build()
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

#[cfg(test)]
mod tests;
