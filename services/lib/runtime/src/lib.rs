//! What every target is built from: supervised tasks, ordered shutdown,
//! readiness, metrics, logs, listening ports, configuration layers, back-off.

pub mod admin;
pub mod backoff;
pub mod budget;
pub mod config;
pub mod failpoint;
pub mod file_handles;
pub mod health;
pub mod memory;
pub mod process_metrics;
pub mod server;
pub mod shutdown;
pub mod slice;
pub mod tasks;
pub mod telemetry;
pub mod tls;

pub use budget::{Budget, Exhausted, Reservation};
pub use health::{Health, Part};
pub use tasks::{Target, TaskError, Tasks};
