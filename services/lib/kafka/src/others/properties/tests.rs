use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use tidegate_eventlog::topics::TopicError;

use super::{RENAMED, apply};

fn applied(properties: &[(&str, &str)]) -> Result<ClientConfig, TopicError> {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut client = ClientConfig::new();
    client.set("client.id", "tidegate");
    apply(&mut client, &properties.collect::<BTreeMap<_, _>>())?;
    Ok(client)
}

#[test]
fn names_of_the_java_clients_are_translated() {
    let client = applied(&[("fetch.max.wait.ms", "250"), ("session.timeout.ms", "9000"), ("client.id", "x")]);
    let client = client.expect("all known");
    assert_eq!(client.get("fetch.wait.max.ms"), Some("250"));
    assert_eq!(client.get("session.timeout.ms"), Some("9000"));
    assert_eq!(client.get("client.id"), Some("x"), "a property overrides what was set");
}

#[test]
fn every_translation_is_a_name_of_the_library() {
    for (java, ours) in RENAMED {
        let client = applied(&[(java, "2000")]).expect(java);
        assert_eq!(client.get(ours), Some("2000"), "{java}");
    }
}

#[test]
fn what_only_java_knows_is_passed_over() {
    let client = applied(&[
        ("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"),
        ("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor"),
        ("auto.offset.reset", "none"),
        ("no.such.thing", "1"),
    ]);
    let client = client.expect("nothing is refused");
    assert_eq!(client.config_map().len(), 1, "{:?}", client.config_map());
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (name, value) in [("session.timeout.ms", "soon"), ("isolation.level", "none"), ("security.protocol", "LS")] {
        match applied(&[(name, value)]) {
            Err(TopicError::Refused(why)) => assert!(why.starts_with(&format!("{name}: ")), "{why}"),
            other => panic!("{name}={value}: {other:?}"),
        }
    }
}
