use super::*;

fn right(config: &Config, topic: Topic) -> Vec<(&'static str, String)> {
    settings(config, topic).into_iter().map(|setting| (setting.name, setting.value)).collect()
}

fn check(config: &Config, found: &[(&'static str, String)]) -> Result<(), OpenError> {
    let found = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
    compare("metrics-raw", &settings(config, Topic::MetricsRaw), &found)
}

#[test]
fn a_topic_as_it_is_made_passes() {
    let config = Config::default();
    check(&config, &right(&config, Topic::MetricsRaw)).expect("as made");
}

#[test]
fn each_setting_that_matters_is_refused_with_both_values() {
    let config = Config::default();
    let mut refused = Vec::new();
    for at in 0..right(&config, Topic::MetricsRaw).len() {
        let mut found = right(&config, Topic::MetricsRaw);
        found[at].1 = "1".to_owned();
        match check(&config, &found) {
            Err(OpenError::Setting { topic, setting, found, wanted }) => {
                assert_eq!((topic.as_str(), found.as_str()), ("metrics-raw", "1"));
                assert!(!wanted.is_empty() && wanted != "1", "{setting}: {wanted}");
                refused.push(setting);
            }
            Ok(()) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let mattering = [
        "message.timestamp.type",
        "cleanup.policy",
        "retention.ms",
        "min.insync.replicas",
        "unclean.leader.election.enable",
        "compression.type",
        "max.message.bytes",
    ];
    assert_eq!(refused, mattering);
}

#[test]
fn a_topic_may_take_larger_records_than_needed() {
    let config = Config::default();
    let mut found = right(&config, Topic::MetricsRaw);
    found.retain(|(name, _)| *name != "max.message.bytes");
    assert!(check(&config, &found).is_err(), "a setting that is not told is wrong");
    found.push(("max.message.bytes", (64 << 20).to_string()));
    check(&config, &found).expect("larger");
}

#[test]
fn segments_are_a_part_of_the_retention() {
    let config = Config { raw_retention_ms: 10 * 60_000, ..Config::default() };
    let segment_ms: u64 = right(&config, Topic::MetricsRaw)
        .iter()
        .find(|(name, _)| *name == "segment.ms")
        .and_then(|(_, value)| value.parse().ok())
        .expect("a number");
    assert!(segment_ms * 2 <= config.raw_retention_ms, "{segment_ms}");
}

#[test]
fn a_broker_that_does_not_know_the_topic_yet_is_asked_again() {
    use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};
    let resource = |entries| ConfigResource { specifier: OwnedResourceSpecifier::Topic("t".to_owned()), entries };
    let entry = ConfigEntry {
        name: "retention.ms".to_owned(),
        value: Some("1".to_owned()),
        source: ConfigSource::DynamicTopic,
        is_read_only: false,
        is_default: false,
        is_sensitive: false,
    };
    assert!(described(Ok(vec![Ok(resource(vec![entry]))])).is_ok());
    for answer in [vec![Ok(resource(Vec::new()))], vec![Err(Code::UnknownTopicOrPartition)], Vec::new()] {
        assert!(described(Ok(answer)).is_err());
    }
}
