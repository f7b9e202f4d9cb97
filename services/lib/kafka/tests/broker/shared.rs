//! The brokers that tests share, each with topics of its own.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_eventlog::{EventLog, LogError, Record, Topic};
use tidegate_kafka::{Config, KafkaLog, Metrics};
use tidegate_testkit::stack::unique_name;

pub const RAW: Topic = Topic::MetricsRaw;
/// For what takes seconds on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A configuration whose topics no other test has.
pub fn config(brokers: &[String], partitions: u16) -> Config {
    Config {
        brokers: brokers.to_vec(),
        prefix: format!("{}-", unique_name('-')),
        partitions,
        replication: 1,
        min_insync_replicas: 1,
        ..Config::default()
    }
}

pub async fn open(config: &Config) -> KafkaLog {
    KafkaLog::open(config.clone(), None, Metrics::default()).await.expect("the log opens")
}

pub async fn append(log: &KafkaLog, partition: u16, text: &str) -> Result<u64, LogError> {
    Ok(log.append(RAW, vec![(partition, Bytes::copy_from_slice(text.as_bytes()))]).await?[0].offset)
}

/// All from `from` to the end as it is now.
pub async fn read_all(log: &KafkaLog, partition: u16, from: u64, max_bytes: usize) -> Vec<Record> {
    let end = log.bounds(RAW, partition).await.expect("bounds").end;
    let mut records: Vec<Record> = Vec::new();
    loop {
        let next = records.last().map_or(from, |record| record.offset + 1);
        if next >= end {
            return records;
        }
        let fetched = log.fetch(RAW, partition, next, max_bytes, Duration::from_secs(5)).await.expect("fetch");
        records.extend(fetched.records);
    }
}

/// Asks until it is so; panics with what it was last.
pub async fn eventually<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    is_so: impl Fn(&T) -> bool,
) -> T {
    let begin = std::time::Instant::now();
    loop {
        let answer = ask().await;
        if is_so(&answer) {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; last {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn admin(config: &Config) -> AdminClient<DefaultClientContext> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.brokers.join(","));
    client.create().expect("an admin client")
}

pub fn topic_name(config: &Config, topic: Topic) -> String {
    format!("{}{}", config.prefix, topic.name())
}

/// Deletes a topic; returns once the broker that is asked no longer has it.
pub async fn delete_topic(config: &Config, topic: Topic) {
    let (admin, name) = (admin(config), topic_name(config, topic));
    let deleted = admin.delete_topics(&[&name], &AdminOptions::new()).await.expect("deleted");
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let topics = async || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).expect("metadata");
        metadata.topics().iter().map(|topic| topic.name().to_owned()).collect::<Vec<_>>()
    };
    eventually("the topic's end", topics, |topics| !topics.contains(&name)).await;
}

/// Drops the records before `start`, as retention does.
pub async fn truncate_start(config: &Config, topic: Topic, partition: u16, start: u64) {
    let mut list = TopicPartitionList::new();
    let offset = Offset::Offset(i64::try_from(start).expect("small"));
    list.add_partition_offset(&topic_name(config, topic), partition.into(), offset).expect("an offset");
    let deleted = admin(config).delete_records(&list, &AdminOptions::new()).await.expect("records deleted");
    for element in deleted.elements() {
        element.error().expect("records deleted");
    }
}
