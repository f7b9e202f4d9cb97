use prometheus_client::registry::Registry;
use tidegate_codec::stored::{PartWriter, Record};
use tidegate_eventlog::memory::MemoryLog;
use tidegate_eventlog::{ManualClock, Topic};
use tidegate_model::{BatchId, MetricId, TenantId};

use super::*;

struct Fixture {
    log: Arc<MemoryLog>,
    producer: Producer,
    metrics: Metrics,
    cancel: CancellationToken,
    flusher: tokio::task::JoinHandle<()>,
}

fn fixture(config: Config) -> Fixture {
    let log = Arc::new(MemoryLog::new(2));
    let metrics = Metrics::register(&mut Registry::default());
    let clock = ManualClock::new(0).as_fn();
    let (producer, flusher) = Producer::new(&config, log.clone(), clock, metrics.clone());
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let flusher = tokio::spawn(async move { flusher.run(stop).await.unwrap() });
    Fixture { log, producer, metrics, cancel, flusher }
}

/// A record of one part that is about `size` bytes long.
fn part(batch: u128, size: usize) -> Bytes {
    let mut writer = PartWriter::new();
    writer.begin(&TenantId::default(), BatchId::Content(batch));
    writer.series(MetricId(batch), &[]);
    (0..size / 9).for_each(|_| writer.float(0, 1.0));
    writer.finish_record()
}

async fn records(log: &MemoryLog, partition: u16) -> Vec<Vec<BatchId>> {
    let fetched = log.fetch(Topic::MetricsRaw, partition, 0, usize::MAX, Duration::ZERO).await.unwrap();
    let batches = |record: &tidegate_eventlog::Record| {
        Record::parse(&record.payload).unwrap().parts().map(|part| part.unwrap().batch).collect()
    };
    fetched.records.iter().map(batches).collect()
}

#[tokio::test]
async fn requests_at_the_same_time_share_a_record() {
    let f = fixture(Config { linger_ms: 20, ..Config::default() });
    let submits = (0..10u16).map(|n| f.producer.submit(vec![(n % 2, part(n.into(), 50))]));
    for result in futures::future::join_all(submits).await {
        result.unwrap();
    }
    assert_eq!(records(&f.log, 0).await, [[0, 2, 4, 6, 8].map(BatchId::Content)]);
    assert_eq!(records(&f.log, 1).await.len(), 1);
    assert_eq!(f.metrics.in_flight_bytes.get(), 0);
}

#[tokio::test]
async fn records_are_split_at_the_target_and_a_part_never_is() {
    let f = fixture(Config { linger_ms: 20, record_target_bytes: 2_048, ..Config::default() });
    let sizes = [900, 900, 900, 5_000, 100];
    let submits = sizes.iter().enumerate().map(|(n, size)| f.producer.submit(vec![(0, part(n as u128, *size))]));
    for result in futures::future::join_all(submits).await {
        result.unwrap();
    }
    let shape: Vec<usize> = records(&f.log, 0).await.iter().map(Vec::len).collect();
    assert_eq!(shape, [2, 1, 1, 1]);
}

#[tokio::test]
async fn a_part_beyond_the_record_limit_is_refused() {
    let f = fixture(Config { max_record_bytes: 1_000, ..Config::default() });
    let result = f.producer.submit(vec![(0, part(1, 2_000))]).await;
    assert!(matches!(result, Err(Error::PartTooLarge { limit_bytes: 1_000, .. })), "{result:?}");
    assert!(f.producer.submit(vec![]).await.is_ok());
}

#[tokio::test]
async fn too_many_bytes_on_their_way_are_overload() {
    let f = fixture(Config { linger_ms: 100, max_in_flight_bytes: 1_500, ..Config::default() });
    let first = f.producer.enqueue(vec![(0, part(1, 1_000))]).unwrap();
    let second = f.producer.submit(vec![(0, part(2, 1_000))]).await;
    assert!(matches!(second, Err(Error::Unavailable(_))), "{second:?}");
    first.await.unwrap().unwrap();
    assert!(f.producer.submit(vec![(0, part(2, 1_000))]).await.is_ok(), "room is given back");
}

#[tokio::test]
async fn a_batch_that_needs_a_partition_without_leader_is_refused_before_any_of_it_is_stored() {
    let f = fixture(Config::default());
    f.log.lose_leader(Topic::MetricsRaw, 1);
    let refused = f.producer.submit(vec![(0, part(1, 100)), (1, part(1, 100))]).await;
    match refused {
        Err(Error::Unavailable(why)) => assert!(why.contains("metrics-raw 1 has no leader"), "{why}"),
        other => panic!("{other:?}"),
    }
    f.producer.submit(vec![(0, part(2, 100))]).await.unwrap();
    assert_eq!(records(&f.log, 0).await, [[BatchId::Content(2)]]);
    assert_eq!(f.metrics.in_flight_bytes.get(), 0);
}

#[tokio::test]
async fn what_waits_when_the_gateway_stops_is_still_stored() {
    let f = fixture(Config { linger_ms: 1_000, ..Config::default() });
    let waiting = f.producer.enqueue(vec![(0, part(1, 100))]).unwrap();
    f.cancel.cancel();
    f.flusher.await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(records(&f.log, 0).await.len(), 1);
    assert!(matches!(f.producer.submit(vec![(0, part(2, 100))]).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_failing_log_fails_all_that_wait_and_gives_room_back() {
    let f = fixture(Config { linger_ms: 5, ..Config::default() });
    f.log.fail_with(Some(LogError::Unavailable("no leader".into())));
    let submits = (0..3).map(|n| f.producer.submit(vec![(0, part(n, 100))]));
    for result in futures::future::join_all(submits).await {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    assert_eq!(f.metrics.in_flight_bytes.get(), 0);
}

#[tokio::test]
async fn a_part_too_large_for_the_log_fails_its_own_request_only() {
    const LOG_LIMIT: usize = tidegate_eventlog::memory::MAX_RECORD_BYTES;
    let config = Config { record_target_bytes: 64 << 20, max_record_bytes: 64 << 20, ..Config::default() };
    let f = fixture(Config { max_in_flight_bytes: 256 << 20, ..config });
    let half = LOG_LIMIT / 3 * 2;
    let sizes = [half, LOG_LIMIT + 1_000, half, 100];
    let submits = sizes.iter().enumerate().map(|(n, size)| f.producer.submit(vec![(0, part(n as u128, *size))]));
    let results = futures::future::join_all(submits).await;
    assert!(matches!(results[1], Err(Error::PartTooLarge { limit_bytes: LOG_LIMIT, .. })), "{:?}", results[1]);
    for n in [0, 2, 3] {
        assert!(results[n].is_ok(), "{n}: {:?}", results[n]);
    }
    assert_eq!(records(&f.log, 0).await, [vec![BatchId::Content(0)], vec![BatchId::Content(2), BatchId::Content(3)]]);
    assert_eq!(f.metrics.in_flight_bytes.get(), 0);
    // The next one is refused at the door.
    let records_before = f.metrics.records.get();
    let again = f.producer.submit(vec![(0, part(9, LOG_LIMIT + 1_000))]).await;
    assert!(matches!(again, Err(Error::PartTooLarge { .. })), "{again:?}");
    assert_eq!(f.metrics.records.get(), records_before);
}

#[tokio::test]
async fn nothing_lingers_while_no_append_is_open() {
    let f = fixture(Config { linger_ms: 60_000, ..Config::default() });
    let started = Instant::now();
    f.producer.submit(vec![(0, part(1, 100))]).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_comes_soon_after_an_append_gathers() {
    let f = fixture(Config { linger_ms: 2_000, ..Config::default() });
    let started = Instant::now();
    f.producer.submit(vec![(0, part(0, 100))]).await.unwrap();
    let soon = (1..5u128).map(|n| f.producer.submit(vec![(0, part(n, 100))]));
    for result in futures::future::join_all(soon).await {
        result.unwrap();
    }
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(f.metrics.record_parts.get(), 5);
    assert_eq!(f.metrics.records.get(), 2);
}

#[tokio::test]
async fn a_full_record_does_not_linger() {
    let f = fixture(Config { linger_ms: 60_000, record_target_bytes: 1_024, ..Config::default() });
    let started = Instant::now();
    for n in 0..10u128 {
        f.producer.submit(vec![(0, part(n, 2_000))]).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
