//! Looks at the topics all the time: whether they are still those that were
//! opened, and which partitions take records.
//!
//! The client library follows a topic that is deleted and made anew under the
//! same name without a word. Its offsets would then be taken for those of the
//! former one, so the identity is compared at every look, and what was read is
//! handed on only when a look was recent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rdkafka::admin::AdminClient;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::{LogError, Topic};
use tokio::sync::watch;

use crate::config::Config;
use crate::context::Reports;
use crate::error::OpenError;
use crate::metrics::Metrics;
use crate::native::{self, Description, Descriptions};
use crate::per_topic::PerTopic;
use crate::topics::Opened;
use crate::worker::{Stop, Worker};

/// A reader that was given nothing to do for this long (a stopped process that
/// goes on) waits for the next look first.
const TRUSTED_FOR: Duration = Duration::from_secs(15);
/// The end of the log waits for the look that is under way.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

pub(crate) struct Watch {
    state: Arc<State>,
    _worker: Worker,
}

pub(crate) struct State {
    topics: PerTopic<Opened>,
    min_insync: usize,
    metrics: Metrics,
    seen: RwLock<Seen>,
    /// When the topics were last seen to be what they were.
    looked: watch::Sender<Instant>,
    /// The first thing that ended a topic's use.
    failure: watch::Sender<Option<LogError>>,
}

struct Seen {
    /// What ends a topic's use for good.
    failed: PerTopic<Option<LogError>>,
    /// By partition: why it takes no records.
    unready: PerTopic<Vec<Option<&'static str>>>,
    /// Why there was no answer to the last look.
    away: Option<String>,
}

impl Watch {
    pub fn start(
        config: &Config,
        admin: Arc<AdminClient<Reports>>,
        topics: PerTopic<Opened>,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let (interval, timeout) =
            (Duration::from_millis(config.check_interval_ms), config.request_timeout().min(LONGEST_LOOK));
        let state = Arc::new(State::new(topics, config.min_insync_replicas, metrics));
        let (working, failing) = (Arc::clone(&state), Arc::clone(&state));
        let look = move |stop: &Stop| {
            while !stop.is_asked() {
                working.look(&admin, timeout);
                stop.sleep(interval);
            }
        };
        let worker = Worker::start("kafka-watch", move || failing.fail_all("the watch over the topics ended"), look);
        let worker = worker.map_err(|error| OpenError::Unavailable {
            doing: "starting the watch over the topics".to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { state, _worker: worker })
    }

    pub fn state(&self) -> &Arc<State> {
        &self.state
    }
}

impl State {
    pub fn new(topics: PerTopic<Opened>, min_insync: u16, metrics: Metrics) -> Self {
        let unready = topics.map(|opened| vec![None; usize::from(opened.partitions)]);
        let seen = Seen { failed: PerTopic::default(), unready, away: None };
        let looked = watch::Sender::new(Instant::now());
        let failure = watch::Sender::new(None);
        Self { topics, min_insync: min_insync.into(), metrics, seen: RwLock::new(seen), looked, failure }
    }

    pub fn opened(&self, topic: Topic) -> &Opened {
        self.topics.get(topic)
    }

    pub fn has(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        if partition < self.opened(topic).partitions {
            Ok(())
        } else {
            Err(LogError::UnknownPartition { topic: topic.name(), partition })
        }
    }

    /// What ended the use of a topic, if something did.
    pub fn check(&self, topic: Topic) -> Result<(), LogError> {
        self.seen.read().failed.get(topic).clone().map_or(Ok(()), Err)
    }

    /// Whether a partition would take a record, as of the last look.
    pub fn takes_records(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        self.has(topic, partition)?;
        let seen = self.seen.read();
        if let Some(failed) = seen.failed.get(topic) {
            return Err(failed.clone());
        }
        if self.looked.borrow().elapsed() > TRUSTED_FOR {
            let why = seen.away.as_deref().unwrap_or("no answer");
            return Err(LogError::Unavailable(format!(
                "no broker has answered for {} s: {why}",
                TRUSTED_FOR.as_secs()
            )));
        }
        match seen.unready.get(topic).get(usize::from(partition)) {
            Some(Some(why)) => Err(LogError::Unavailable(format!("{} {partition} {why}", topic.name()))),
            _ => Ok(()),
        }
    }

    /// Returns once the topics are known to be what they were lately: at once,
    /// but for a process that was stopped or has lost the brokers.
    pub async fn trusted(&self, topic: Topic, timeout: Duration) -> Result<(), LogError> {
        let mut looked = self.looked.subscribe();
        let recent = looked.wait_for(|looked| looked.elapsed() <= TRUSTED_FOR);
        if tokio::time::timeout(timeout, recent).await.is_err() {
            let why = self.seen.read().away.clone().unwrap_or_else(|| "no answer".to_owned());
            return Err(LogError::Unavailable(format!("{} was not seen lately: {why}", topic.name())));
        }
        self.check(topic)
    }

    /// Returns when the use of a topic has ended.
    pub async fn failed(&self) -> LogError {
        let mut failure = self.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await.map(|failure| failure.clone());
        failed.ok().flatten().unwrap_or_else(|| LogError::Unavailable("the log is closed".to_owned()))
    }

    /// Ends the use of everything.
    pub fn fail_all(&self, why: &str) {
        tracing::error!("{why}: the log cannot be used any more");
        for topic in Topic::ALL {
            self.fail(topic, LogError::Corrupt(why.to_owned()));
        }
    }

    fn fail(&self, topic: Topic, error: LogError) {
        self.seen.write().failed.get_mut(topic).get_or_insert(error.clone());
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(error);
            is_first
        });
    }

    fn look(&self, admin: &AdminClient<Reports>, timeout: Duration) {
        let names: Vec<&str> = self.topics.iter().map(|(_, opened)| opened.name.as_str()).collect();
        let began = Instant::now();
        let described = native::describe_topics(admin.inner(), &names, timeout);
        let refusal = native::reported(admin.inner());
        match described {
            Ok(described) => {
                self.compare(&described);
                // What was read before this moment is of the topics compared.
                self.looked.send_replace(began);
            }
            Err(error) => {
                self.metrics.failed_looks.inc();
                self.away(refusal.map_or_else(|| error.to_string(), |refusal| refusal.why));
            }
        }
    }

    fn away(&self, why: String) {
        let mut seen = self.seen.write();
        if seen.away.is_none() {
            tracing::warn!(%why, "the brokers do not tell of the topics");
        }
        seen.away = Some(why);
    }

    fn compare(&self, described: &Descriptions) {
        if self.seen.write().away.take().is_some() {
            tracing::info!("the brokers answer again");
        }
        for (topic, opened) in self.topics.iter() {
            match described.get(&opened.name) {
                Some(Ok(description)) => self.compare_topic(topic, opened, description),
                // Deleted, or a broker that has just started and does not know
                // it yet. One that is made again has another identity.
                Some(Err(Code::UnknownTopicOrPartition | Code::UnknownTopic)) => {
                    self.set_unready(topic, vec![Some("does not exist"); usize::from(opened.partitions)]);
                }
                Some(Err(error)) => {
                    tracing::debug!(topic = opened.name, %error, "the brokers do not tell of the topic")
                }
                None => {}
            }
        }
    }

    fn compare_topic(&self, topic: Topic, opened: &Opened, found: &Description) {
        if found.id != opened.id {
            tracing::error!(topic = opened.name, "the topic was deleted and made anew while it was open");
            self.fail(topic, LogError::Recreated { topic: topic.name() });
            return;
        }
        if found.partitions.len() != usize::from(opened.partitions) {
            let (count, wanted) = (found.partitions.len(), opened.partitions);
            tracing::error!(topic = opened.name, found = count, wanted, "the topic was given other partitions");
            let found = u16::try_from(count).unwrap_or(u16::MAX);
            self.fail(topic, LogError::PartitionCount { topic: topic.name(), found, wanted });
            return;
        }
        let why = |partition: &native::PartitionDescription| {
            if !partition.has_leader {
                Some("has no leader")
            } else if partition.in_sync < self.min_insync {
                Some("has too few copies in sync")
            } else {
                None
            }
        };
        self.set_unready(topic, found.partitions.iter().map(why).collect());
    }

    fn set_unready(&self, topic: Topic, unready: Vec<Option<&'static str>>) {
        let mut seen = self.seen.write();
        let before = seen.unready.get_mut(topic);
        if *before == unready {
            return;
        }
        let list: Vec<_> = unready.iter().enumerate().filter(|(_, why)| why.is_some()).map(|(p, _)| p).collect();
        let topic = &self.topics.get(topic).name;
        if list.is_empty() {
            tracing::info!(topic, "all partitions take records again");
        } else {
            tracing::warn!(topic, partitions = ?list, "partitions take no records now");
        }
        *before = unready;
        let unready = seen.unready.iter().flat_map(|(_, partitions)| partitions).filter(|why| why.is_some()).count();
        self.metrics.unready_partitions.set(unready as i64);
    }
}

#[cfg(test)]
mod tests;
