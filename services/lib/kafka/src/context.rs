//! What the library reports besides results: log lines and errors of brokers.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

/// Writes what the library has to say into the log, with the name of the part
/// that it happened to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports {
    /// "admin", "reader", …
    pub part: &'static str,
}

impl Reports {
    /// Brokers that are away are what the library tells most about, often; the
    /// callers that are hindered by it say so themselves.
    pub fn log(self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let part = self.part;
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(part, facility, "kafka: {message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::info!(part, facility, "kafka: {message}");
            }
            _ => tracing::debug!(part, facility, "kafka: {message}"),
        }
    }

    pub fn error(self, error: &KafkaError, reason: &str) {
        tracing::debug!(part = self.part, %error, reason, "kafka");
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Reports::log(*self, level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Reports::error(*self, &error, reason);
    }
}

impl ConsumerContext for Reports {}
