//! One task for every partition that is assigned to this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_eventlog::Topic;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Context, Error, GROUP, partition};

pub(crate) struct Supervisor {
    context: Arc<Context>,
    running: BTreeMap<u16, CancellationToken>,
    tasks: JoinSet<Result<(), Error>>,
}

impl Supervisor {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, running: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Follows the assignment until cancelled, then waits for all partitions
    /// to store what is closed.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), Error> {
        let mut assignment = self.context.log.assignment(Topic::MetricsRaw, GROUP);
        let mut following = true;
        loop {
            let wanted = assignment.borrow_and_update().clone();
            self.follow(&wanted, &cancel);
            tokio::select! {
                () = cancel.cancelled() => break,
                changed = assignment.changed(), if following => following = changed.is_ok(),
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = outcome(ended) {
                        cancel.cancel();
                        self.drain().await.ok();
                        return Err(error);
                    }
                }
            }
        }
        self.drain().await
    }

    fn follow(&mut self, wanted: &[u16], cancel: &CancellationToken) {
        self.running.retain(|partition, task| {
            let keep = wanted.contains(partition);
            if !keep {
                tracing::info!(partition, "partition is no longer assigned");
                task.cancel();
                self.context.readiness.revoked(*partition);
                self.context.pulses.remove(*partition);
                self.context.metrics.forget(*partition);
            }
            keep
        });
        for partition in wanted {
            if !self.running.contains_key(partition) {
                let task = cancel.child_token();
                self.context.readiness.assigned(*partition);
                self.running.insert(*partition, task.clone());
                self.tasks.spawn(partition::run(self.context.clone(), *partition, task));
            }
        }
    }

    async fn drain(&mut self) -> Result<(), Error> {
        let mut first = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = outcome(ended);
            if first.is_ok() {
                first = ended;
            }
        }
        first
    }
}

/// A panic of a partition is passed on to the one who watches this task.
fn outcome(ended: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    match ended {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(()),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests;
