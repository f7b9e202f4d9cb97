//! A topic that is deleted and made anew under a running process.

use std::time::Duration;

use tidegate_eventlog::{EventLog, LogError, Topic};
use tidegate_testkit::stack;

use super::shared::{RAW, append, config, delete_topic, eventually, open, read_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_anew_is_noticed_and_has_another_epoch() {
    let Some(brokers) = stack::kafka("a_topic_made_anew_is_noticed_and_has_another_epoch") else { return };
    let config = config(&brokers, 1);
    let log = open(&config).await;
    for n in 0..5 {
        append(&log, 0, &n.to_string()).await.expect("appended");
    }
    assert_eq!(read_all(&log, 0, 0, 1 << 20).await.len(), 5);
    delete_topic(&config, RAW).await;
    // Another process makes it anew and fills it further than it was.
    let fresh = open(&config).await;
    assert_ne!(fresh.epoch(RAW), log.epoch(RAW));
    assert_eq!(fresh.epoch(Topic::MetricsRollup), log.epoch(Topic::MetricsRollup));
    let is_told = |error: &Option<LogError>| matches!(error, Some(LogError::Recreated { topic: "metrics-raw" }));
    let fetch = async || log.fetch(RAW, 0, 5, 1 << 20, Duration::from_millis(100)).await.err();
    eventually("the reader's error", fetch, is_told).await;
    for n in 0..10 {
        append(&fresh, 0, &format!("fresh {n}")).await.expect("appended");
    }
    assert!(is_told(&append(&log, 0, "late").await.err()));
    assert!(is_told(&log.bounds(RAW, 0).await.err()));
    assert!(is_told(&log.takes_records(RAW, 0).err()));
    assert!(is_told(&log.commit(RAW, "rollup", 0, 5).await.err()));
    assert!(is_told(&fetch().await), "what is in the new topic is not given out as the former one's");
    assert_eq!(read_all(&fresh, 0, 0, 1 << 20).await.len(), 10, "and nothing was appended to it");
}
