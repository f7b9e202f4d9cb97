use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tidegate_eventlog::topics::{MemoryTopics, Topics, WriterOptions};
use tokio::sync::mpsc;

use super::*;
use crate::mad::sink::delivery::Options;
use crate::mad::sink::testing::{all, metrics, periodic, policy, soon, until, usual};

async fn sink(topics: &MemoryTopics, format: KafkaFormat) -> (Box<Kafka>, SinkMetrics) {
    let options = WriterOptions { servers: vec!["memory".into()], properties: Default::default() };
    let writer = topics.writer(options).await.expect("a writer");
    let metrics = metrics();
    let topic = Topic { writer, topic: "results".into(), format };
    let options = Options { max_concurrency: 1, max_queue: 10_000, spread: Duration::ZERO, backoff: policy() };
    let delivery = Delivery::start(topic, options, metrics.clone(), mpsc::channel(1).0);
    (Box::new(Kafka { delivery, format, metrics: metrics.clone() }), metrics)
}

fn topics() -> MemoryTopics {
    let topics = MemoryTopics::default();
    topics.create("results", 4);
    topics
}

#[tokio::test]
async fn each_result_is_a_record_and_a_series_stays_in_its_partition() {
    let topics = topics();
    let (mut sink, metrics) = sink(&topics, KafkaFormat::Protobuf).await;
    for _ in 0..3 {
        sink.take(&all([usual("a"), usual("b"), periodic("lacking", &[])]));
    }
    sink.close(soon()).await;
    let records = topics.records("results");
    assert_eq!(records.len(), 6);
    let frame = Bytes::from(aggregation::statistic_set(&usual("a")).expect("a frame"));
    let of_a: Vec<_> = records.iter().filter(|record| record.value.as_ref() == Some(&frame)).collect();
    assert_eq!(of_a.len(), 3);
    assert!(of_a.iter().all(|record| record.key.as_deref() == Some(b"a;cluster=c;host=h;service=s")));
    assert_eq!(of_a.iter().map(|record| record.partition).collect::<BTreeSet<_>>().len(), 1);
    assert_eq!((metrics.sent_results.get(), metrics.dropped_so_far(Dropped::NoClusterOrService)), (6, 3));
}

#[tokio::test]
async fn json_takes_results_of_any_dimensions() {
    let topics = topics();
    let (mut sink, _) = sink(&topics, KafkaFormat::Json).await;
    sink.take(&all([periodic("m", &[])]));
    sink.close(soon()).await;
    let records = topics.records("results");
    let object: Value = serde_json::from_slice(records[0].value.as_ref().expect("a value")).expect("JSON");
    assert_eq!(object["metric"], "m");
    assert_eq!(object["statistics"]["mean"]["value"], 4.5);
}

#[tokio::test]
async fn servers_that_are_away_hold_nothing_up_and_get_it_later() {
    let topics = topics();
    let (mut sink, metrics) = sink(&topics, KafkaFormat::Protobuf).await;
    topics.fail_with(Some(TopicError::Unavailable("no broker".into())));
    sink.take(&all((0..2_500).map(|number| usual(&format!("m{number}")))));
    until("failures", || metrics.failed_sends.get() >= 2).await;
    topics.fail_with(None);
    sink.close(soon()).await;
    assert_eq!((topics.records("results").len(), metrics.sent_results.get()), (2_500, 2_500));
}

#[tokio::test]
async fn what_is_too_large_makes_way() {
    let topics = topics();
    let (mut sink, metrics) = sink(&topics, KafkaFormat::Protobuf).await;
    topics.fail_with(Some(TopicError::TooLarge { topic: "results".into(), size_bytes: 1 }));
    sink.take(&all([usual("a")]));
    until("the refusal", || metrics.dropped_so_far(Dropped::Refused) == 1).await;
    sink.close(soon()).await;
}
