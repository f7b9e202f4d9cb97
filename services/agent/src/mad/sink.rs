//! Where a pipeline's results go.

mod aggregation_http;
mod aggregation_tcp;
mod build;
mod delivery;
mod gateway_push;
mod http_json;
mod inject;
mod kafka;
mod metrics;
mod multi;
mod parts;
mod period_filter;
mod periodic_statistics;
mod poster;
mod queue;
mod seldom;
mod series_log;
mod task;
mod telemetry;
#[cfg(test)]
pub(super) mod testing;
mod time_threshold;
mod tracing_sink;

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tidegate_mad::emit::aggregation::DEMANDED;
use tokio::time::Instant;

use self::metrics::{Dropped, SinkMetrics};
use self::parts::{One, Part};
pub use build::{BuildError, Context, build, check, needs_histograms};
pub(super) use delivery::Outcome;
pub use metrics::Metrics;
pub(super) use poster::Poster;

/// A destination of results, owned by its pipeline.
#[async_trait]
pub trait Sink: Send + 'static {
    /// Hands on the results of buckets that closed together. Never waits: what
    /// does not fit a sink's queue is dropped there and counted.
    fn take(&mut self, results: &Arc<[Periodic]>);

    /// Carries on what still waits, and gives up at the deadline.
    async fn close(self: Box<Self>, deadline: Instant);
}

/// Whether the result has the dimensions that aggregation servers need.
fn demanded(result: &Periodic) -> bool {
    DEMANDED.iter().all(|name| result.dimensions.get(name).is_some())
}

/// Each result that aggregation servers take; the others are counted.
fn each_demanded(results: &Arc<[Periodic]>, metrics: &SinkMetrics, mut send: impl FnMut(One)) {
    metrics.results.inc_by(results.len() as u64);
    let mut lacking = 0;
    for (index, result) in results.iter().enumerate() {
        if demanded(result) {
            send(One { all: results.clone(), index });
        } else {
            lacking += 1;
        }
    }
    metrics.dropped(Dropped::NoClusterOrService, lacking);
}

/// Hands those results to `inner` that `goes` says; tells how many others
/// there were.
fn pass_on(inner: &mut dyn Sink, results: &Arc<[Periodic]>, mut goes: impl FnMut(&Periodic) -> bool) -> u64 {
    let kept: Vec<bool> = results.iter().map(&mut goes).collect();
    let count = kept.iter().filter(|kept| **kept).count();
    if count == results.len() {
        inner.take(results);
    } else if count > 0 {
        let kept = results.iter().zip(kept).filter(|(_, kept)| *kept);
        inner.take(&kept.map(|(result, _)| result.clone()).collect());
    }
    (results.len() - count) as u64
}
