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
    assert_eq!(refused(|config| config.producers = 0), "producers");
    assert_eq!(refused(|config| config.queue_records = 0), "queue_records");
    assert_eq!(refused(|config| config.delivery_timeout_ms = 0), "delivery_timeout_ms");
    assert_eq!(refused(|config| config.max_record_bytes = 10), "max_record_bytes");
    assert_eq!(refused(|config| config.queue_bytes = 1 << 20), "queue_bytes");
    assert_eq!(refused(|config| config.producers = 9), "queue_bytes");
    assert_eq!(refused(|config| config.user = "tidegate".to_owned()), "user");
    assert_eq!(refused(|config| config.password_env = "KAFKA_PASSWORD".to_owned()), "user");
    assert_eq!(refused(|config| config.tls.ca_path = Some("/ca.pem".into())), "tls.ca_path");
}

fn protocol(config: &Config) -> Option<String> {
    config.producer().get("security.protocol").map(str::to_owned)
}

#[test]
fn nothing_is_in_clear_that_was_meant_to_be_secure() {
    let mut config = named();
    assert_eq!(protocol(&config).as_deref(), Some("plaintext"));
    config.tls.enabled = true;
    assert_eq!(protocol(&config).as_deref(), Some("ssl"));
    (config.user, config.password) = ("tidegate".to_owned(), Secret::new("hunter2"));
    config.check().expect("user and password");
    for client in [config.admin(), config.producer(), config.reader(), config.member("rollup")] {
        assert_eq!(client.get("security.protocol"), Some("sasl_ssl"));
        assert_eq!(client.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert_eq!(client.get("ssl.endpoint.identification.algorithm"), Some("https"));
        client.create_native_config().expect("built with OpenSSL");
    }
    config.tls.enabled = false;
    assert_eq!(protocol(&config).as_deref(), Some("sasl_plaintext"));
}

#[test]
fn the_password_is_never_shown() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hunter2\n").expect("written");
    let config = Config { user: "tidegate".to_owned(), password_file: Some(file.path().to_owned()), ..named() };
    config.check().expect("user and password");
    let config = config.with_password().expect("it is read");
    assert_eq!(config.password.reveal(), "hunter2");
    let shown = format!("{config:?} {:?}", config.producer());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_acknowledgement_means_all_copies_in_order() {
    let producer = Config::default().producer();
    assert_eq!(producer.get("acks"), Some("all"));
    assert_eq!(producer.get("enable.idempotence"), Some("true"));
}

#[test]
fn producers_share_the_queue() {
    let of = |producers| Config { producers, ..Config::default() }.producer();
    assert_eq!(of(1).get("queue.buffering.max.messages"), Some("100000"));
    assert_eq!(of(1).get("queue.buffering.max.kbytes"), Some("65536"));
    assert_eq!(of(4).get("queue.buffering.max.messages"), Some("25000"));
    assert_eq!(of(4).get("queue.buffering.max.kbytes"), Some("16384"));
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
        let config = Config { max_record_bytes, queue_bytes: 3 << 29, ..named() };
        config.check().expect("in range");
        let reader = config.reader();
        let (fetch, receive) = (number(&reader, "fetch.max.bytes"), number(&reader, "receive.message.max.bytes"));
        assert!(receive >= fetch.map(|bytes| bytes + 512), "{receive:?} {fetch:?}");
        assert!(receive > Some(config.max_batch_bytes()));
        reader.create_native_config().expect("in range");
        config.producer().create_native_config().expect("in range");
    }
}
