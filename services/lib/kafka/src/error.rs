//! Why the log cannot be opened, and what errors of the library mean.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::LogError;

/// What must be put right before the log can be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("eventlog.kafka.{key}: {why}")]
    Config { key: &'static str, why: String },
    #[error("cannot make a Kafka client: {0}")]
    Client(KafkaError),
    /// Trying again may succeed.
    #[error("Kafka is not available ({doing}): {why}")]
    Unavailable { doing: String, why: String },
    #[error("topic {topic} cannot be created: {why}")]
    Create { topic: String, why: String },
    #[error("topic {topic} has {setting}={found}, it must be {wanted}")]
    Setting { topic: String, setting: &'static str, found: String, wanted: String },
    #[error("topic {topic} has {found} partitions, {wanted} are needed: their number is fixed")]
    PartitionCount { topic: String, found: usize, wanted: u16 },
}

pub(crate) fn unavailable(what: &str, error: &KafkaError) -> LogError {
    LogError::Unavailable(format!("{what}: {}", brief(error)))
}

/// The library's own words, without its names of types.
pub(crate) fn brief(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// A member that is no longer one, or not of this generation, has committed:
/// another one has the partition.
pub(crate) fn is_of_former_member(code: Code) -> bool {
    matches!(code, Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId | Code::AssignmentLost)
}
