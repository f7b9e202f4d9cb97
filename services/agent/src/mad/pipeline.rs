//! One pipeline of the configuration: sources fill its [`Intake`], a task
//! behind it aggregates and hands results to the sinks.

mod intake;
mod metrics;

pub use intake::{Closed, Intake, Refused};
pub use metrics::{Metrics, PipelineMetrics};
