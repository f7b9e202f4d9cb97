//! Properties as the Java clients name them, and as the library does.

mod secure;

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use tidegate_eventlog::topics::TopicError;

/// The library's names for what the Java clients name otherwise. Most names are
/// the same, or known to the library as aliases.
const RENAMED: [(&str, &str); 4] = [
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
];

/// Commits and places are ours to keep; bytes come as they are; assignors are
/// Java classes; the rest is about the inside of the Java clients.
const PASSED_OVER: [&str; 17] = [
    "auto.commit.interval.ms",
    "auto.include.jmx.reporter",
    "auto.offset.reset",
    "buffer.memory",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "exclude.internal.topics",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "max.block.ms",
    "max.poll.records",
    "metric.reporters",
    "metrics.num.samples",
    "partition.assignment.strategy",
    "value.deserializer",
    "value.serializer",
];

/// Adds `properties` to what is set already, overriding it. What nobody knows is
/// told to the log and left out, as the Java clients do.
///
/// # Errors
/// [`TopicError::Refused`] by name, for a value that makes no sense, without
/// quoting it.
pub(super) fn apply(client: &mut ClientConfig, properties: &BTreeMap<String, String>) -> Result<(), TopicError> {
    let secure = secure::translate(properties)?;
    let others = properties.iter().filter(|(name, _)| !secure::is_translated(name));
    let others = others.map(|(name, value)| (name.as_str(), renamed(name), value));
    let secure = secure.iter().map(|(name, value)| (*name, *name, value));
    for (name, renamed, value) in others.chain(secure) {
        if PASSED_OVER.contains(&name) {
            continue;
        }
        let mut alone = ClientConfig::new();
        alone.set(renamed, value);
        match alone.create_native_config() {
            Ok(_) => {
                client.set(renamed, value);
            }
            Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
                tracing::warn!(property = name, "a property of the Kafka client is not known and not heeded");
            }
            Err(KafkaError::ClientConfig(_, why, ..)) => {
                return Err(TopicError::Refused(format!("{name}: {why}")));
            }
            Err(error) => return Err(TopicError::Refused(format!("{name}: {error}"))),
        }
    }
    Ok(())
}

fn renamed(name: &str) -> &str {
    RENAMED.iter().find(|(java, _)| *java == name).map_or(name, |(_, ours)| ours)
}

#[cfg(test)]
mod tests;
