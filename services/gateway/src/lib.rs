//! The door: takes samples from agents, Prometheus, OpenTelemetry and scripts,
//! and answers only when all of them are on durable storage in the log.
//!
//! Stateless but for limits: any number of gateways may stand side by side.
//! What belongs to a sample's fate later on (its window, whether its batch came
//! before) is the fold's, not decided here. Limits are per process.

mod admission;
mod batch;
mod body;
mod caller;
mod config;
mod content_hash;
mod error;
mod grpc;
mod http;
mod limits;
mod log_watch;
mod metadata;
mod metrics;
mod otlp_answer;
mod producer;
mod series_cap;
mod service;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tidegate_eventlog::{ClockFn, EventLog};
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::mpsc;

pub use config::{Config, ConfigError, Limits, ValueRange};
pub use error::Error;

use metrics::Metrics;
use producer::Producer;
use service::Gateway;

/// Name of the target, of its part of the readiness and of its metrics.
pub const NAME: &str = "gateway";

/// Starts the gateway on `log`. Its HTTP routes are in the target, its gRPC
/// services in the routes beside it.
///
/// # Errors
/// When a configured limit makes no sense; the text names the key.
pub async fn build(
    config: Config,
    limits: Limits,
    log: Arc<dyn EventLog>,
    clock: ClockFn,
    registry: &mut Registry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
) -> Result<(Target, tonic::service::Routes), ConfigError> {
    config.check()?;
    limits.check()?;
    if config.max_received_bytes < limits.max_body_bytes {
        return Err(ConfigError::OutOfRange {
            key: "gateway.max_received_bytes",
            wanted: "at least limits.max_body_bytes",
            found: config.max_received_bytes.to_string(),
        });
    }
    let metrics = Metrics::register(registry);
    let mut tasks = Tasks::new(failures);

    let (producer, flusher) = Producer::new(&config, Arc::clone(&log), clock.clone(), metrics.clone());
    tasks.spawn("gateway-producer", |cancel| flusher.run(cancel));
    let watch = log_watch::LogWatch::new(log.clone(), health.part(NAME), producer.clock_offset(), metrics.clone());
    tasks.spawn("gateway-log-watch", |cancel| watch.run(cancel));

    let gateway = Arc::new(Gateway::new(config, limits, log, clock, producer, metrics));
    let housekeeping = Arc::clone(&gateway);
    tasks.spawn("gateway-housekeeping", |cancel| housekeeping.keep_house(cancel));

    let routes = grpc::routes(Arc::clone(&gateway));
    Ok((Target { name: NAME, http: http::router(gateway), tasks }, routes))
}

#[cfg(test)]
mod tests;
