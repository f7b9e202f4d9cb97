//! What every target is built from: supervised tasks, ordered shutdown,
//! readiness, metrics, logs, configuration layers, back-off.

pub mod health;
pub mod tasks;

pub use health::{Health, Part};
pub use tasks::{Target, TaskError, Tasks};
