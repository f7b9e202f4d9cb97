//! Why the log cannot be opened, and what errors of the library mean.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_credentials::Unusable;
use tidegate_eventlog::LogError;

use crate::refusal::{Refusal, renamed};

/// What must be put right before the log can be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("eventlog.kafka.{key}: {why}")]
    Config { key: &'static str, why: String },
    #[error("eventlog.kafka: no client can be made: {0}")]
    Client(String),
    /// The brokers do not let this process in, or are not those that it trusts.
    #[error("eventlog.kafka.{key}: {why}")]
    Refused { key: &'static str, why: String },
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

impl OpenError {
    pub(crate) fn client(error: KafkaError) -> Self {
        Self::Client(renamed(&error.to_string()))
    }
}

impl From<Refusal> for OpenError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { key: refusal.key, why: refusal.why }
    }
}

impl From<Unusable> for OpenError {
    fn from(setting: Unusable) -> Self {
        Self::Config { key: setting.key, why: setting.why }
    }
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

/// The broker that was asked leads the partition not yet or no longer: who
/// does is known within moments.
pub(crate) fn leader_changes(error: &KafkaError) -> bool {
    let changes = |code| {
        matches!(code, Code::NotLeaderForPartition | Code::LeaderNotAvailable | Code::FencedLeaderEpoch)
            || matches!(code, Code::UnknownLeaderEpoch | Code::OffsetNotAvailable | Code::KafkaStorageError)
    };
    error.rdkafka_error_code().is_some_and(changes)
}

/// A member that is no longer one, or not of this generation, has committed:
/// another one has the partition.
pub(crate) fn is_of_former_member(code: Code) -> bool {
    matches!(code, Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId | Code::AssignmentLost)
}
