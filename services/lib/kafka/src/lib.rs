//! The event log on Kafka.
//!
//! Two topics, stamped by the brokers (LogAppendTime), made where they are
//! missing and refused where they are not as they must be. A record is
//! acknowledged when all in-sync copies have it. What a topic is called, how
//! many partitions it has and for how long it keeps records stands in
//! [`Config`].
//!
//! A topic's epoch is taken from the identity that Kafka gives a topic when it
//! is made, so it is the same in every process and changes when a topic is
//! deleted and made anew. Where that happens under a running process, each
//! call fails from then on ([`LogError::Recreated`]): the process must start
//! again and take the new topic for what it is.
//!
//! - `topics` makes and checks topics, `watch` keeps an eye on them,
//! - `producer` appends, `fetch` reads, `group` joins groups and commits,
//! - `clock` estimates the brokers' clock, `native` is the little C,
//! - `refusal` tells which setting an error of encryption or log-in is about.
//!
//! Apart from that, [`KafkaTopics`] reads and writes topics of others.

mod clock;
mod config;
mod context;
mod error;
mod fetch;
mod group;
mod metrics;
mod native;
mod others;
mod per_topic;
mod producer;
mod refusal;
mod topics;
mod watch;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use tidegate_eventlog::{Appended, Bounds, ClockFn, EventLog, Fetched, LogError, Topic, wall_clock};

pub use config::{Compression, Config, SaslMechanism};
pub use error::OpenError;
pub use metrics::Metrics;
pub use others::KafkaTopics;

use clock::BrokerClock;
use context::Reports;
use fetch::Fetcher;
use group::Groups;
use per_topic::PerTopic;
use producer::Producer;
use watch::{State, Watch};

/// See the crate's description. Dropping it leaves the groups; that, and the
/// end of its threads, blocks for a moment.
pub struct KafkaLog {
    groups: Groups,
    fetcher: Fetcher,
    producers: PerTopic<Producer>,
    clock: Arc<BrokerClock>,
    state: Arc<State>,
    _watch: Watch,
}

impl KafkaLog {
    /// Makes or checks the topics. `recorded_partitions` is the number that the
    /// store was filled from; without a store, what the topics have counts.
    /// Waits half a minute for brokers that do not answer.
    ///
    /// # Errors
    /// What is wrong with the configuration or a topic, by name.
    pub async fn open(config: Config, recorded_partitions: Option<u16>, metrics: Metrics) -> Result<Self, OpenError> {
        Self::open_with_clock(config, recorded_partitions, metrics, wall_clock()).await
    }

    /// As [`KafkaLog::open`]; `clock` is taken for this machine's.
    ///
    /// # Errors
    /// As [`KafkaLog::open`].
    pub async fn open_with_clock(
        config: Config,
        recorded_partitions: Option<u16>,
        metrics: Metrics,
        clock: ClockFn,
    ) -> Result<Self, OpenError> {
        config.check()?;
        let config = config.with_password()?;
        let admin = AdminClient::from_config_and_context(&config.admin(), Reports { part: "admin" });
        let admin = Arc::new(admin.map_err(OpenError::client)?);
        let opened = topics::open(&admin, &config, recorded_partitions).await?;
        let watch = Watch::start(&config, Arc::clone(&admin), opened, metrics.clone())?;
        let state = Arc::clone(watch.state());
        let clock = Arc::new(BrokerClock::new(clock));
        let producers = PerTopic::try_new(|topic| Producer::new(&config, topic, Arc::clone(&clock), metrics.clone()))?;
        let fetcher = Fetcher::new(&config, admin, Arc::clone(&state), Arc::clone(&clock), metrics.clone())?;
        let groups = Groups::new(config, Arc::clone(&state), metrics);
        Ok(Self { groups, fetcher, producers, clock, state, _watch: watch })
    }

    /// Returns when the log cannot be used any more: a topic was made anew or
    /// given other partitions, or a thread of this crate has panicked. Every
    /// call fails from then on; the process must start again.
    pub async fn failed(&self) -> LogError {
        self.state.failed().await
    }

    /// Gives the partitions of all groups to other members at once, instead of
    /// when their session ends. For the end of a process; blocks for a moment.
    pub fn leave_groups(&self) {
        self.groups.leave();
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    fn epoch(&self, topic: Topic) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.state.opened(topic).id.to_be_bytes())
    }

    fn partitions(&self, topic: Topic) -> u16 {
        self.state.opened(topic).partitions
    }

    fn takes_records(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        self.state.takes_records(topic, partition)
    }

    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError> {
        self.state.check(topic)?;
        records.iter().try_for_each(|(partition, _)| self.state.has(topic, *partition))?;
        self.producers.get(topic).append(records).await
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<Fetched, LogError> {
        self.fetcher.fetch(topic, partition, from, max_bytes, max_wait).await
    }

    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        self.fetcher.bounds(topic, partition).await
    }

    fn assignment(&self, topic: Topic, group: &str) -> tokio::sync::watch::Receiver<Vec<u16>> {
        self.groups.assignment(topic, group)
    }

    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        self.state.has(topic, partition)?;
        self.groups.committed(topic, group, partition).await
    }

    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        self.state.has(topic, partition)?;
        self.state.check(topic)?;
        self.groups.commit(topic, group, partition, offset).await
    }

    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
