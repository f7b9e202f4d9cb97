//! Appends: handed to the library's queue at once, answered when the brokers
//! have acknowledged the last record.
//!
//! The producer is idempotent: what it sends again after a lost answer is
//! stored once and in order. Records of one call to one partition are in order
//! in its queue, so one that fails is followed by a later one only if the
//! earlier one ran into the delivery time-out a moment before; none is queued
//! after one that was refused.
//!
//! Each topic has producers of its own, so that live windows, which come in
//! bursts, neither fill the queue of the pushes nor stand before them. It has
//! several, since one waits for a broker's answer to one partition before it
//! sends much of the next; a partition always goes by the same one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, Timestamp};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::{Appended, LogError, Topic};
use tokio::sync::oneshot;

use crate::clock::BrokerClock;
use crate::config::Config;
use crate::context::Reports;
use crate::error::{OpenError, brief};
use crate::metrics::Metrics;

type Inner = ThreadedProducer<Deliveries>;

/// The library's producer that works now; none before the first record, since
/// each has threads that cost even where nothing is ever appended.
type Lane = RwLock<Option<Arc<Inner>>>;

pub(crate) struct Producer {
    config: Config,
    topic: Topic,
    name: String,
    clock: Arc<BrokerClock>,
    metrics: Metrics,
    /// Not empty; partitions take them by turns.
    lanes: Vec<Lane>,
}

/// Takes delivery reports.
pub(crate) struct Deliveries {
    topic: Topic,
    clock: Arc<BrokerClock>,
    metrics: Metrics,
    max_record_bytes: usize,
    /// The library has given up: this producer sends nothing any more.
    is_broken: AtomicBool,
}

/// Goes through the library with a record and comes back with its report.
pub(crate) struct Ticket {
    call: Arc<Call>,
    at: usize,
    partition: u16,
    sent_ms: i64,
}

type Answer = Result<Vec<Appended>, LogError>;

/// One append.
struct Call {
    state: Mutex<CallState>,
}

struct CallState {
    appended: Vec<Appended>,
    /// Records that no report has come for.
    open: usize,
    /// Taken by the first error or the last report.
    answer: Option<oneshot::Sender<Answer>>,
}

impl Call {
    fn new(records: usize) -> (Arc<Self>, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let appended = vec![Appended { offset: 0, append_time_ms: 0 }; records];
        let state = CallState { appended, open: records, answer: Some(answer) };
        (Arc::new(Self { state: Mutex::new(state) }), answered)
    }

    fn report(&self, at: usize, report: Result<Appended, LogError>) {
        let mut state = self.state.lock();
        let answer = match report {
            Ok(appended) => {
                if let Some(slot) = state.appended.get_mut(at) {
                    *slot = appended;
                }
                state.open = state.open.saturating_sub(1);
                if state.open > 0 {
                    return;
                }
                Ok(std::mem::take(&mut state.appended))
            }
            Err(error) => Err(error),
        };
        if let Some(sender) = state.answer.take() {
            // Who no longer waits has given up.
            sender.send(answer).ok();
        }
    }
}

impl Deliveries {
    fn appended(&self, message: &impl Message, ticket: &Ticket) -> Result<Appended, LogError> {
        let Timestamp::LogAppendTime(append_time_ms) = message.timestamp() else {
            let why = format!("{} does not stamp records with LogAppendTime", message.topic());
            return Err(LogError::Corrupt(why));
        };
        self.clock.appended(self.topic, ticket.partition, ticket.sent_ms, append_time_ms);
        // A record that was sent again long after it was stored: the brokers
        // know that they have it, not where.
        let unknown = |_| LogError::Unavailable("a record was stored, its offset is not known".to_owned());
        let offset = u64::try_from(message.offset()).map_err(unknown)?;
        Ok(Appended { offset, append_time_ms })
    }

    fn failed(&self, error: &KafkaError, size_bytes: usize) -> LogError {
        self.metrics.delivery_failures.inc();
        match error.rdkafka_error_code() {
            Some(Code::QueueFull) => LogError::Overloaded,
            Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize) => {
                LogError::TooLarge { size_bytes, limit_bytes: self.max_record_bytes.min(size_bytes.saturating_sub(1)) }
            }
            Some(Code::Fatal) => {
                self.is_broken.store(true, Ordering::Release);
                LogError::Unavailable("the producer had to begin anew".to_owned())
            }
            _ => LogError::Unavailable(format!("{} was not appended to: {}", self.topic.name(), brief(error))),
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Reports { part: "producer" }.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            tracing::error!(topic = self.topic.name(), reason, "the producer has failed and begins anew");
            self.is_broken.store(true, Ordering::Release);
        }
        Reports { part: "producer" }.error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let report = match result {
            Ok(message) => self.appended(message, &ticket),
            Err((error, message)) => Err(self.failed(error, message.payload_len())),
        };
        ticket.call.report(ticket.at, report);
    }
}

impl Producer {
    pub fn new(config: &Config, topic: Topic, clock: Arc<BrokerClock>, metrics: Metrics) -> Result<Self, OpenError> {
        config.producer().create_native_config().map_err(OpenError::client)?;
        let lanes = (0..config.producers).map(|_| Lane::default()).collect();
        let (config, name) = (config.clone(), config.topic_name(topic));
        Ok(Self { config, topic, name, clock, metrics, lanes })
    }

    /// The caller has made sure that the partitions exist.
    ///
    /// # Errors
    /// [`LogError::TooLarge`] before anything is sent; [`LogError::Overloaded`]
    /// and [`LogError::Unavailable`] when some may have been.
    pub async fn append(&self, records: Vec<(u16, Bytes)>) -> Answer {
        let limit_bytes = self.config.max_record_bytes;
        if let Some((_, large)) = records.iter().find(|(_, payload)| payload.len() > limit_bytes) {
            return Err(LogError::TooLarge { size_bytes: large.len(), limit_bytes });
        }
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let answered = self.send(&records)?;
        drop(records);
        answered.await.unwrap_or_else(|_| Err(LogError::Unavailable("the log is closed".to_owned())))
    }

    fn send(&self, records: &[(u16, Bytes)]) -> Result<oneshot::Receiver<Answer>, LogError> {
        let (call, answered) = Call::new(records.len());
        let sent_ms = self.clock.local_ms();
        for (at, (partition, payload)) in records.iter().enumerate() {
            let inner = self.working(*partition)?;
            let ticket = Box::new(Ticket { call: Arc::clone(&call), at, partition: *partition, sent_ms });
            let record = BaseRecord::<(), [u8], _>::with_opaque_to(&self.name, ticket);
            let record = record.partition((*partition).into()).payload(payload.as_ref());
            if let Err((error, _)) = inner.send(record) {
                // Later ones must not overtake this one.
                return Err(inner_context(&inner).failed(&error, payload.len()));
            }
        }
        Ok(answered)
    }

    fn lane(&self, partition: u16) -> &Lane {
        &self.lanes[usize::from(partition) % self.lanes.len()]
    }

    /// The partition's producer; a new one where the library has given up.
    fn working(&self, partition: u16) -> Result<Arc<Inner>, LogError> {
        let works = |inner: &&Arc<Inner>| !inner_context(inner).is_broken.load(Ordering::Acquire);
        let lane = self.lane(partition);
        if let Some(inner) = lane.read().as_ref().filter(works) {
            return Ok(Arc::clone(inner));
        }
        let mut place = lane.write();
        if let Some(inner) = place.as_ref().filter(works) {
            return Ok(Arc::clone(inner));
        }
        let fresh = make(&self.config, self.topic, &self.clock, &self.metrics)
            .map_err(|error| LogError::Unavailable(brief(&error)))?;
        let fresh = Arc::new(fresh);
        if let Some(broken) = place.replace(Arc::clone(&fresh)) {
            self.metrics.producers_replaced.inc();
            // Waits for its thread.
            tokio::task::spawn_blocking(move || drop(broken));
        }
        Ok(fresh)
    }
}

fn inner_context(inner: &Inner) -> &Arc<Deliveries> {
    use rdkafka::producer::Producer as _;
    inner.client().context()
}

fn make(config: &Config, topic: Topic, clock: &Arc<BrokerClock>, metrics: &Metrics) -> Result<Inner, KafkaError> {
    let deliveries = Deliveries {
        topic,
        clock: Arc::clone(clock),
        metrics: metrics.clone(),
        max_record_bytes: config.max_record_bytes,
        is_broken: AtomicBool::new(false),
    };
    Inner::from_config_and_context(&config.producer(), deliveries)
}

#[cfg(test)]
mod tests;
