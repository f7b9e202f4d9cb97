use std::time::Duration;

use bytes::Bytes;
use tidegate_eventlog::topics::{MemoryTopics, Outgoing, TopicError, TopicWriter, WriterOptions};
use tidegate_mad::config::{GraphiteParser, Parser};

use super::*;
use crate::mad::source::test_feed::{Taken, feed, metrics};

fn input(configs: &[(&str, &str)]) -> KafkaInput {
    KafkaInput {
        topics: vec!["t".into()],
        configs: configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        parser: Parser::GraphitePlaintext(GraphiteParser::default()),
        poll_time: Duration::from_millis(20),
        shutdown_await_time: Duration::from_secs(5),
        backoff_time: Duration::from_millis(10),
        worker_threads: 1,
        buffer_size: 1_000,
    }
}

const CONFIGS: [(&str, &str); 3] =
    [("bootstrap.servers", "memory"), ("group.id", "g"), ("auto.offset.reset", "earliest")];

struct Running {
    taken: Taken,
    metrics: SourceMetrics,
    tasks: Tasks,
}

async fn run(topics: &MemoryTopics) -> Running {
    let ((feed, taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
    let topics: Arc<dyn Topics> = Arc::new(topics.clone());
    start(&input(&CONFIGS), &topics, feed, metrics.clone(), &mut tasks).await.unwrap();
    Running { taken, metrics, tasks }
}

async fn writer(topics: &MemoryTopics) -> Arc<dyn TopicWriter> {
    let options = WriterOptions { servers: vec!["memory".into()], properties: BTreeMap::new() };
    topics.writer(options).await.unwrap()
}

async fn write(topics: &MemoryTopics, values: &[&'static str]) {
    let records = values.iter().map(|value| Outgoing { key: None, value: Bytes::from_static(value.as_bytes()) });
    writer(topics).await.write("t", records.collect()).await.unwrap();
}

fn topics() -> MemoryTopics {
    let topics = MemoryTopics::default();
    topics.create("t", 1);
    topics
}

#[tokio::test]
async fn messages_become_records_and_are_committed() {
    let topics = topics();
    write(&topics, &["a 1", "bad", "b 2"]).await;
    let mut running = run(&topics).await;
    assert_eq!(running.taken.names(2).await, ["a", "b"]);
    while topics.committed("g", "t") != BTreeMap::from([(0, 3)]) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((running.metrics.received.get(), running.metrics.refused()), (3, 1));
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
    write(&topics, &["c 3"]).await;
    let mut next = run(&topics).await;
    assert_eq!(next.taken.names(1).await, ["c"]);
}

#[tokio::test]
async fn a_pipeline_that_has_ended_is_committed_nothing_of() {
    let topics = topics();
    let mut running = run(&topics).await;
    running.taken.close();
    write(&topics, &["a 1"]).await;
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(topics.committed("g", "t"), BTreeMap::new());
    let mut next = run(&topics).await;
    assert_eq!(next.taken.names(1).await, ["a"]);
}

#[tokio::test]
async fn servers_that_are_away_are_asked_again() {
    let topics = topics();
    write(&topics, &["a 1"]).await;
    topics.fail_with(Some(TopicError::Unavailable("away".into())));
    let mut running = run(&topics).await;
    while running.metrics.failures.get() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    topics.fail_with(None);
    assert_eq!(running.taken.names(1).await, ["a"]);
}

#[test]
fn what_java_tells_its_consumer_is_understood() {
    let configs = [
        ("bootstrap.servers", "a:9092, b:9092"),
        ("group.id", "g"),
        ("max.poll.records", "2000"),
        ("key.deserializer", "x"),
    ];
    let options = options(&input(&configs)).unwrap();
    assert_eq!(options.servers, ["a:9092", "b:9092"]);
    assert_eq!((options.group.as_str(), options.start, options.max_records), ("g", Start::Latest, 1_000));
    let properties = [("key.deserializer", "x"), ("max.poll.records", "2000")];
    assert_eq!(options.properties, properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    for lacking in [&configs[1..], &configs[..1]] {
        assert!(matches!(super::options(&input(lacking)), Err(StartError::Consumer(_))));
    }
}
