//! Groups: which partitions this process shall consume, and what was committed.
//!
//! The member of a group only joins and commits; what it is assigned it never
//! fetches. A thread of its own keeps it alive, so a process that waits for
//! its store stays a member.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;
use tidegate_eventlog::{LogError, Topic};
use tokio::sync::watch;

use crate::config::Config;
use crate::context::Reports;
use crate::error::{brief, is_of_former_member, unavailable};
use crate::metrics::Metrics;
use crate::watch::State;
use crate::worker::Worker;

const POLL: Duration = Duration::from_millis(100);

pub(crate) struct Groups {
    config: Config,
    state: Arc<State>,
    metrics: Metrics,
    members: Mutex<HashMap<(&'static str, String), Arc<Member>>>,
}

struct Member {
    /// Before the consumer, so that it ends before that says goodbye.
    _worker: Worker,
    consumer: Arc<BaseConsumer<Membership>>,
    topic_name: String,
    joined: AtomicBool,
    timeout: Duration,
}

/// Follows the rebalances of a member.
struct Membership {
    topic: Topic,
    group: String,
    assigned: watch::Sender<Vec<u16>>,
    metrics: Metrics,
}

impl Membership {
    /// Publishes the partitions with others added or taken away.
    fn change(&self, list: &TopicPartitionList, change: impl Fn(&mut Vec<u16>, u16)) {
        let numbers: Vec<u16> = list.elements().iter().filter_map(|e| u16::try_from(e.partition()).ok()).collect();
        let before = self.assigned.borrow().len();
        self.assigned.send_modify(|assigned| {
            numbers.iter().for_each(|number| change(assigned, *number));
            assigned.sort_unstable();
        });
        let now = self.assigned.borrow().clone();
        self.metrics.rebalances.inc();
        self.metrics.assigned_partitions.inc_by(now.len() as i64 - before as i64);
        tracing::info!(topic = self.topic.name(), group = self.group, partitions = ?now, "partitions were assigned");
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        // From the end and paused: nothing is ever fetched.
        list.set_all_offsets(Offset::End)?;
        consumer.incremental_assign(list)?;
        consumer.pause(list)
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Reports { part: "group" }.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Reports { part: "group" }.error(&error, reason);
    }
}

impl ConsumerContext for Membership {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            match self.assign(consumer, list) {
                Ok(()) => self.change(list, |assigned, partition| {
                    if !assigned.contains(&partition) {
                        assigned.push(partition);
                    }
                }),
                // The next rebalance brings them again.
                Err(error) => tracing::warn!(group = self.group, %error, "partitions could not be taken"),
            }
            return;
        }
        // Told before it is done: the sooner the work on them ends, the less is
        // done twice.
        self.change(list, |assigned, partition| assigned.retain(|kept| *kept != partition));
        if let Err(error) = consumer.incremental_unassign(list) {
            tracing::warn!(group = self.group, %error, "partitions could not be given back");
        }
    }
}

impl Groups {
    pub fn new(config: Config, state: Arc<State>, metrics: Metrics) -> Self {
        Self { config, state, metrics, members: Mutex::default() }
    }

    /// Joins the group, if this process has not yet.
    pub fn assignment(&self, topic: Topic, group: &str) -> watch::Receiver<Vec<u16>> {
        match self.member(topic, group).and_then(|member| member.join().map(|()| member)) {
            Ok(member) => member.membership().assigned.subscribe(),
            Err(error) => {
                // Nobody would notice a process that is assigned nothing.
                self.state.fail_all(&format!("group {group} cannot be joined: {error}"));
                watch::channel(Vec::new()).1
            }
        }
    }

    pub async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        let member = self.member(topic, group)?;
        blocking(move || member.committed(partition)).await
    }

    pub async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        let member = self.member(topic, group)?;
        if member.joined.load(Ordering::Acquire) && !member.membership().assigned.borrow().contains(&partition) {
            // The one who has it now commits.
            tracing::debug!(topic = topic.name(), group, partition, offset, "not committed: no longer assigned");
            return Ok(());
        }
        // The library waits for a coordinator longer than a caller would.
        let limit = self.config.request_timeout() * 2;
        let done = tokio::time::timeout(limit, blocking(move || member.commit(partition, offset))).await;
        done.unwrap_or_else(|_| Err(LogError::Unavailable(format!("no answer to a commit within {limit:?}"))))
    }

    /// Gives all partitions back to the others. Blocks.
    pub fn leave(&self) {
        let members = std::mem::take(&mut *self.members.lock());
        drop(members);
    }

    fn member(&self, topic: Topic, group: &str) -> Result<Arc<Member>, LogError> {
        let mut members = self.members.lock();
        if let Some(member) = members.get(&(topic.name(), group.to_owned())) {
            return Ok(Arc::clone(member));
        }
        let member = Arc::new(self.make(topic, group)?);
        members.insert((topic.name(), group.to_owned()), Arc::clone(&member));
        Ok(member)
    }

    fn make(&self, topic: Topic, group: &str) -> Result<Member, LogError> {
        let membership = Membership {
            topic,
            group: group.to_owned(),
            assigned: watch::Sender::new(Vec::new()),
            metrics: self.metrics.clone(),
        };
        let consumer = BaseConsumer::from_config_and_context(&self.config.member(group), membership);
        let consumer = Arc::new(consumer.map_err(|error| unavailable("making a group member", &error))?);
        let (serving, failing) = (Arc::clone(&consumer), Arc::clone(&self.state));
        let worker = Worker::start(
            "kafka-group",
            move || failing.fail_all("the thread that serves a group ended"),
            move |stop| {
                while !stop.is_asked() {
                    if let Some(Err(error)) = serving.poll(POLL) {
                        tracing::debug!(%error, "group member");
                    }
                }
            },
        );
        let worker = worker.map_err(|error| LogError::Unavailable(format!("serving a group: {error}")))?;
        Ok(Member {
            _worker: worker,
            consumer,
            topic_name: self.config.topic_name(topic),
            joined: AtomicBool::new(false),
            timeout: self.config.request_timeout(),
        })
    }
}

impl Member {
    fn membership(&self) -> &Membership {
        self.consumer.client().context()
    }

    fn join(&self) -> Result<(), LogError> {
        if !self.joined.swap(true, Ordering::AcqRel) {
            let joined = self.consumer.subscribe(&[&self.topic_name]);
            joined.map_err(|error| LogError::Unavailable(brief(&error)))?;
        }
        Ok(())
    }

    fn committed(&self, partition: u16) -> Result<Option<u64>, LogError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.topic_name, partition.into());
        let what = "reading a committed offset";
        let list = self.consumer.committed_offsets(list, self.timeout).map_err(|error| unavailable(what, &error))?;
        let element = list.elements().into_iter().next();
        let element = element.ok_or_else(|| LogError::Unavailable(format!("{what}: no answer")))?;
        element.error().map_err(|error| unavailable(what, &error))?;
        match element.offset() {
            Offset::Offset(offset) => Ok(u64::try_from(offset).ok()),
            _ => Ok(None),
        }
    }

    fn commit(&self, partition: u16, offset: u64) -> Result<(), LogError> {
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
        let added = list.add_partition_offset(&self.topic_name, partition.into(), offset);
        added.map_err(|error| LogError::Corrupt(error.to_string()))?;
        match self.consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => Ok(()),
            Err(error) if error.rdkafka_error_code().is_some_and(is_of_former_member) => {
                tracing::debug!(group = self.membership().group, partition, %error, "not committed");
                Ok(())
            }
            Err(error) => Err(unavailable("committing an offset", &error)),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(LogError::Unavailable("the log is closed".to_owned())))
}
