//! Topics of others, by the suite that all adapters pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tidegate_eventlog::topics::conformance::{self, Harness};
use tidegate_eventlog::topics::{Outgoing, ReaderOptions, Start, TopicError, Topics, WriterOptions};
use tidegate_kafka::KafkaTopics;
use tidegate_testkit::stack;

use super::own_broker::OwnBrokers;
use super::shared::PATIENCE;

pub struct Kafka {
    pub brokers: Vec<String>,
}

impl Kafka {
    /// A topic that nobody else has.
    pub async fn topic(&self) -> String {
        let topic = self.unique_name();
        self.create(&topic, 1).await;
        topic
    }
}

#[async_trait]
impl Harness for Kafka {
    fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(KafkaTopics)
    }

    fn servers(&self) -> Vec<String> {
        self.brokers.clone()
    }

    fn unique_name(&self) -> String {
        stack::unique_name('-')
    }

    async fn create(&self, topic: &str, partitions: usize) {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.brokers.join(","));
        let admin: AdminClient<DefaultClientContext> = client.create().expect("an admin client");
        let topic = NewTopic::new(topic, i32::try_from(partitions).expect("few"), TopicReplication::Fixed(1));
        let made = admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
        made[0].as_ref().expect("the topic is made");
    }
}

fn writer(servers: &[String]) -> WriterOptions {
    WriterOptions { servers: servers.to_vec(), properties: BTreeMap::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_has_topics() {
    let Some(brokers) = stack::kafka("kafka_has_topics") else { return };
    conformance::run(&Kafka { brokers }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_comes_back_is_read_from_and_written_to() {
    let test = "a_broker_that_comes_back_is_read_from_and_written_to";
    if stack::kafka(test).is_none() {
        return;
    }
    let own = OwnBrokers::start(1);
    let kafka = Kafka { brokers: own.addresses() };
    let topic = kafka.topic().await;
    let mut options = writer(&kafka.brokers);
    options.properties.insert("delivery.timeout.ms".to_owned(), "2000".to_owned());
    let writer = KafkaTopics.writer(options).await.expect("a writer");
    let mut reader = KafkaTopics
        .reader(ReaderOptions {
            servers: kafka.brokers.clone(),
            group: kafka.unique_name(),
            topics: vec![topic.clone()],
            start: Start::Earliest,
            max_records: 10,
            properties: BTreeMap::new(),
        })
        .await
        .expect("a reader");
    let one = |text: &str| vec![Outgoing { key: None, value: Bytes::copy_from_slice(text.as_bytes()) }];
    writer.write(&topic, one("before")).await.expect("written");
    own.kill(1);
    let failed = writer.write(&topic, one("lost")).await;
    assert!(matches!(failed, Err(TopicError::Unavailable(_))), "{failed:?}");
    own.up(1);
    let began = Instant::now();
    while writer.write(&topic, one("after")).await.is_err() {
        assert!(began.elapsed() < PATIENCE, "no write after the broker came back");
    }
    let mut read = Vec::new();
    while !read.iter().any(|value| value == "after") {
        assert!(began.elapsed() < PATIENCE, "only {read:?} was read");
        let messages = reader.poll(Duration::from_millis(200)).await.unwrap_or_default();
        read.extend(messages.into_iter().map(|m| String::from_utf8(m.value.expect("a value").into()).expect("text")));
    }
    assert_eq!(read.first().map(String::as_str), Some("before"));
    reader.close().await;
}
