//! What all that start a Tidegate do with its process.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::Api;

/// SIGKILL, at once. Nothing happens when it is gone already.
pub fn kill9(child: &mut Child) {
    // Both fail only then.
    child.kill().ok();
    child.wait().ok();
}

/// Waits until the process ends by itself; `None` when it has not after `limit`.
///
/// # Errors
/// When the system does not say.
pub async fn wait_exit(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

/// Waits until the process says that it is ready.
///
/// # Errors
/// When it ends before, or is not ready within `limit`; with its `name`, and what `told` gives: its output, or where that is.
pub async fn wait_ready(
    child: &mut Child,
    api: &Api,
    limit: Duration,
    name: &str,
    told: impl Fn() -> String,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            bail!("{name} ended with {status} before it was ready; {}", told());
        }
        if api.ready().await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let state = api.get("/readyz").await;
    bail!("{name} was not ready within {limit:?}: {state:?}; {}", told())
}
