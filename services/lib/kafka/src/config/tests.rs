use super::*;

fn named() -> Config {
    Config { brokers: vec!["127.0.0.1:9092".to_owned()], ..Config::default() }
}

fn refused(change: impl FnOnce(&mut Config)) -> &'static str {
    let mut config = named();
    change(&mut config);
    match config.check() {
        Err(OpenError::Config { key, .. }) => key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_defaults_with_a_broker_pass() {
    named().check().expect("the defaults");
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    assert_eq!(refused(|config| config.brokers.clear()), "brokers");
    assert_eq!(refused(|config| config.brokers.push(String::new())), "brokers");
    assert_eq!(refused(|config| config.prefix = "a/b".to_owned()), "prefix");
    assert_eq!(refused(|config| config.min_insync_replicas = 4), "min_insync_replicas");
    assert_eq!(refused(|config| config.partitions = 0), "partitions");
    assert_eq!(refused(|config| config.queue_records = 0), "queue_records");
    assert_eq!(refused(|config| config.delivery_timeout_ms = 0), "delivery_timeout_ms");
    assert_eq!(refused(|config| config.max_record_bytes = 10), "max_record_bytes");
    assert_eq!(refused(|config| config.queue_bytes = 1 << 20), "queue_bytes");
}

#[test]
fn an_acknowledgement_means_all_copies_in_order() {
    let producer = Config::default().producer();
    assert_eq!(producer.get("acks"), Some("all"));
    assert_eq!(producer.get("enable.idempotence"), Some("true"));
}

#[test]
fn offsets_are_never_chosen_by_the_library() {
    for consumer in [Config::default().reader(), Config::default().member("rollup")] {
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
    }
}

#[test]
fn the_library_takes_every_configuration() {
    let config = Config::default();
    for client in [config.admin(), config.producer(), config.reader(), config.member("rollup")] {
        client.create_native_config().expect("known names and values in range");
    }
}

#[test]
fn a_response_with_the_largest_batch_is_taken() {
    let number = |client: &ClientConfig, key| client.get(key).and_then(|value| value.parse::<usize>().ok());
    for max_record_bytes in [1_000, 8 << 20, 512 << 20] {
        let config = Config { max_record_bytes, queue_bytes: 1 << 30, ..named() };
        config.check().expect("in range");
        let reader = config.reader();
        let (fetch, receive) = (number(&reader, "fetch.max.bytes"), number(&reader, "receive.message.max.bytes"));
        assert!(receive >= fetch.map(|bytes| bytes + 512), "{receive:?} {fetch:?}");
        assert!(receive > Some(config.max_batch_bytes()));
        reader.create_native_config().expect("in range");
        config.producer().create_native_config().expect("in range");
    }
}
