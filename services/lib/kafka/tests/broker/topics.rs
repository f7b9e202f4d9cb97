//! Topics are made as they must be, and refused when they are not.

use rdkafka::admin::{AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use tidegate_eventlog::{EventLog, LogError, Topic};
use tidegate_kafka::{Config, KafkaLog, Metrics, OpenError};
use tidegate_testkit::stack;

use super::shared::{RAW, admin, config, eventually, open, topic_name};

async fn refused(config: &Config, recorded: Option<u16>) -> OpenError {
    match KafkaLog::open(config.clone(), recorded, Metrics::default()).await {
        Err(error) => error,
        Ok(_) => panic!("the log opened"),
    }
}

/// A topic keeps its other settings.
async fn alter(config: &Config, topic: Topic, settings: &[(&str, &str)]) {
    let name = topic_name(config, topic);
    let made = [
        ("message.timestamp.type", "LogAppendTime".to_owned()),
        ("retention.ms", config.raw_retention_ms.to_string()),
        ("min.insync.replicas", config.min_insync_replicas.to_string()),
        ("max.message.bytes", (config.max_record_bytes * 2).to_string()),
    ];
    let kept = made.iter().filter(|(key, _)| settings.iter().all(|(changed, _)| changed != key));
    let all = kept.map(|(key, value)| (*key, value.as_str())).chain(settings.iter().copied());
    let change = all.fold(AlterConfig::new(ResourceSpecifier::Topic(&name)), |c, (key, value)| c.set(key, value));
    let altered = admin(config).alter_configs([&change], &AdminOptions::new()).await.expect("altered");
    assert!(altered.iter().all(Result::is_ok), "{altered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_is_refused_by_name() {
    let Some(brokers) = stack::kafka("a_wrong_setting_is_refused_by_name") else { return };
    let config = config(&brokers, 1);
    drop(open(&config).await);
    let wrong = [
        ("message.timestamp.type", "CreateTime", "LogAppendTime"),
        ("retention.ms", "3600000", "86400000"),
        ("min.insync.replicas", "2", "1"),
        ("max.message.bytes", "1000000", "at least 8392704"),
        ("cleanup.policy", "compact", "delete"),
        ("unclean.leader.election.enable", "true", "false"),
        ("compression.type", "gzip", "producer"),
    ];
    for (name, bad, good) in wrong {
        alter(&config, RAW, &[(name, bad)]).await;
        // Brokers tell of a change a moment after they took it.
        let is_told = |told: &Option<OpenError>| matches!(told, Some(OpenError::Setting { setting, found, .. }) if *setting == name && found == bad);
        let told = eventually(name, async || refused_or_none(&config).await, is_told).await;
        let told = told.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(told, format!("topic {} has {name}={bad}, it must be {good}", topic_name(&config, RAW)));
    }
    alter(&config, RAW, &[]).await;
    eventually("the topic put right", async || refused_or_none(&config).await, Option::is_none).await;
}

async fn refused_or_none(config: &Config) -> Option<OpenError> {
    KafkaLog::open(config.clone(), None, Metrics::default()).await.err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_copies_is_refused() {
    let Some(brokers) = stack::kafka("another_number_of_copies_is_refused") else { return };
    let mut config = config(&brokers, 1);
    drop(open(&config).await);
    config.replication = 3;
    match refused(&config, None).await {
        OpenError::Setting { setting, found, wanted, .. } => {
            assert_eq!((setting, found.as_str(), wanted.as_str()), ("replication.factor", "1", "3"));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_partitions_is_the_recorded_one_for_ever() {
    let Some(brokers) = stack::kafka("the_number_of_partitions_is_the_recorded_one_for_ever") else { return };
    let mut config = config(&brokers, 7);
    let log = KafkaLog::open(config.clone(), Some(2), Metrics::default()).await.expect("the log opens");
    for topic in Topic::ALL {
        assert_eq!(log.partitions(topic), 2, "what the store was filled from goes before the configuration");
    }
    config.partitions = 5;
    assert_eq!(open(&config).await.partitions(RAW), 2, "topics that exist go before the configuration");
    match refused(&config, Some(3)).await {
        OpenError::PartitionCount { topic, found: 2, wanted: 3 } => assert_eq!(topic, topic_name(&config, RAW)),
        other => panic!("{other}"),
    }
    // Under a running log, and at the next start.
    let rollup = topic_name(&config, Topic::MetricsRollup);
    let more = NewPartitions::new(&rollup, 4);
    let made = admin(&config).create_partitions([&more], &AdminOptions::new()).await.expect("partitions");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
    let bounds = async || log.bounds(Topic::MetricsRollup, 0).await.err();
    let is_told =
        |error: &Option<LogError>| matches!(error, Some(LogError::PartitionCount { found: 4, wanted: 2, .. }));
    eventually("partitions added to a topic in use", bounds, is_told).await;
    match refused(&config, None).await {
        OpenError::PartitionCount { topic, found: 4, wanted: 2 } => assert_eq!(topic, rollup),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_make_the_topics_once() {
    let Some(brokers) = stack::kafka("processes_that_start_together_make_the_topics_once") else { return };
    let config = config(&brokers, 2);
    let (a, b, c) = tokio::join!(open(&config), open(&config), open(&config));
    for topic in Topic::ALL {
        assert_eq!(a.epoch(topic), b.epoch(topic), "the same in every process");
        assert_eq!(a.epoch(topic), c.epoch(topic));
    }
    assert_ne!(a.epoch(RAW), a.epoch(Topic::MetricsRollup));
}
