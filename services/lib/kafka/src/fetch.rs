//! Reading: one consumer for all partitions, which is a member of no group;
//! for each partition that somebody reads, a queue of its own.
//!
//! The library reads ahead from where a reader stands, so a reader that goes
//! on where it ended takes from memory. One that goes elsewhere has its
//! partition taken away and given again at the other offset; the library drops
//! what it had read for the former one.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, Timestamp};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::{Bounds, Fetched, LogError, Record, Topic};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::clock::BrokerClock;
use crate::config::Config;
use crate::context::Reports;
use crate::error::{OpenError, brief, leader_changes, unavailable};
use crate::metrics::Metrics;
use crate::native;
use crate::per_topic::PerTopic;
use crate::watch::State;
use crate::worker::{Stop, Worker};

type ReadConsumer = BaseConsumer<Reports>;
type Readers = PerTopic<Vec<Mutex<Reader>>>;

/// A partition that nobody reads any more is read ahead for no longer.
const RELEASE_AFTER: Duration = Duration::from_secs(60);
const RELEASE_EVERY: Duration = Duration::from_secs(10);
/// How long a partition that gives nothing is believed to have nothing.
const SILENT_FOR: Duration = Duration::from_secs(3);
/// A wake-up that was missed costs this much.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Times that a fetch begins anew after an error of the partition.
const TRIES: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Fetcher {
    shared: Arc<Shared>,
    _worker: Worker,
}

struct Shared {
    consumer: Arc<ReadConsumer>,
    /// Another connection: an answer on the readers' own would wait for the
    /// fetch before it.
    admin: Arc<AdminClient<Reports>>,
    state: Arc<State>,
    clock: Arc<BrokerClock>,
    metrics: Metrics,
    timeout: Duration,
    readers: Readers,
}

/// A partition and how far it was read.
struct Reader {
    topic: String,
    c_topic: CString,
    partition: u16,
    /// While the partition is assigned.
    queue: Option<PartitionQueue<Reports>>,
    arrived: Arc<Notify>,
    /// Offset that comes next; `None` while the partition is not assigned.
    position: Option<u64>,
    /// Taken from the queue, but too large for the fetch that took it.
    held: Option<Record>,
    /// Taken from the queue after records that were given out before it.
    trouble: Option<KafkaError>,
    /// The broker had no more when it was asked last.
    at_end: bool,
    /// When the broker was heard of last.
    heard: Instant,
    used: Instant,
}

enum Taken {
    Records(Vec<Record>),
    Nothing,
    /// The library reads the partition no further.
    Trouble(KafkaError),
}

impl Fetcher {
    pub fn new(
        config: &Config,
        admin: Arc<AdminClient<Reports>>,
        state: Arc<State>,
        clock: Arc<BrokerClock>,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let consumer = ReadConsumer::from_config_and_context(&config.reader(), Reports { part: "reader" });
        let consumer = Arc::new(consumer.map_err(OpenError::client)?);
        let readers = PerTopic::try_new(|topic| {
            let opened = state.opened(topic);
            let c_topic = CString::new(opened.name.as_str());
            let c_topic = c_topic.map_err(|error| OpenError::Config { key: "prefix", why: error.to_string() })?;
            let reader = |partition| Mutex::new(Reader::new(opened.name.clone(), c_topic.clone(), partition));
            Ok::<_, OpenError>((0..opened.partitions).map(reader).collect())
        })?;
        let timeout = config.request_timeout();
        let shared = Arc::new(Shared { consumer, admin, state, clock, metrics, timeout, readers });
        let (serving, failing) = (Arc::clone(&shared), Arc::clone(&shared.state));
        let worker = Worker::start(
            "kafka-read",
            move || failing.fail_all("the thread that serves the readers ended"),
            move |stop| serving.serve(stop),
        );
        let worker = worker.map_err(|error| OpenError::Unavailable {
            doing: "starting the thread that serves the readers".to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { shared, _worker: worker })
    }

    pub async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        self.shared.state.has(topic, partition)?;
        self.shared.state.check(topic)?;
        self.shared.bounds(topic, partition).await
    }

    pub async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<Fetched, LogError> {
        let shared = &*self.shared;
        let until = Instant::now() + max_wait;
        shared.state.has(topic, partition)?;
        let Some(reader) = shared.readers.get(topic).get(usize::from(partition)) else {
            return Err(LogError::UnknownPartition { topic: topic.name(), partition });
        };
        let mut reader = reader.lock().await;
        reader.used = Instant::now();
        Fetch { shared, topic, from }.run(&mut reader, max_bytes, until).await
    }
}

impl Shared {
    /// Keeps the library's queue empty; lets go of partitions that are read no
    /// more.
    fn serve(&self, stop: &Stop) {
        let mut released = Instant::now();
        while !stop.is_asked() {
            // Partitions have queues of their own: what comes here is about
            // brokers, and was logged.
            let _ = self.consumer.poll(Duration::from_millis(100));
            if released.elapsed() >= RELEASE_EVERY {
                released = Instant::now();
                for reader in self.readers.iter().flat_map(|(_, readers)| readers) {
                    // Who holds it reads.
                    if let Ok(mut reader) = reader.try_lock()
                        && reader.used.elapsed() >= RELEASE_AFTER
                    {
                        reader.release(&self.consumer);
                    }
                }
            }
        }
    }

    /// Asks the partition's leader; waits for one while it changes, as it does
    /// when a topic was just made or a broker went.
    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        let until = Instant::now() + self.timeout;
        let what = || format!("the bounds of {} {partition}", topic.name());
        let (start, end) = loop {
            match self.watermarks(topic, partition).await? {
                Ok(watermarks) => break watermarks,
                Err(error) if leader_changes(&error) && Instant::now() < until => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(unavailable(&what(), &error)),
            }
        };
        match (u64::try_from(start), u64::try_from(end)) {
            (Ok(start), Ok(end)) => Ok(Bounds { start, end }),
            _ => Err(LogError::Unavailable(format!("{} are not known", what()))),
        }
    }

    /// The offset of the first record that is left, and the one that comes
    /// next.
    async fn watermarks(&self, topic: Topic, partition: u16) -> Result<Result<(i64, i64), KafkaError>, LogError> {
        let (admin, name, timeout) = (Arc::clone(&self.admin), self.state.opened(topic).name.clone(), self.timeout);
        let ask = move || admin.inner().fetch_watermarks(&name, partition.into(), timeout);
        let answer = tokio::task::spawn_blocking(ask).await;
        answer.map_err(|_| LogError::Unavailable("the log is closed".to_owned()))
    }
}

/// One call.
struct Fetch<'a> {
    shared: &'a Shared,
    topic: Topic,
    from: u64,
}

impl Fetch<'_> {
    /// Whoever drops this between two of its steps loses nothing: records are
    /// taken from the queue and returned without a pause.
    async fn run(&self, reader: &mut Reader, max_bytes: usize, mut until: Instant) -> Result<Fetched, LogError> {
        let Self { shared, topic, from } = *self;
        let mut tries = 0;
        // The end as the leader told it, once it said that there is more.
        let mut owed: Option<Bounds> = None;
        loop {
            shared.state.trusted(topic, shared.timeout).await?;
            reader.go_to(shared, from)?;
            match reader.take(from, max_bytes)? {
                Taken::Records(records) => {
                    if let Some(last) = records.last() {
                        shared.clock.read(topic, reader.partition, last.append_time_ms);
                    }
                    return Ok(Fetched { bounds: reader.known_bounds(shared, from), records });
                }
                Taken::Nothing => {}
                Taken::Trouble(error) => {
                    reader.release(&shared.consumer);
                    let bounds = self.within_bounds(reader).await?;
                    if error.rdkafka_error_code() == Some(Code::LogTruncation) {
                        let why = format!("{} {} was cut off at its end", topic.name(), reader.partition);
                        return Err(LogError::Corrupt(format!("{why}; it ends at {} now", bounds.end)));
                    }
                    tries += 1;
                    if tries >= TRIES {
                        let what = format!("reading {} {}", topic.name(), reader.partition);
                        return Err(unavailable(&what, &error));
                    }
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
            }
            if Instant::now() >= until {
                if let Some(bounds) = owed {
                    reader.release(&shared.consumer);
                    let what = format!("{} {}: records from {from}", topic.name(), reader.partition);
                    return Err(LogError::Unavailable(format!("{what} to {} did not come", bounds.end)));
                }
                if reader.heard.elapsed() < SILENT_FOR && reader.known_end(shared) == Some(from) {
                    return Ok(Fetched { bounds: reader.known_bounds(shared, from), records: Vec::new() });
                }
                let bounds = self.within_bounds(reader).await?;
                // What is left before the end may be nothing that is given out.
                if bounds.end == from || reader.at_end {
                    return Ok(Fetched { bounds, records: Vec::new() });
                }
                owed = Some(bounds);
                until = Instant::now() + shared.timeout;
            }
            let wait = until.min(Instant::now() + LOOK_AGAIN);
            // Whether woken or not, the loop looks again.
            let _ = tokio::time::timeout_at(wait, reader.arrived.notified()).await;
        }
    }

    async fn within_bounds(&self, reader: &mut Reader) -> Result<Bounds, LogError> {
        let bounds = self.shared.bounds(self.topic, reader.partition).await?;
        reader.heard = Instant::now();
        if (bounds.start..=bounds.end).contains(&self.from) {
            Ok(bounds)
        } else {
            reader.release(&self.shared.consumer);
            Err(LogError::OutOfRange { from: self.from, bounds })
        }
    }
}

impl Reader {
    fn new(topic: String, c_topic: CString, partition: u16) -> Self {
        let now = Instant::now();
        Self {
            topic,
            c_topic,
            partition,
            queue: None,
            arrived: Arc::default(),
            position: None,
            held: None,
            trouble: None,
            at_end: false,
            heard: now,
            used: now,
        }
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, self.partition.into(), offset)?;
        Ok(list)
    }

    /// Makes `from` the next offset to come.
    fn go_to(&mut self, shared: &Shared, from: u64) -> Result<(), LogError> {
        if self.position == Some(from) {
            return Ok(());
        }
        self.release(&shared.consumer);
        shared.metrics.repositioned_readers.inc();
        let what = || format!("reading {} {} from {from}", self.topic, self.partition);
        // Each time and before the assignment: the library may have dropped
        // the partition with its queue when it was released.
        let queue = shared.consumer.split_partition_queue(&self.topic, self.partition.into());
        let mut queue = queue.ok_or_else(|| LogError::Unavailable(format!("{}: no queue", what())))?;
        let arrived = Arc::clone(&self.arrived);
        queue.set_nonempty_callback(move || arrived.notify_one());
        self.queue = Some(queue);
        let offset = i64::try_from(from).unwrap_or(i64::MAX);
        let assign = self.list(Offset::Offset(offset)).and_then(|list| shared.consumer.incremental_assign(&list));
        assign.map_err(|error| LogError::Unavailable(format!("{}: {}", what(), brief(&error))))?;
        self.position = Some(from);
        Ok(())
    }

    /// Reads ahead no longer.
    fn release(&mut self, consumer: &ReadConsumer) {
        self.held = None;
        self.trouble = None;
        self.at_end = false;
        // Before the next one is made: both would be told of by one callback.
        self.queue = None;
        if self.position.take().is_none() {
            return;
        }
        let unassign = self.list(Offset::Invalid).and_then(|list| consumer.incremental_unassign(&list));
        if let Err(error) = unassign {
            tracing::debug!(topic = self.topic, partition = self.partition, %error, "the partition was not assigned");
        }
    }

    /// What has arrived, about `max_bytes` of it, but at least a record.
    fn take(&mut self, from: u64, max_bytes: usize) -> Result<Taken, LogError> {
        if let Some(error) = self.trouble.take() {
            return Ok(Taken::Trouble(error));
        }
        let mut records: Vec<Record> = Vec::new();
        let mut size_bytes = 0usize;
        loop {
            let record = match self.held.take() {
                Some(record) => record,
                None => match self.queue.as_ref().and_then(|queue| queue.poll(Duration::ZERO)) {
                    None => break,
                    Some(Ok(message)) => record(&message)?,
                    Some(Err(KafkaError::PartitionEOF(_))) => {
                        self.at_end = true;
                        self.heard = Instant::now();
                        continue;
                    }
                    Some(Err(error)) if records.is_empty() => return Ok(Taken::Trouble(error)),
                    Some(Err(error)) => {
                        self.trouble = Some(error);
                        break;
                    }
                },
            };
            // A batch is given whole even if it begins before what was asked.
            if record.offset < from {
                continue;
            }
            size_bytes += record.payload.len();
            if !records.is_empty() && size_bytes > max_bytes {
                self.held = Some(record);
                break;
            }
            records.push(record);
        }
        let Some(last) = records.last() else { return Ok(Taken::Nothing) };
        self.heard = Instant::now();
        self.at_end = false;
        self.position = Some(last.offset + 1);
        Ok(Taken::Records(records))
    }

    fn known_end(&self, shared: &Shared) -> Option<u64> {
        native::known_bounds(shared.consumer.client(), &self.c_topic, self.partition.into()).1
    }

    /// As of the last answer to a fetch.
    fn known_bounds(&self, shared: &Shared, from: u64) -> Bounds {
        let (start, end) = native::known_bounds(shared.consumer.client(), &self.c_topic, self.partition.into());
        let next = self.position.unwrap_or(from);
        Bounds { start: start.unwrap_or(from).min(from), end: end.unwrap_or(next).max(next) }
    }
}

fn record(message: &impl Message) -> Result<Record, LogError> {
    let Timestamp::LogAppendTime(append_time_ms) = message.timestamp() else {
        let (topic, partition) = (message.topic(), message.partition());
        return Err(LogError::Corrupt(format!(
            "{topic} {partition}: the record at {} is not stamped with LogAppendTime",
            message.offset()
        )));
    };
    let offset = u64::try_from(message.offset()).map_err(|error| LogError::Corrupt(error.to_string()))?;
    Ok(Record { offset, append_time_ms, payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()) })
}

#[cfg(test)]
mod tests;
