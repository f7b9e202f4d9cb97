//! Brokers that die and come back.

use std::time::{Duration, Instant};

use tidegate_eventlog::{EventLog, LogError};
use tidegate_testkit::stack;

use super::own_broker::OwnBrokers;
use super::shared::{PATIENCE, RAW, append, config, eventually, open, read_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_told_in_time_and_passes() {
    // Java and Kafka are there when the stack runs.
    if stack::kafka("an_outage_is_told_in_time_and_passes").is_none() {
        return;
    }
    let broker = OwnBrokers::start(1);
    let mut config = config(&broker.addresses(), 2);
    (config.delivery_timeout_ms, config.request_timeout_ms) = (3_000, 2_000);
    (config.session_timeout_ms, config.check_interval_ms) = (6_000, 200);
    let log = open(&config).await;
    let mut has = log.assignment(RAW, "rollup");
    tokio::time::timeout(PATIENCE, has.wait_for(|has| has.len() == 2)).await.expect("in time").expect("goes on");
    for n in 0..10 {
        append(&log, 0, &n.to_string()).await.expect("appended");
    }
    assert_eq!(read_all(&log, 0, 0, 1 << 20).await.len(), 10);

    broker.kill(1);
    let begin = Instant::now();
    let (appended, fetched) = tokio::join!(append(&log, 0, "during"), async {
        // What a reader that follows does: the first fetches may find the end
        // that is known.
        loop {
            match log.fetch(RAW, 0, 10, 1 << 20, Duration::from_millis(500)).await {
                Ok(fetched) => assert!(fetched.records.is_empty()),
                Err(error) => return error,
            }
        }
    });
    assert!(matches!(appended, Err(LogError::Unavailable(_))), "{appended:?}");
    assert!(matches!(fetched, LogError::Unavailable(_)), "{fetched:?}");
    // 3 s for the append; 3 s of silence, half a second's wait and 2 s for the
    // question for the reader.
    let told_after = begin.elapsed();
    assert!(told_after < Duration::from_secs(40), "told after {told_after:?}");
    assert!(matches!(log.bounds(RAW, 0).await, Err(LogError::Unavailable(_))));
    let refused = async || log.takes_records(RAW, 0).err().map(|error| error.to_string());
    eventually("the partition takes no records", refused, Option::is_some).await;
    // For all that a member knows, the others have its partitions now.
    tokio::time::timeout(PATIENCE, has.wait_for(Vec::is_empty)).await.expect("in time").expect("goes on");

    broker.up(1);
    let again = eventually("appends", async || append(&log, 0, "after").await.ok(), Option::is_some).await;
    let read = async || log.fetch(RAW, 0, 10, 1 << 20, Duration::from_millis(500)).await.map_or(0, |f| f.records.len());
    eventually("the reader goes on", read, |records| *records > 0).await;
    let texts: Vec<_> = read_all(&log, 0, 0, 1 << 20).await.into_iter().map(|record| record.payload).collect();
    assert_eq!(texts.len() as u64, again.expect("an offset") + 1);
    assert_eq!(texts[..10], (0..10).map(|n| n.to_string()).collect::<Vec<_>>()[..], "all that was acknowledged");
    log.takes_records(RAW, 0).expect("it takes records again");
    tokio::time::timeout(PATIENCE, has.wait_for(|has| has.len() == 2)).await.expect("in time").expect("goes on");
    let commit = async || log.commit(RAW, "rollup", 0, 10).await.err();
    eventually("the commit", commit, Option::is_none).await;
    let committed = async || log.committed(RAW, "rollup", 0).await.ok().flatten();
    eventually("the committed offset", committed, |committed| *committed == Some(10)).await;
}
