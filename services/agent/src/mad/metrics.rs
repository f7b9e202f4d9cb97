//! What a daemon tells of itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tidegate_runtime::server::ServerMetrics;

use super::{http, pipeline, sink, source, telemetry};

/// All of it; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub pipelines: pipeline::Metrics,
    pub sinks: sink::Metrics,
    pub sources: source::Metrics,
    pub telemetry: telemetry::Metrics,
    pub http: http::Metrics,
    pub server: ServerMetrics,
    pub rejected_files: Counter,
    pub dropped_own: Counter,
}

impl Metrics {
    /// `server` is of all ports of the process.
    pub fn register(registry: &mut Registry, server: ServerMetrics) -> Self {
        let metrics = Self {
            pipelines: pipeline::Metrics::register(registry),
            sinks: sink::Metrics::register(registry),
            sources: source::Metrics::register(registry),
            telemetry: telemetry::Metrics::register(registry),
            http: http::Metrics::register(registry),
            server,
            rejected_files: Counter::default(),
            dropped_own: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("tidegate_agent_daemon");
        registry.register(
            "rejected_files",
            "Files of pipelines that could not be used",
            metrics.rejected_files.clone(),
        );
        registry.register(
            "dropped_own_records",
            "Records of what sinks measure that found no place to wait",
            metrics.dropped_own.clone(),
        );
        metrics
    }
}
