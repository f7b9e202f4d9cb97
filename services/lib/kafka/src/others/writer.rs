//! Writes to topics by their names.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::topics::{Outgoing, TopicError, TopicWriter, WriterOptions};

use super::{client, meaning, properties};
use crate::context::{LastRefusal, Reports, Witness};

type Inner = FutureProducer<Witness>;

pub(super) struct Writer {
    config: ClientConfig,
    refusal: LastRefusal,
    /// Its number rises when one takes the place of another.
    inner: Mutex<(u64, Arc<Inner>)>,
}

impl Writer {
    pub fn new(options: WriterOptions) -> Result<Self, TopicError> {
        let mut config = client(&options.servers)?;
        config.set("acks", "all");
        config.set("enable.idempotence", "true");
        config.set("compression.codec", "lz4");
        config.set("linger.ms", "0");
        config.set("delivery.timeout.ms", "20000");
        // A topic that was just made may not be known everywhere.
        config.set("topic.metadata.propagation.max.ms", "10000");
        properties::apply(&mut config, &options.properties)?;
        let refusal = LastRefusal::default();
        let inner = make(&config, &refusal).map_err(|error| TopicError::Refused(error.to_string()))?;
        Ok(Self { config, refusal, inner: Mutex::new((0, Arc::new(inner))) })
    }

    /// After a fatal error a producer sends nothing any more.
    fn replace(&self, broken: u64) {
        let mut place = self.inner.lock();
        if place.0 != broken {
            return;
        }
        match make(&self.config, &self.refusal) {
            Ok(fresh) => {
                tracing::warn!("a producer has failed and begins anew");
                let (_, broken) = std::mem::replace(&mut *place, (broken + 1, Arc::new(fresh)));
                // Waits for its thread.
                tokio::task::spawn_blocking(move || drop(broken));
            }
            Err(error) => tracing::error!(%error, "a producer that has failed cannot be made anew"),
        }
    }

    fn meaning(&self, number: u64, error: &KafkaError, topic: &str, size_bytes: usize) -> TopicError {
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            self.replace(number);
        }
        meaning(error, &self.refusal, topic, size_bytes)
    }
}

#[async_trait]
impl TopicWriter for Writer {
    async fn write(&self, topic: &str, records: Vec<Outgoing>) -> Result<(), TopicError> {
        let (number, inner) = {
            let place = self.inner.lock();
            (place.0, Arc::clone(&place.1))
        };
        let mut waiting = Vec::with_capacity(records.len());
        let mut failure = None;
        for Outgoing { key, value } in &records {
            let record = FutureRecord::<[u8], [u8]>::to(topic).payload(value);
            let record = FutureRecord { key: key.as_deref(), ..record };
            match inner.send_result(record) {
                Ok(delivery) => waiting.push((value.len(), delivery)),
                Err((error, _)) => {
                    failure = Some(self.meaning(number, &error, topic, value.len()));
                    break;
                }
            }
        }
        for (size_bytes, delivery) in waiting {
            let failed = match delivery.await {
                Ok(Ok(_)) => continue,
                Ok(Err((error, _))) => self.meaning(number, &error, topic, size_bytes),
                Err(_) => TopicError::Unavailable(format!("{topic}: the writer is closed")),
            };
            failure.get_or_insert(failed);
        }
        if failure.is_none() {
            self.refusal.forget();
        }
        failure.map_or(Ok(()), Err)
    }
}

fn make(config: &ClientConfig, refusal: &LastRefusal) -> KafkaResult<Inner> {
    let context = Witness { reports: Reports { part: "topic writer" }, refusal: refusal.clone() };
    Inner::from_config_and_context(config, context)
}
