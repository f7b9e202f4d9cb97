//! Against the library's own imitation of a broker, which can be told what to
//! answer.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::topics::Opened;

use super::*;

const RAW: Topic = Topic::MetricsRaw;

fn fetcher(brokers: &MockCluster<'_, DefaultProducerContext>, request_timeout_ms: u64) -> Fetcher {
    let config = Config { brokers: vec![brokers.bootstrap_servers()], request_timeout_ms, ..Config::default() };
    let opened = |topic| {
        let name = config.topic_name(topic);
        brokers.create_topic(&name, 1, 1).map(|()| Opened { name, id: 7, partitions: 1 })
    };
    let opened = PerTopic::try_new(opened).expect("topics");
    let admin = AdminClient::from_config_and_context(&config.admin(), Reports { part: "admin" });
    let state = Arc::new(State::new(opened, 1, Metrics::default()));
    let clock = Arc::new(BrokerClock::new(tidegate_eventlog::wall_clock()));
    Fetcher::new(&config, Arc::new(admin.expect("a client")), state, clock, Metrics::default()).expect("a fetcher")
}

fn refuse(brokers: &MockCluster<'_, DefaultProducerContext>, times: usize) {
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    brokers.request_errors(RDKafkaApiKey::ListOffsets, &vec![error; times]);
}

#[tokio::test]
async fn the_bounds_of_a_partition_wait_for_its_leader() {
    let brokers = MockCluster::new(1).expect("brokers");
    let fetcher = fetcher(&brokers, 60_000);
    refuse(&brokers, 5);
    assert_eq!(fetcher.bounds(RAW, 0).await.expect("bounds"), Bounds { start: 0, end: 0 });
}

#[tokio::test]
async fn a_partition_that_finds_no_leader_in_time_is_unavailable() {
    let brokers = MockCluster::new(1).expect("brokers");
    let fetcher = fetcher(&brokers, 500);
    refuse(&brokers, 10_000);
    let told = fetcher.bounds(RAW, 0).await;
    match told {
        Err(LogError::Unavailable(why)) => assert!(why.starts_with("the bounds of metrics-raw 0: "), "{why}"),
        other => panic!("{other:?}"),
    }
}
