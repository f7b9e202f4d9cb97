//! A pipeline's end for the tests of sources: keeps what comes.

use std::time::Duration;

use prometheus_client::registry::Registry;
use tidegate_mad::Record;
use tokio::sync::mpsc;

use super::{Metrics, SourceMetrics};
use crate::mad::feed::Feed;
use crate::mad::pipeline::{self, Intake};

pub struct Taken {
    batches: mpsc::Receiver<Vec<Record>>,
    waiting: Vec<Record>,
}

pub fn feed() -> (Feed, Taken) {
    let metrics = pipeline::Metrics::register(&mut Registry::default());
    let (intake, batches) = Intake::new(metrics.of("p"));
    (Feed::new(intake), Taken { batches, waiting: Vec::new() })
}

pub fn metrics() -> SourceMetrics {
    Metrics::register(&mut Registry::default()).of("s")
}

impl Taken {
    /// The next records, as many as are wanted.
    pub async fn records(&mut self, count: usize) -> Vec<Record> {
        while self.waiting.len() < count {
            let batch = tokio::time::timeout(Duration::from_secs(30), self.batches.recv()).await;
            match batch {
                Ok(Some(batch)) => self.waiting.extend(batch),
                _ => panic!("{} of {count} records came", self.waiting.len()),
            }
        }
        self.waiting.drain(..count).collect()
    }

    pub async fn names(&mut self, count: usize) -> Vec<String> {
        let records = self.records(count).await;
        records.iter().flat_map(|record| record.metrics.iter().map(|(name, _)| name.to_string())).collect()
    }

    /// What is there now.
    pub fn rest(&mut self) -> Vec<Record> {
        while let Ok(batch) = self.batches.try_recv() {
            self.waiting.extend(batch);
        }
        std::mem::take(&mut self.waiting)
    }

    pub fn close(&mut self) {
        self.batches.close();
    }
}
