//! The brokers that tests share, each with topics of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tidegate_eventlog::Topic;
use tidegate_kafka::{Config, KafkaLog, Metrics};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Brokers from the environment; without any the test is put on the list of
/// those that were skipped.
pub fn brokers(test: &str) -> Option<Vec<String>> {
    let brokers = std::env::var("TIDEGATE_TEST_KAFKA").ok().filter(|brokers| !brokers.is_empty());
    if brokers.is_none() {
        tidegate_testkit::skipped::skip(test, "make stack");
    }
    Some(brokers?.split(',').map(str::to_owned).collect())
}

/// A configuration whose topics no other test has.
pub fn config(brokers: &[String], partitions: u16) -> Config {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Config {
        brokers: brokers.to_vec(),
        prefix: format!("test-{}-{pid}-{count}-", since.as_secs()),
        partitions,
        replication: 1,
        min_insync_replicas: 1,
        ..Config::default()
    }
}

pub async fn open(config: &Config) -> KafkaLog {
    KafkaLog::open(config.clone(), None, Metrics::default()).await.expect("the log opens")
}

pub fn admin(config: &Config) -> AdminClient<DefaultClientContext> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.brokers.join(","));
    client.create().expect("an admin client")
}

pub fn topic_name(config: &Config, topic: Topic) -> String {
    format!("{}{}", config.prefix, topic.name())
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
