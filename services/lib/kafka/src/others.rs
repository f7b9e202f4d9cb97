//! Topics of others: whatever they are made like, by the library's own groups
//! and partitioner.

mod properties;
mod reader;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::topics::{ReaderOptions, TopicError, TopicReader, TopicWriter, Topics, WriterOptions};

use crate::config::SYSTEM_CA;
use crate::context::LastRefusal;
use crate::error::brief;

/// Readers and writers of topics on any Kafka. Their `properties` are those of
/// the library, or those of the Java clients where the two have different names
/// for the same; what only the Java clients know is passed over. TLS takes PEM
/// and PKCS#12 files; SASL is PLAIN and SCRAM.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaTopics;

#[async_trait]
impl Topics for KafkaTopics {
    async fn reader(&self, options: ReaderOptions) -> Result<Box<dyn TopicReader>, TopicError> {
        Ok(Box::new(reader::Reader::new(options)?))
    }

    async fn writer(&self, options: WriterOptions) -> Result<Arc<dyn TopicWriter>, TopicError> {
        Ok(Arc::new(writer::Writer::new(options)?))
    }
}

fn client(servers: &[String]) -> Result<ClientConfig, TopicError> {
    if servers.is_empty() || servers.iter().any(|server| server.trim().is_empty()) {
        return Err(TopicError::Refused("bootstrap.servers: at least one host:port is needed".to_owned()));
    }
    let mut client = ClientConfig::new();
    client.set_log_level(RDKafkaLogLevel::Info);
    client.set("bootstrap.servers", servers.join(","));
    client.set("client.id", "tidegate");
    client.set("reconnect.backoff.max.ms", "1000");
    client.set("enable.metrics.push", "false");
    client.set("ssl.ca.location", SYSTEM_CA);
    Ok(client)
}

/// What an error of the library means for who reads or writes `topic`.
fn meaning(error: &KafkaError, refusal: &LastRefusal, topic: &str, size_bytes: usize) -> TopicError {
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => TopicError::Overloaded,
        Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
            TopicError::TooLarge { topic: topic.to_owned(), size_bytes }
        }
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::AutoOffsetReset,
        ) => TopicError::Refused(format!("{topic}: {}", brief(error))),
        _ => match refusal.get() {
            Some(why) => TopicError::Unavailable(format!("{topic}: {}: {why}", brief(error))),
            None => TopicError::Unavailable(format!("{topic}: {}", brief(error))),
        },
    }
}
