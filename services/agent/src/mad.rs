//! The agent as a drop-in for the Java Metrics Aggregator Daemon: sources feed
//! pipelines, pipelines aggregate by period, sinks carry the results on.

mod certificate;
mod check;
pub mod daemon;
pub mod diff;
pub mod feed;
mod http;
mod metrics;
mod monitoring;
pub mod own;
pub mod pipeline;
mod ports;
mod running;
pub mod sink;
pub mod source;
pub mod telemetry;
mod watch;

pub use check::{Report, check, environment};
pub use metrics::Metrics;
