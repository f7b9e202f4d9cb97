//! The task behind a sink, which carries on for a while when the sink closes.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_runtime::{TaskError, Tasks};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Past the deadline, for the task to notice it.
const GRACE: Duration = Duration::from_secs(1);

/// Until when a cancelled task may carry on.
#[derive(Clone, Default)]
pub struct Deadline(Arc<OnceLock<Instant>>);

impl Deadline {
    /// Now, where the owner has set none: it is gone, and nobody waits.
    pub fn instant(&self) -> Instant {
        self.0.get().copied().unwrap_or_else(Instant::now)
    }
}

pub struct SinkTask {
    tasks: Tasks,
    deadline: Deadline,
    /// The task ends with its owner, however that ends.
    _cancel: DropGuard,
}

impl SinkTask {
    /// Starts the task. Must be called within a runtime.
    pub fn start<F, E>(
        name: &'static str,
        failures: mpsc::Sender<TaskError>,
        run: impl FnOnce(Deadline, CancellationToken) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let deadline = Deadline::default();
        let mut tasks = Tasks::new(failures);
        tasks.spawn(name, |cancel| run(deadline.clone(), cancel));
        let cancel = tasks.cancellation().drop_guard();
        Self { tasks, deadline, _cancel: cancel }
    }

    /// Cancels the task, which may carry on until the deadline, and waits for it.
    pub async fn close(self, deadline: Instant) {
        self.deadline.0.set(deadline).ok();
        let patience = deadline.saturating_duration_since(Instant::now()) + GRACE;
        if let Err(error) = self.tasks.stop(patience).await {
            tracing::error!(%error, "a sink did not stop");
        }
    }
}
