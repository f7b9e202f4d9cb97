//! Appends that find no room or are too large.

use bytes::Bytes;
use tidegate_eventlog::{EventLog, LogError};
use tidegate_testkit::stack;

use super::shared::{RAW, append, config, eventually, open, read_all};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_above_the_limit_is_refused_and_one_at_it_taken() {
    let Some(brokers) = stack::kafka("a_record_above_the_limit_is_refused_and_one_at_it_taken") else { return };
    let mut config = config(&brokers, 1);
    config.max_record_bytes = 3 << 20;
    let log = open(&config).await;
    let limit_bytes = config.max_record_bytes;
    // Cannot be made smaller.
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    let noise: Bytes = noise.take(limit_bytes + 1).collect::<Vec<u8>>().into();
    let refused = log.append(RAW, vec![(0, Bytes::from_static(b"a")), (0, noise.clone())]).await;
    match refused {
        Err(LogError::TooLarge { size_bytes, limit_bytes: limit }) => {
            assert_eq!((size_bytes, limit), (limit_bytes + 1, limit_bytes));
        }
        other => panic!("{other:?}"),
    }
    let largest = noise.slice(..limit_bytes);
    let appended = log.append(RAW, vec![(0, largest.clone()), (0, largest.clone())]).await.expect("appended");
    assert_eq!(appended.iter().map(|a| a.offset).collect::<Vec<_>>(), [0, 1], "nothing of the refused call is stored");
    let read = read_all(&log, 0, 0, 1).await;
    assert!(read.iter().all(|record| record.payload == largest), "both come back whole");
    assert_eq!(read.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_overload_and_passes() {
    let Some(brokers) = stack::kafka("a_full_queue_is_overload_and_passes") else { return };
    let mut config = config(&brokers, 1);
    // Long enough for all calls to meet in the queue.
    (config.producers, config.queue_records, config.linger_ms) = (1, 10, 2_000);
    let log = open(&config).await;
    let texts: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    let results = futures::future::join_all(texts.iter().map(|text| append(&log, 0, text))).await;
    let stored = results.iter().filter(|result| result.is_ok()).count();
    let refused = results.iter().filter(|result| matches!(result, Err(LogError::Overloaded))).count();
    assert_eq!((stored, refused), (10, 20), "{results:?}");
    append(&log, 0, "later").await.expect("room again");
    assert_eq!(read_all(&log, 0, 0, 1 << 20).await.len(), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_refusal_no_later_record_of_the_call_is_stored() {
    let Some(brokers) = stack::kafka("after_a_refusal_no_later_record_of_the_call_is_stored") else { return };
    let mut config = config(&brokers, 2);
    (config.producers, config.queue_records, config.linger_ms) = (1, 3, 500);
    let log = open(&config).await;
    let record = |n: u8| (u16::from(n % 2), Bytes::from(vec![n]));
    let refused = log.append(RAW, (0..8).map(record).collect()).await;
    assert!(matches!(refused, Err(LogError::Overloaded)), "{refused:?}");
    for partition in 0..2 {
        let later = async || append(&log, partition, "later").await.ok();
        eventually("room for a later call", later, Option::is_some).await;
    }
    let mut stored = Vec::new();
    for partition in 0..2 {
        stored.push(read_all(&log, partition, 0, 1 << 20).await.into_iter().map(|r| r.payload).collect::<Vec<_>>());
    }
    assert_eq!(stored[0], [&[0u8][..], &[2], b"later"]);
    assert_eq!(stored[1], [&[1u8][..], b"later"]);
}
