//! `TelemetrySink`: shows results to whoever watches over a WebSocket.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_mad::Periodic;
use tokio::time::Instant;

use super::Sink;
use super::metrics::SinkMetrics;
use crate::mad::telemetry::Telemetry;

pub struct TelemetrySink {
    pub telemetry: Telemetry,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for TelemetrySink {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        self.telemetry.publish(results);
    }

    async fn close(self: Box<Self>, _: Instant) {}
}
