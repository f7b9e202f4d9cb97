//! Where a pipeline's results go.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tokio::time::Instant;

/// A destination of results, owned by its pipeline.
#[async_trait]
pub trait Sink: Send + 'static {
    /// Hands on the results of buckets that closed together. Never waits: what
    /// does not fit a sink's queue is dropped there and counted.
    fn take(&mut self, results: &Arc<[Periodic]>);

    /// Carries on what still waits, and gives up at the deadline.
    async fn close(self: Box<Self>, deadline: Instant);
}
