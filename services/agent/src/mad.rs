//! The agent as a drop-in for the Java Metrics Aggregator Daemon: sources feed
//! pipelines, pipelines aggregate by period, sinks carry the results on.

pub mod diff;
pub mod feed;
pub mod own;
pub mod pipeline;
pub mod sink;
pub mod source;
pub mod telemetry;
