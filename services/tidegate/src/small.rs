//! An agent in a process of its own shares its host with what it measures: it
//! keeps no memory that it does not need.

use std::convert::Infallible;
use std::time::Duration;

use tidegate_runtime::memory;
use tokio_util::sync::CancellationToken;

/// By then everything that a start begins is done, but for what waits for others.
const SETTLED: Duration = Duration::from_secs(3);

/// Gives back what only the start has needed of the program.
pub async fn settle(cancel: CancellationToken) -> Result<(), Infallible> {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = tokio::time::sleep(SETTLED) => give_back(),
    }
    Ok(())
}

/// What is still used comes again by itself.
pub fn give_back() {
    match memory::give_back_program() {
        Ok(bytes) => tracing::debug!(bytes, "pages of the program are given back"),
        Err(error) => tracing::debug!(%error, "all pages of the program that were used stay resident"),
    }
}
