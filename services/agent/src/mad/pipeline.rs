//! One pipeline of the configuration: sources fill its [`Intake`], a task
//! behind it aggregates and hands results to the sinks.

mod intake;
mod metrics;
mod task;

use tidegate_mad::aggregate::{Aggregator, Config};
use tidegate_runtime::Tasks;

use self::task::Task;
use super::sink::Sink;
use crate::clock::unix_ms;

pub use intake::{Closed, Intake, Refused};
pub use metrics::{Metrics, PipelineMetrics};

/// Starts a pipeline without sources.
///
/// Its task ends when all intakes are gone or it is cancelled. Either way it
/// counts what waits in the intake, flushes open buckets and closes the sinks.
/// To lose nothing, stop the sources first: what they send after a
/// cancellation is refused.
pub fn start(config: Config, sinks: Vec<Box<dyn Sink>>, metrics: PipelineMetrics, tasks: &mut Tasks) -> Intake {
    let (intake, batches) = Intake::new(metrics.clone());
    let task = Task::new(Aggregator::new(config), batches, sinks, metrics);
    tasks.spawn("agent-pipeline", |cancel| task.run(cancel, unix_ms));
    intake
}
