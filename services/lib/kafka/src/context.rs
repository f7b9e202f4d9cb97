//! What the library reports besides results: log lines and errors of brokers.

use std::sync::Arc;

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::refusal::{self, Certainty};

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

    /// A broker that refuses this client, or is refused by it, will go on doing
    /// so: that is worth a warning. The library tells the same at most every
    /// half minute.
    pub fn error(self, error: &KafkaError, reason: &str) {
        let part = self.part;
        match refusal::of(error.rdkafka_error_code(), reason) {
            Some(refusal) if refusal.certainty == Certainty::Known => tracing::warn!(part, "kafka: {reason}"),
            _ => tracing::debug!(part, %error, reason, "kafka"),
        }
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

/// Why the brokers and a client did not come together last, for those who only
/// learn that no broker answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastRefusal(Arc<Mutex<Option<String>>>);

impl LastRefusal {
    pub fn heed(&self, error: &KafkaError, reason: &str) {
        if refusal::of(error.rdkafka_error_code(), reason).is_some() {
            *self.0.lock() = Some(reason.to_owned());
        }
    }

    /// Something went well.
    pub fn forget(&self) {
        self.0.lock().take();
    }

    pub fn get(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

/// The context of a producer that is asked why it fails.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    pub reports: Reports,
    pub refusal: LastRefusal,
}

impl ClientContext for Witness {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reports.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.refusal.heed(&error, reason);
        self.reports.error(&error, reason);
    }
}
