//! `tidegate.KafkaSink`: a record in a topic for each result; results of one
//! series go to one partition, in order.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_eventlog::topics::{Outgoing, TopicError, TopicWriter};
use tidegate_mad::Periodic;
use tidegate_mad::config::KafkaFormat;
use tidegate_mad::emit::{aggregation, json};
use tokio::time::Instant;

use super::delivery::{Delivery, Outcome, Transport};
use super::metrics::{Dropped, SinkMetrics};
use super::{Part, Sink, demanded};

/// Results in one write; the servers are waited for after each.
pub const MAX_WRITE: usize = 1_000;

pub struct Topic {
    pub writer: Arc<dyn TopicWriter>,
    pub topic: String,
    pub format: KafkaFormat,
}

impl Topic {
    fn value(&self, result: &Periodic) -> Option<Bytes> {
        match self.format {
            KafkaFormat::Protobuf => aggregation::statistic_set(result).ok().map(Bytes::from),
            KafkaFormat::Json => {
                let mut object = String::new();
                json::result(&mut object, result);
                Some(object.into())
            }
        }
    }
}

/// `metric;name=value;…`, in the order of names.
fn key(result: &Periodic) -> Bytes {
    let mut key = String::from(&*result.metric);
    for (name, value) in result.dimensions.iter() {
        key.extend([";", name, "=", value]);
    }
    key.into()
}

#[async_trait]
impl Transport for Topic {
    type Message = Part;

    async fn send(&self, message: &Part) -> Outcome {
        let record = |result| Some(Outgoing { key: Some(key(result)), value: self.value(result)? });
        let records = message.results().iter().filter_map(record).collect();
        match self.writer.write(&self.topic, records).await {
            Ok(()) => Outcome::Taken,
            Err(error @ TopicError::TooLarge { .. }) => Outcome::Refused(error.to_string()),
            // Rights and names get repaired; results wait as long as there is room.
            Err(error) => Outcome::Failed { message: error.to_string(), retry_after_ms: None },
        }
    }
}

pub struct Kafka {
    pub delivery: Delivery<Part>,
    pub format: KafkaFormat,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for Kafka {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        let fits = |result: &&Periodic| self.format == KafkaFormat::Json || demanded(result);
        let lacking = results.len() - results.iter().filter(fits).count();
        self.metrics.dropped(Dropped::NoClusterOrService, lacking as u64);
        let results = if lacking == 0 { results.clone() } else { results.iter().filter(fits).cloned().collect() };
        for part in Part::all(&results, MAX_WRITE) {
            let results = part.results().len() as u64;
            self.delivery.send(part, results);
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.delivery.close(deadline).await;
    }
}

#[cfg(test)]
mod tests;
