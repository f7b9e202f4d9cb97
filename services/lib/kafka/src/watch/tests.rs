use std::collections::HashMap;

use crate::native::PartitionDescription;

use super::*;

const RAW: Topic = Topic::MetricsRaw;
const GOOD: PartitionDescription = PartitionDescription { has_leader: true, replicas: 3, in_sync: 3 };

fn name(topic: Topic) -> String {
    format!("p-{}", topic.name())
}

/// Two partitions a topic, two copies in sync wanted.
fn state() -> State {
    let opened = |topic: Topic| Ok::<_, ()>(Opened { name: name(topic), id: 7, partitions: 2 });
    State::new(PerTopic::try_new(opened).expect("no error"), 2, Metrics::default())
}

fn raw_is(description: Result<Description, Code>) -> Descriptions {
    let good = Description { id: 7, partitions: vec![GOOD; 2] };
    HashMap::from([(name(RAW), description), (name(Topic::MetricsRollup), Ok(good))])
}

fn partitions(partitions: Vec<PartitionDescription>) -> Descriptions {
    raw_is(Ok(Description { id: 7, partitions }))
}

#[test]
fn topics_that_are_as_they_were_take_records() {
    let state = state();
    state.compare(&partitions(vec![GOOD; 2]));
    state.check(RAW).expect("as it was");
    state.takes_records(RAW, 1).expect("a leader");
    let unknown = state.takes_records(RAW, 2);
    assert!(matches!(unknown, Err(LogError::UnknownPartition { partition: 2, .. })), "{unknown:?}");
}

#[test]
fn a_partition_without_leader_or_copies_takes_none() {
    let state = state();
    let leaderless = PartitionDescription { has_leader: false, ..GOOD };
    let lonely = PartitionDescription { in_sync: 1, ..GOOD };
    state.compare(&partitions(vec![leaderless, lonely]));
    for (partition, why) in [(0, "metrics-raw 0 has no leader"), (1, "metrics-raw 1 has too few copies in sync")] {
        match state.takes_records(RAW, partition) {
            Err(LogError::Unavailable(told)) => assert_eq!(told, why),
            other => panic!("{other:?}"),
        }
    }
    state.takes_records(Topic::MetricsRollup, 0).expect("of another topic");
    state.check(RAW).expect("reading goes on");
    assert_eq!(state.metrics.unready_partitions.get(), 2);
    state.compare(&partitions(vec![GOOD; 2]));
    state.takes_records(RAW, 0).expect("it has one again");
    assert_eq!(state.metrics.unready_partitions.get(), 0);
}

#[tokio::test]
async fn a_topic_made_anew_is_refused_for_good() {
    let state = state();
    let failed = tokio::time::timeout(Duration::from_millis(1), state.failed()).await;
    assert!(failed.is_err(), "{failed:?}");
    state.compare(&raw_is(Ok(Description { id: 8, partitions: vec![GOOD; 2] })));
    for result in [state.check(RAW), state.takes_records(RAW, 0)] {
        assert!(matches!(result, Err(LogError::Recreated { topic: "metrics-raw" })), "{result:?}");
    }
    state.compare(&partitions(vec![GOOD; 2]));
    assert!(state.check(RAW).is_err());
    assert!(matches!(state.failed().await, LogError::Recreated { .. }), "the process learns of it");
    state.check(Topic::MetricsRollup).expect("the other one is what it was");
}

#[test]
fn a_deleted_topic_takes_no_records_and_may_come_back() {
    let state = state();
    state.compare(&raw_is(Err(Code::UnknownTopicOrPartition)));
    assert!(matches!(state.takes_records(RAW, 0), Err(LogError::Unavailable(_))));
    state.compare(&partitions(vec![GOOD; 2]));
    state.takes_records(RAW, 0).expect("a broker that had just started did not know it yet");
}

#[test]
fn another_number_of_partitions_is_refused() {
    let state = state();
    state.compare(&partitions(vec![GOOD; 3]));
    let refused = state.check(RAW);
    assert!(matches!(refused, Err(LogError::PartitionCount { found: 3, wanted: 2, .. })), "{refused:?}");
}

#[tokio::test]
async fn what_was_not_looked_at_lately_is_not_trusted() {
    let state = state();
    let timeout = Duration::from_millis(10);
    state.trusted(RAW, timeout).await.expect("just opened");
    let Some(long_ago) = Instant::now().checked_sub(TRUSTED_FOR * 2) else { return };
    state.looked.send_replace(long_ago);
    state.away("as tested".to_owned());
    for result in [state.trusted(RAW, timeout).await, state.takes_records(RAW, 0)] {
        match result {
            Err(LogError::Unavailable(why)) => assert!(why.ends_with("as tested"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    state.looked.send_replace(Instant::now());
    state.trusted(RAW, timeout).await.expect("looked at again");
}
