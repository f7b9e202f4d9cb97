//! A member of a group that reads what it is assigned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_eventlog::topics::{Message, ReaderOptions, Start, TopicError, TopicReader};

use super::{client, meaning, properties};
use crate::context::{LastRefusal, Reports};
use crate::error::is_of_former_member;

type Place = (Arc<str>, i32);

pub(super) struct Reader {
    consumer: Arc<StreamConsumer<Membership>>,
    max_records: usize,
    /// Of those that are read, each once.
    names: Vec<Arc<str>>,
    /// Taken from the queue after records that were given out before it.
    trouble: Option<KafkaError>,
}

/// Forgets the places of partitions that go to others, so that what they have
/// committed is not taken back.
struct Membership {
    group: String,
    /// The offset that comes next in each partition that was given out since
    /// the last commit.
    given_out: Mutex<HashMap<Place, u64>>,
    refusal: LastRefusal,
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Reports { part: "topic reader" }.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.refusal.heed(&error, reason);
        Reports { part: "topic reader" }.error(&error, reason);
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => tracing::info!(group = self.group, partitions = list.count(), "assigned"),
            Rebalance::Revoke(list) => {
                tracing::info!(group = self.group, partitions = list.count(), "given to others");
                let mut given_out = self.given_out.lock();
                for element in list.elements() {
                    given_out.retain(|(topic, partition), _| {
                        (&**topic, *partition) != (element.topic(), element.partition())
                    });
                }
            }
            Rebalance::Error(error) => tracing::warn!(group = self.group, %error, "the group did not settle"),
        }
    }
}

impl Reader {
    pub fn new(options: ReaderOptions) -> Result<Self, TopicError> {
        if options.group.is_empty() || options.topics.is_empty() || options.max_records == 0 {
            return Err(TopicError::Refused("a reader needs a group, a topic and room for a record".to_owned()));
        }
        let mut config = client(&options.servers)?;
        properties::apply(&mut config, &options.properties)?;
        config.set("group.id", &options.group);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set(
            "auto.offset.reset",
            match options.start {
                Start::Earliest => "earliest",
                Start::Latest => "latest",
                Start::Nowhere => "error",
            },
        );
        let membership =
            Membership { group: options.group, given_out: Mutex::default(), refusal: LastRefusal::default() };
        let refused = |error: KafkaError| TopicError::Refused(error.to_string());
        let consumer = StreamConsumer::from_config_and_context(&config, membership).map_err(refused)?;
        let names: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(refused)?;
        let names = names.into_iter().map(Arc::from).collect();
        Ok(Self { consumer: Arc::new(consumer), max_records: options.max_records, names, trouble: None })
    }

    /// Adds what has arrived already.
    fn drain(&mut self, messages: &mut Vec<Message>) {
        let consumer = Arc::clone(&self.consumer);
        while messages.len() < self.max_records {
            match consumer.recv().now_or_never() {
                None => return,
                Some(Ok(message)) => messages.extend(self.take(&message)),
                Some(Err(error)) => {
                    self.trouble = Some(error);
                    return;
                }
            }
        }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Option<Message> {
        let offset = u64::try_from(message.offset()).ok()?;
        let topic = match self.names.iter().find(|name| ***name == *message.topic()) {
            Some(name) => Arc::clone(name),
            // Subscribed to by a pattern.
            None => {
                let name: Arc<str> = message.topic().into();
                self.names.push(Arc::clone(&name));
                name
            }
        };
        let given_out = &self.consumer.client().context().given_out;
        given_out.lock().insert((Arc::clone(&topic), message.partition()), offset + 1);
        Some(Message {
            topic,
            partition: message.partition().unsigned_abs(),
            offset,
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map(Bytes::copy_from_slice),
        })
    }
}

#[async_trait]
impl TopicReader for Reader {
    async fn poll(&mut self, max_wait: Duration) -> Result<Vec<Message>, TopicError> {
        let consumer = Arc::clone(&self.consumer);
        let refusal = &consumer.client().context().refusal;
        let trouble = |error: KafkaError| Err(meaning(&error, refusal, "reading", 0));
        if let Some(error) = self.trouble.take() {
            return trouble(error);
        }
        let mut messages = Vec::new();
        // Nothing is awaited once a record is taken.
        match tokio::time::timeout(max_wait, consumer.recv()).await {
            Err(_) => return Ok(messages),
            Ok(Err(error)) => return trouble(error),
            Ok(Ok(message)) => messages.extend(self.take(&message)),
        }
        refusal.forget();
        self.drain(&mut messages);
        Ok(messages)
    }

    async fn commit(&mut self) -> Result<(), TopicError> {
        let given_out = std::mem::take(&mut *self.consumer.client().context().given_out.lock());
        if given_out.is_empty() {
            return Ok(());
        }
        let consumer = Arc::clone(&self.consumer);
        let places = given_out.clone();
        let committed = tokio::task::spawn_blocking(move || {
            let mut list = TopicPartitionList::with_capacity(places.len());
            for ((topic, partition), next) in &places {
                list.add_partition_offset(topic, *partition, Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX)))?;
            }
            commit(&consumer, &list)
        });
        let failed = match committed.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => meaning(&error, &self.consumer.client().context().refusal, "committing", 0),
            Err(_) => TopicError::Unavailable("the reader is closed".to_owned()),
        };
        // For the next try; what was given out meanwhile is further on.
        let mut now = self.consumer.client().context().given_out.lock();
        for (place, next) in given_out {
            now.entry(place).or_insert(next);
        }
        Err(failed)
    }

    async fn close(self: Box<Self>) {
        // Says goodbye, and waits for it.
        tokio::task::spawn_blocking(move || drop(self)).await.ok();
    }
}

fn commit(consumer: &StreamConsumer<Membership>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.commit(list, CommitMode::Sync) {
        Err(error) if error.rdkafka_error_code().is_some_and(is_of_former_member) => {
            tracing::info!(%error, "not committed: another member reads on from the last commit");
            Ok(())
        }
        result => result,
    }
}
