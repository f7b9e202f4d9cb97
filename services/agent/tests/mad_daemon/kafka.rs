//! A source that reads topics, on the real brokers of the stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use tidegate_agent::mad;
use tidegate_eventlog::topics::{Outgoing, TopicWriter, Topics, WriterOptions};
use tidegate_kafka::{KafkaLog, KafkaTopics};
use tidegate_proto::mad::client_v2::{Entry, MetricEntry, Quantity, Record, RecordSet, quantity};
use tidegate_testkit::{AggregationServer, eventually, now_ms, stack};

use super::{Daemon, EVERY, LIMIT, received, totals};

fn message() -> Vec<u8> {
    let entry = |name: &str, value: &str| Entry { name: name.to_owned(), value: value.to_owned() };
    let sample = Quantity { value: Some(quantity::Value::DoubleValue(2.0)), unit: None };
    let record = Record {
        dimensions: vec![entry("service", "s"), entry("cluster", "c"), entry("host", "h")],
        counters: vec![MetricEntry { name: "hits".to_owned(), samples: vec![sample] }],
        id: vec![7; 16],
        end: now_ms(),
        start: now_ms(),
        ..Record::default()
    };
    RecordSet { records: vec![record; 3] }.encode_to_vec()
}

async fn write(writer: &dyn TopicWriter, topic: &str, messages: usize) -> anyhow::Result<()> {
    let records = (0..messages).map(|_| Outgoing { key: None, value: message().into() });
    Ok(writer.write(topic, records.collect()).await?)
}

async fn run(daemon: &mut Daemon, server: &AggregationServer, messages: u64) -> anyhow::Result<BTreeMap<String, f64>> {
    daemon.start().await?;
    let received_by = |metrics: &mad::Metrics| metrics.sources.of("kafka").received.get();
    let before = received_by(&daemon.metrics);
    eventually("all messages are read", LIMIT * 2, EVERY, async || {
        Ok((received_by(&daemon.metrics) >= before + messages).then_some(()))
    })
    .await?;
    daemon.stop().await?;
    Ok(totals(&received(server)?, "sum"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_real_brokers_count_once_over_a_restart() -> anyhow::Result<()> {
    let test = "records_of_real_brokers_count_once_over_a_restart";
    let Some(brokers) = stack::kafka(test) else { return Ok(()) };
    // Brokers make no topics by themselves; a log's are as good as others.
    let prefix = stack::unique_name('-');
    let config = tidegate_kafka::Config {
        brokers: brokers.clone(),
        prefix: format!("{prefix}-"),
        partitions: 2,
        replication: 1,
        min_insync_replicas: 1,
        ..tidegate_kafka::Config::default()
    };
    drop(KafkaLog::open(config, None, tidegate_kafka::Metrics::default()).await?);
    let topic = format!("{prefix}-metrics-raw");
    let options = WriterOptions { servers: brokers.clone(), properties: BTreeMap::new() };
    let writer = KafkaTopics.writer(options).await?;

    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.topics = Some(Arc::new(KafkaTopics));
    let file = format!(
        "name = p, periods = [PT1S], counterStatistics = [count, sum]\n\
         sources = [{{ type = com.arpnetworking.metrics.common.sources.KafkaSource, name = kafka, pollTime = PT0.1S\n\
           consumer = {{ topics = [\"{topic}\"], configs = {{\n\
             \"bootstrap.servers\" = \"{}\", \"group.id\" = \"{prefix}\", \"auto.offset.reset\" = earliest }} }}\n\
           parser = {{ type = com.arpnetworking.metrics.mad.parsers.ProtobufV2bytesToRecordParser }} }}]\n\
         sinks = [{{ type = com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink, name = http, uri = \"{}\" }}]\n",
        brokers.join(","),
        server.url()
    );
    daemon.write("p.conf", &file)?;

    write(&*writer, &topic, 20).await?;
    assert_eq!(run(&mut daemon, &server, 20).await?, BTreeMap::from([("hits".to_owned(), 120.0)]));
    // What was read is committed: only what comes after it is read.
    write(&*writer, &topic, 10).await?;
    assert_eq!(run(&mut daemon, &server, 10).await?, BTreeMap::from([("hits".to_owned(), 60.0)]));
    Ok(())
}
