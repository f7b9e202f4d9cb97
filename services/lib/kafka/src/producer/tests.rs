use super::*;

fn at(offset: u64) -> Appended {
    Appended { offset, append_time_ms: 7 }
}

#[test]
fn a_call_is_answered_by_its_last_report_in_the_order_of_its_records() {
    let (call, mut answered) = Call::new(3);
    call.report(2, Ok(at(20)));
    call.report(0, Ok(at(0)));
    assert!(answered.try_recv().is_err(), "one is still open");
    call.report(1, Ok(at(10)));
    assert_eq!(answered.try_recv().expect("answered").expect("appended"), [at(0), at(10), at(20)]);
}

#[test]
fn a_call_fails_with_its_first_error() {
    let (call, mut answered) = Call::new(3);
    call.report(0, Ok(at(0)));
    call.report(1, Err(LogError::Unavailable("first".to_owned())));
    call.report(2, Err(LogError::Overloaded));
    match answered.try_recv().expect("answered") {
        Err(LogError::Unavailable(why)) => assert_eq!(why, "first"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_needs_to_wait() {
    let (call, answered) = Call::new(1);
    drop(answered);
    call.report(0, Ok(at(0)));
}

#[test]
fn what_the_brokers_refuse_gets_its_own_error() {
    let deliveries = Deliveries {
        topic: Topic::MetricsRaw,
        clock: Arc::new(BrokerClock::new(tidegate_eventlog::wall_clock())),
        metrics: Metrics::default(),
        max_record_bytes: 1_000,
        is_broken: AtomicBool::new(false),
    };
    let failed = |code| deliveries.failed(&KafkaError::MessageProduction(code), 900);
    assert!(matches!(failed(Code::QueueFull), LogError::Overloaded));
    let too_large = failed(Code::MessageSizeTooLarge);
    assert!(matches!(too_large, LogError::TooLarge { size_bytes: 900, limit_bytes: 899 }), "{too_large:?}");
    for code in [Code::MessageTimedOut, Code::NotEnoughReplicas, Code::UnknownTopicOrPartition] {
        assert!(matches!(failed(code), LogError::Unavailable(_)), "{code:?}");
    }
    assert!(!deliveries.is_broken.load(Ordering::Acquire));
    assert!(matches!(failed(Code::Fatal), LogError::Unavailable(_)));
    assert!(deliveries.is_broken.load(Ordering::Acquire), "the next append makes a new producer");
    assert_eq!(deliveries.metrics.delivery_failures.get(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_has_given_up_is_replaced() {
    let brokers = std::env::var("TIDEGATE_TEST_KAFKA").unwrap_or_default();
    if brokers.is_empty() {
        tidegate_testkit::skipped::skip("a_producer_that_has_given_up_is_replaced", "make stack");
        return;
    }
    let config = Config {
        brokers: brokers.split(',').map(str::to_owned).collect(),
        prefix: format!("test-replaced-{}-", std::process::id()),
        partitions: 4,
        producers: 2,
        replication: 1,
        min_insync_replicas: 1,
        ..Config::default()
    };
    let metrics = Metrics::default();
    let log = crate::KafkaLog::open(config, None, metrics.clone()).await.expect("the log opens");
    let producer = log.producers.get(Topic::MetricsRaw);
    let append = async |partition| {
        let appended = producer.append(vec![(partition, Bytes::from_static(b"a record"))]).await;
        appended.expect("appended")[0].offset
    };
    let of = |partition| producer.lane(partition).read().as_ref().map(Arc::as_ptr);
    assert_eq!([of(0), of(1)], [None, None], "nothing was appended yet");
    assert_eq!([append(0).await, append(1).await], [0, 0]);
    let before = [of(0), of(1)];
    assert_eq!([of(2), of(3)], before, "partitions take them by turns");
    assert!(before[0].is_some() && before[0] != before[1], "{before:?}");
    let first = producer.lane(0).read().clone().expect("made by the first record");
    inner_context(&first).is_broken.store(true, Ordering::Release);
    drop(first);
    assert_eq!([append(0).await, append(1).await, append(2).await], [1, 1, 0]);
    assert_eq!([append(0).await, append(1).await, append(2).await], [2, 2, 1]);
    assert_eq!(metrics.producers_replaced.get(), 1, "once");
    assert!(of(0) != before[0] && of(1) == before[1], "the other one works on");
}
