//! The bounded way from sources into a pipeline.

use std::sync::Arc;

use tidegate_mad::Record;
use tidegate_mad::transform::Transforms;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::PipelineMetrics;
use crate::clock::unix_ms;

/// Batches that wait for the aggregator. A source that can wait does so when
/// all places are taken; one that cannot (UDP) loses the batch, which is counted.
pub(super) const PLACES: usize = 256;

/// Where a source puts what it has read. Clones lead to the same pipeline.
#[derive(Clone, Debug)]
pub struct Intake {
    batches: mpsc::Sender<Vec<Record>>,
    transforms: Arc<Transforms>,
    metrics: PipelineMetrics,
}

/// The pipeline has been stopped; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pipeline has been stopped")]
pub struct Closed;

/// Why a batch was not taken without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the pipeline has no room")]
    Full,
    #[error("the pipeline has been stopped")]
    Closed,
}

impl Intake {
    /// An intake and the end that the pipeline reads.
    pub fn new(metrics: PipelineMetrics) -> (Self, mpsc::Receiver<Vec<Record>>) {
        let (batches, receiver) = mpsc::channel(PLACES);
        (Self { batches, transforms: Arc::default(), metrics }, receiver)
    }

    /// The same pipeline for a source with wrappers, which work where the source does.
    #[must_use]
    pub fn through(&self, transforms: Transforms) -> Self {
        Self { transforms: Arc::new(transforms), ..self.clone() }
    }

    fn transform(&self, records: Vec<Record>) -> Vec<Record> {
        if self.transforms.is_empty() {
            return records;
        }
        let (records, discarded) = self.transforms.apply(records, unix_ms());
        self.metrics.discarded_kinds.inc_by(discarded.kinds);
        self.metrics.discarded_tags.inc_by(discarded.tags);
        records
    }

    /// Hands `records` on, waiting while the pipeline has no room.
    ///
    /// # Errors
    /// [`Closed`] when the pipeline has been stopped.
    pub async fn send(&self, records: Vec<Record>) -> Result<(), Closed> {
        let records = self.transform(records);
        if records.is_empty() {
            return Ok(());
        }
        let place = self.batches.reserve().await.map_err(|_| Closed)?;
        self.metrics.records.inc_by(records.len() as u64);
        place.send(records);
        Ok(())
    }

    /// Hands `records` on if there is room now. What is refused is counted.
    ///
    /// # Errors
    /// [`Refused`] when nothing was taken.
    pub fn try_send(&self, records: Vec<Record>) -> Result<(), Refused> {
        let records = self.transform(records);
        if records.is_empty() {
            return Ok(());
        }
        let count = records.len() as u64;
        let place = match self.batches.try_reserve() {
            Ok(place) => place,
            Err(error) => {
                self.metrics.refused_records.inc_by(count);
                return Err(match error {
                    TrySendError::Full(()) => Refused::Full,
                    TrySendError::Closed(()) => Refused::Closed,
                });
            }
        };
        self.metrics.records.inc_by(count);
        place.send(records);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
