//! Readers that go on, jump, meet, and find records gone.

use std::time::Duration;

use bytes::Bytes;
use tidegate_eventlog::{Bounds, EventLog, LogError};
use tidegate_kafka::{KafkaLog, Metrics};
use tidegate_testkit::stack;

use super::shared::{RAW, append, config, open, read_all, truncate_start};

/// Records of several sizes, numbered.
async fn fill(log: &KafkaLog, count: u32) {
    let record = |n: u32| (0, Bytes::from([&n.to_be_bytes()[..], &vec![n as u8; (n as usize * 37) % 2_000]].concat()));
    let numbers: Vec<u32> = (0..count).collect();
    for some in numbers.chunks(500) {
        log.append(RAW, some.iter().map(|n| record(*n)).collect()).await.expect("appended");
    }
}

fn number(payload: &Bytes) -> u64 {
    u64::from(u32::from_be_bytes(payload[..4].try_into().expect("four bytes")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn going_on_costs_no_new_position_whatever_the_size_of_a_read() {
    let Some(brokers) = stack::kafka("going_on_costs_no_new_position_whatever_the_size_of_a_read") else { return };
    let mut config = config(&brokers, 1);
    // Less than what is stored: the library has to fetch many times.
    config.prefetch_bytes = 256 << 10;
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    let log = KafkaLog::open(config, None, metrics).await.expect("the log opens");
    fill(&log, 5_000).await;
    for max_bytes in [1, 3_000, 70_000, usize::MAX] {
        let from = if max_bytes == 1 { 4_000 } else { 0 };
        let read = read_all(&log, 0, from, max_bytes).await;
        let numbers: Vec<u64> = read.iter().map(|record| number(&record.payload)).collect();
        assert_eq!(numbers, (from..5_000).collect::<Vec<_>>(), "each once and in order, {max_bytes} bytes at a time");
        assert!(read.iter().all(|record| record.offset == number(&record.payload)));
    }
    let mut told = String::new();
    prometheus_client::encoding::text::encode(&mut told, &registry).expect("encoded");
    assert!(told.contains("tidegate_kafka_repositioned_readers_total 4\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_may_jump_and_two_may_share_a_partition() {
    let Some(brokers) = stack::kafka("a_reader_may_jump_and_two_may_share_a_partition") else { return };
    let log = open(&config(&brokers, 1)).await;
    fill(&log, 2_000).await;
    // Back and forth, so that what was read ahead for one place must never be
    // given out for another.
    for from in [0, 1_500, 3, 1_999, 700, 701, 0, 1_200] {
        let fetched = log.fetch(RAW, 0, from, 10_000, Duration::from_secs(30)).await.expect("fetch");
        let first = fetched.records.first().expect("records");
        assert_eq!((first.offset, number(&first.payload)), (from, from));
        assert_eq!(fetched.bounds, Bounds { start: 0, end: 2_000 });
    }
    let one = read_all(&log, 0, 0, 60_000);
    let two = read_all(&log, 0, 1_000, 60_000);
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one.iter().map(|record| number(&record.payload)).collect::<Vec<_>>(), (0..2_000).collect::<Vec<_>>());
    assert_eq!(two, one[1_000..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_given_up_halfway_loses_nothing() {
    let Some(brokers) = stack::kafka("a_reader_that_is_given_up_halfway_loses_nothing") else { return };
    let log = open(&config(&brokers, 1)).await;
    fill(&log, 3_000).await;
    let mut next = 0;
    let mut given_up = 0;
    while next < 3_000 {
        // Shorter and longer than a fetch takes.
        let patience = Duration::from_micros(50 << (given_up % 12));
        let fetch = log.fetch(RAW, 0, next, 20_000, Duration::from_secs(5));
        if let Ok(fetched) = tokio::time::timeout(patience, fetch).await {
            for record in fetched.expect("fetch").records {
                assert_eq!(number(&record.payload), next);
                next += 1;
            }
        }
        given_up += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_gone_are_told_with_what_is_left() {
    let Some(brokers) = stack::kafka("records_that_are_gone_are_told_with_what_is_left") else { return };
    let config = config(&brokers, 1);
    let log = open(&config).await;
    for n in 0..10 {
        append(&log, 0, &n.to_string()).await.expect("appended");
    }
    truncate_start(&config, RAW, 0, 6).await;
    // With time to wait the broker itself says so, not only the bounds.
    for from in [0, 5, 11, 4_000] {
        match log.fetch(RAW, 0, from, 1 << 20, Duration::from_secs(20)).await {
            Err(LogError::OutOfRange { from: told, bounds }) => {
                assert_eq!((told, bounds), (from, Bounds { start: 6, end: 10 }));
            }
            other => panic!("{from}: {other:?}"),
        }
    }
    let fetched = log.fetch(RAW, 0, 6, 1 << 20, Duration::from_secs(20)).await.expect("fetch");
    assert_eq!((fetched.records.len(), fetched.bounds), (4, Bounds { start: 6, end: 10 }));
    // All gone: the next offset is where the log goes on.
    truncate_start(&config, RAW, 0, 10).await;
    let fetched = log.fetch(RAW, 0, 10, 1 << 20, Duration::from_millis(500)).await.expect("fetch");
    assert_eq!(fetched.bounds, Bounds { start: 10, end: 10 });
    assert_eq!(append(&log, 0, "next").await.expect("appended"), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_is_the_brokers() {
    let Some(brokers) = stack::kafka("the_clock_is_the_brokers") else { return };
    let hour_ms = 3_600_000;
    // This machine's clock, told an hour early, next to a broker that has it
    // right.
    let wall = tidegate_eventlog::wall_clock();
    let slow = std::sync::Arc::new(move || wall() - hour_ms);
    let log = KafkaLog::open_with_clock(config(&brokers, 1), None, Metrics::default(), slow).await;
    let log = log.expect("the log opens");
    let off_ms = |log: &KafkaLog| (log.now_ms() - tidegate_eventlog::wall_clock()()).abs();
    assert!(off_ms(&log) > hour_ms - 60_000, "nothing is known yet");
    append(&log, 0, "x").await.expect("appended");
    let off = off_ms(&log);
    assert!(off < 30_000, "{off} ms off");
}
