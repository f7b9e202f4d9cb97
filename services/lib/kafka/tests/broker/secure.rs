//! Brokers that want TLS, a certificate or a password, and clients that bring
//! something else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tidegate_eventlog::EventLog;
use tidegate_eventlog::topics::{Outgoing, ReaderOptions, Start, TopicError, Topics, WriterOptions};
use tidegate_kafka::{Config, KafkaLog, KafkaTopics, Metrics, SaslMechanism};
use tidegate_testkit::stack::{self, SecureKafka};

use super::shared::{PATIENCE, RAW, append, open, read_all};
use super::tls_server::{Authority, expired, shows};

/// Nothing that is shown may hold it.
const WRONG: &str = "wrong-password-of-a-test";

fn secured(brokers: &[String], ca: &Path) -> Config {
    let mut config = super::shared::config(brokers, 1);
    (config.tls.enabled, config.tls.ca_path) = (true, Some(ca.to_owned()));
    // An answer that does not come is not waited for long.
    config.request_timeout_ms = 2_000;
    config
}

fn with_certificate(kafka: &SecureKafka) -> Config {
    let mut config = secured(&kafka.tls, &kafka.certificates.join("ca.pem"));
    config.tls.certificate_path = Some(kafka.certificates.join("client.pem"));
    config.tls.key_path = Some(kafka.certificates.join("client.key"));
    config
}

fn with_password(kafka: &SecureKafka, file: &Path, password: &str, mechanism: SaslMechanism) -> Config {
    std::fs::write(file, format!("{password}\n")).expect("written");
    let mut config = secured(&kafka.login, &kafka.certificates.join("ca.pem"));
    (config.user, config.sasl_mechanism) = (kafka.user.clone(), mechanism);
    config.password_file = Some(file.to_owned());
    config
}

/// Every client of the log: admin, producer, reader, member of a group.
async fn is_a_log(config: Config) {
    let config = Config { request_timeout_ms: 30_000, ..config };
    let log = open(&config).await;
    append(&log, 0, "a record").await.expect("appended");
    assert_eq!(read_all(&log, 0, 0, 1 << 20).await.len(), 1);
    let mut has = log.assignment(RAW, "rollup");
    tokio::time::timeout(PATIENCE, has.wait_for(|has| *has == [0])).await.expect("in time").expect("goes on");
    log.commit(RAW, "rollup", 0, 1).await.expect("committed");
    assert_eq!(log.committed(RAW, "rollup", 0).await.expect("an answer"), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_show_what_is_asked_for_are_let_in() {
    let Some(kafka) = stack::secure_kafka("those_who_show_what_is_asked_for_are_let_in") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let login = |mechanism| {
        let file = folder.path().join(format!("{mechanism}"));
        with_password(&kafka, &file, &kafka.password, mechanism)
    };
    tokio::join!(
        is_a_log(with_certificate(&kafka)),
        is_a_log(login(SaslMechanism::Plain)),
        is_a_log(login(SaslMechanism::ScramSha256)),
        is_a_log(login(SaslMechanism::ScramSha512)),
    );
}

async fn refusal(config: Config) -> String {
    let Err(error) = KafkaLog::open(config, None, Metrics::default()).await else { return "none".to_owned() };
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(WRONG), "{shown}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_other_client_is_told_the_setting_that_is_wrong() {
    let Some(kafka) = stack::secure_kafka("each_other_client_is_told_the_setting_that_is_wrong") else { return };
    let Some(plain) = stack::kafka("each_other_client_is_told_the_setting_that_is_wrong") else { return };
    let others = Authority::new();
    let (theirs, their_key) = others.issue("client", |_| {});
    let (outdated, outdated_key) = others.issue("expired", expired);
    let folder = tempfile::tempdir().expect("a folder");
    let garbage = folder.path().join("garbage.pem");
    std::fs::write(&garbage, "not a certificate").expect("written");
    let good = || with_certificate(&kafka);
    let tls = |change: &dyn Fn(&mut Config)| {
        let mut config = good();
        change(&mut config);
        config
    };
    let login =
        |name: &str, password: &str, mechanism| with_password(&kafka, &folder.path().join(name), password, mechanism);
    let port = kafka.tls[0].rsplit(':').next().expect("a port");
    let pair = |certificate: PathBuf, key: PathBuf| (Some(certificate), Some(key));

    let wrong_password = [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512];
    let mut cases: Vec<(&str, Config, &str, &str)> = wrong_password
        .into_iter()
        .map(|mechanism| {
            ("a wrong password", login(&mechanism.to_string(), WRONG, mechanism), ".user: ", "uthentication")
        })
        .collect();
    cases.extend([
        ("another authority", tls(&|c| c.tls.ca_path = Some(others.ca())), ".tls: ", "verify failed"),
        ("the system's authorities", tls(&|c| c.tls.ca_path = None), ".tls: ", "verify failed"),
        ("another name", tls(&|c| c.brokers = vec![format!("localhost:{port}")]), ".tls: ", "verify failed"),
        (
            "an expired certificate",
            secured(&[shows(&outdated, &outdated_key).await], &others.ca()),
            ".tls: ",
            "verify failed",
        ),
        (
            "no certificate",
            tls(&|c| (c.tls.certificate_path, c.tls.key_path) = (None, None)),
            ".tls.certificate_path: ",
            "alert",
        ),
        (
            "a certificate of another authority",
            tls(&|c| (c.tls.certificate_path, c.tls.key_path) = pair(theirs.clone(), their_key.clone())),
            ".tls.certificate_path: ",
            "",
        ),
        (
            "a key of another certificate",
            tls(&|c| c.tls.key_path = Some(their_key.clone())),
            ": no client can be made: ",
            "tls.key_path",
        ),
        (
            "no certificates",
            tls(&|c| c.tls.ca_path = Some(garbage.clone())),
            ": no client can be made: ",
            "tls.ca_path",
        ),
        ("no TLS", Config { tls: Default::default(), ..good() }, ".tls.enabled: ", "want TLS"),
        ("TLS where there is none", Config { brokers: plain.clone(), ..good() }, ".tls.enabled: ", "speak TLS"),
        ("no password", secured(&kafka.login, &kafka.certificates.join("ca.pem")), ".user: ", "want user"),
        ("an empty file", login("empty", "", SaslMechanism::Plain), ".password_file: ", "empty"),
    ]);
    let told = futures::future::join_all(
        cases
            .into_iter()
            .map(|(case, config, setting, why)| async move { (case, refusal(config).await, setting, why) }),
    );
    let wrong = told.await.into_iter().filter(|(_, error, setting, why)| {
        !error.starts_with(&format!("eventlog.kafka{setting}")) || !error.contains(why)
    });
    let wrong: Vec<_> = wrong.map(|(case, error, ..)| format!("{case}: {error}")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// As the Java clients have them.
fn properties(kafka: &SecureKafka, password: &str) -> BTreeMap<String, String> {
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{password}\";",
        kafka.user
    );
    let ca = kafka.certificates.join("ca.pem").display().to_string();
    let pairs = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", &jaas),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &ca),
        ("delivery.timeout.ms", "3000"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_others_are_read_and_written_with_the_properties_of_java() {
    let Some(kafka) = stack::secure_kafka("topics_of_others_are_read_and_written") else { return };
    let Some(plain) = stack::kafka("topics_of_others_are_read_and_written") else { return };
    let topic = super::others::Kafka { brokers: plain }.topic().await;
    let servers = kafka.login.clone();
    let writer = async |password| {
        let properties = properties(&kafka, password);
        KafkaTopics.writer(WriterOptions { servers: servers.clone(), properties }).await.expect("a writer")
    };
    let reader = async |password| {
        let options = ReaderOptions {
            servers: servers.clone(),
            group: stack::unique_name('-'),
            topics: vec![topic.clone()],
            start: Start::Earliest,
            max_records: 10,
            properties: properties(&kafka, password),
        };
        KafkaTopics.reader(options).await.expect("a reader")
    };
    let record = || vec![Outgoing { key: None, value: Bytes::from_static(b"a record") }];
    let read = async |password| {
        let mut reader = reader(password).await;
        let began = std::time::Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "nothing was read");
            match reader.poll(Duration::from_millis(200)).await {
                Ok(messages) if messages.is_empty() => {}
                // The first errors may come before the reason does.
                Err(TopicError::Unavailable(why)) if !why.contains("uthentication") => {}
                result => return result,
            }
        }
    };

    let good = writer(&kafka.password).await;
    super::shared::eventually("a write", async || good.write(&topic, record()).await.ok(), Option::is_some).await;
    assert_eq!(read(&kafka.password).await.expect("read").len(), 1);

    let written = writer(WRONG).await.write(&topic, record()).await.expect_err("not let in").to_string();
    let read = read(WRONG).await.expect_err("not let in").to_string();
    for error in [written, read] {
        assert!(error.contains("uthentication failed") && !error.contains(WRONG), "{error}");
    }
}
