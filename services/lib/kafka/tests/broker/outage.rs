//! Brokers that die and come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidegate_eventlog::{EventLog, LogError, Record};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broker_of_three_costs_no_acknowledged_record() {
    if stack::kafka("one_broker_of_three_costs_no_acknowledged_record").is_none() {
        return;
    }
    let brokers = OwnBrokers::start(3);
    let mut config = config(&brokers.addresses(), 3);
    (config.replication, config.min_insync_replicas) = (3, 2);
    let log = Arc::new(open(&config).await);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|partition| {
            let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
            // Sends a text again until it is acknowledged, as clients do.
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let text = format!("{partition}-{}", acknowledged.len());
                    if let Ok(offset) = append(&log, partition, &text).await {
                        acknowledged.push((offset, text));
                    }
                }
                acknowledged
            })
        })
        .collect();
    let readers: Vec<_> = (0..3)
        .map(|partition| {
            let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut records: Vec<Record> = Vec::new();
                loop {
                    let stopping = stop.load(Ordering::Relaxed);
                    let next = records.last().map_or(0, |record| record.offset + 1);
                    match log.fetch(RAW, partition, next, 1 << 16, Duration::from_millis(200)).await {
                        Ok(fetched) if fetched.records.is_empty() && stopping => return records,
                        Ok(fetched) => records.extend(fetched.records),
                        Err(LogError::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    // Each leads one of the partitions.
    for number in 1..=3 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        brokers.kill(number);
        let taken = async || {
            futures::future::join_all((0..3).map(|partition| append(&log, partition, "probe")))
                .await
                .iter()
                .all(Result::is_ok)
        };
        eventually("appends to all partitions without the broker", taken, |all| *all).await;
        brokers.up(number);
        let in_sync = async || (0..3).all(|partition| log.takes_records(RAW, partition).is_ok());
        eventually("partitions with leaders", in_sync, |all| *all).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(writer.await.expect("writer"));
    }
    for (partition, reader) in (0..).zip(readers) {
        let read = reader.await.expect("reader");
        let acknowledged = &acknowledged[usize::from(partition)];
        assert!(acknowledged.len() > 10, "{}", acknowledged.len());
        let by_offset: HashMap<u64, &[u8]> =
            read.iter().map(|record| (record.offset, record.payload.as_ref())).collect();
        assert_eq!(by_offset.len(), read.len(), "no offset twice");
        for (offset, text) in acknowledged {
            assert_eq!(by_offset.get(offset).copied(), Some(text.as_bytes()), "{partition} at {offset}");
        }
        assert_eq!(read, read_all(&log, partition, 0, 1 << 20).await, "who followed read what is there");
    }
}
