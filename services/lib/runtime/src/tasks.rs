//! Tasks with an owner, a name, a cancellation and a fate for their panic.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Why a task ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("task {task} failed: {source}")]
    Failed { task: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("task {task} panicked: {message}")]
    Panicked { task: &'static str, message: String },
    #[error("task {task} did not stop within {} s", after.as_secs())]
    Stuck { task: &'static str, after: Duration },
}

/// The tasks of one target. They are cancelled together; the first that fails
/// or panics is told to whoever holds the receiver, and main then stops the
/// whole process: a target never limps on without one of its tasks.
pub struct Tasks {
    cancel: CancellationToken,
    failures: mpsc::Sender<TaskError>,
    running: Vec<(&'static str, JoinHandle<()>)>,
}

impl Tasks {
    /// `failures` is shared by all targets of a process.
    pub fn new(failures: mpsc::Sender<TaskError>) -> Self {
        Self { cancel: CancellationToken::new(), failures, running: Vec::new() }
    }

    /// Tasks whose failures nobody waits for; for tests.
    pub fn detached() -> Self {
        Self::new(mpsc::channel(1).0)
    }

    /// Cancelled when the target shall stop.
    pub fn cancellation(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Runs `work` until it ends; it watches the token that it is given.
    pub fn spawn<F, E>(&mut self, name: &'static str, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let task = tokio::spawn(work(self.cancel.clone()));
        let failures = self.failures.clone();
        let supervised = tokio::spawn(async move {
            let failure = match task.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => TaskError::Failed { task: name, source: error.into() },
                Err(error) if error.is_cancelled() => return,
                Err(error) => TaskError::Panicked { task: name, message: panic_message(error.into_panic()) },
            };
            // The first failure stops the process, so a full channel loses nothing.
            failures.try_send(failure).ok();
        });
        self.running.push((name, supervised));
    }

    /// Asks all tasks to stop and does not wait.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits, `limit` at most, until all tasks have ended by themselves; stops them then.
    pub async fn finish(mut self, limit: Duration) -> Result<(), TaskError> {
        let all = async {
            for (_, handle) in &mut self.running {
                // How it ended is told elsewhere.
                handle.await.ok();
            }
        };
        if tokio::time::timeout(limit, all).await.is_ok() {
            return Ok(());
        }
        self.running.retain(|(_, handle)| !handle.is_finished());
        self.stop(limit).await
    }

    /// Cancels all tasks and waits for them, `limit` at most in all.
    pub async fn stop(self, limit: Duration) -> Result<(), TaskError> {
        self.cancel.cancel();
        let deadline = tokio::time::Instant::now() + limit;
        for (task, handle) in self.running {
            if tokio::time::timeout_at(deadline, handle).await.is_err() {
                return Err(TaskError::Stuck { task, after: limit });
            }
        }
        Ok(())
    }
}

fn panic_message(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&'static str>().map_or_else(|_| "no message".into(), |text| (*text).into()),
    }
}

/// A built target: its tasks run, its routes wait to be served on the
/// process's one HTTP port.
pub struct Target {
    pub name: &'static str,
    pub http: axum::Router,
    pub tasks: Tasks,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
