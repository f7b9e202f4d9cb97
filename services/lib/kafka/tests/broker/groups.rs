//! Groups: partitions are shared, handed over, and kept.

use std::time::Duration;

use tidegate_eventlog::EventLog;
use tidegate_kafka::Config;
use tidegate_testkit::stack;
use tokio::sync::watch;

use super::shared::{PATIENCE, RAW, append, config, eventually, open};

const GROUP: &str = "rollup";

fn quick(mut config: Config) -> Config {
    config.session_timeout_ms = 6_000;
    config
}

async fn reaches(assigned: &mut watch::Receiver<Vec<u16>>, is_so: impl FnMut(&Vec<u16>) -> bool) -> Vec<u16> {
    let reached = tokio::time::timeout(PATIENCE, assigned.wait_for(is_so)).await;
    reached.expect("in time").expect("the group goes on").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_the_partitions_and_hand_them_over() {
    let Some(brokers) = stack::kafka("members_share_the_partitions_and_hand_them_over") else { return };
    let config = quick(config(&brokers, 6));
    let first = open(&config).await;
    let mut first_has = first.assignment(RAW, GROUP);
    reaches(&mut first_has, |has| *has == [0, 1, 2, 3, 4, 5]).await;
    let second = open(&config).await;
    let mut second_has = second.assignment(RAW, GROUP);
    let of_second = reaches(&mut second_has, |has| has.len() == 3).await;
    let of_first = reaches(&mut first_has, |has| has.len() == 3).await;
    let mut all = [of_first, of_second].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5], "each partition has one owner");
    // Told at once, without waiting for the session to end.
    second.leave_groups();
    reaches(&mut first_has, |has| has.len() == 6).await;
    assert!(second_has.has_changed().is_err() || second_has.borrow_and_update().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_waits_for_its_store_stays_one() {
    let Some(brokers) = stack::kafka("a_member_that_waits_for_its_store_stays_one") else { return };
    let config = quick(config(&brokers, 2));
    let log = open(&config).await;
    let mut has = log.assignment(RAW, GROUP);
    reaches(&mut has, |has| has.len() == 2).await;
    has.mark_unchanged();
    // Nothing is fetched, nothing committed, for two sessions.
    tokio::time::sleep(Duration::from_millis(config.session_timeout_ms * 2)).await;
    assert!(!has.has_changed().expect("the group goes on"));
    append(&log, 1, "x").await.expect("appended");
    log.commit(RAW, GROUP, 1, 1).await.expect("committed");
    assert_eq!(log.committed(RAW, GROUP, 1).await.expect("read"), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_commits() {
    let Some(brokers) = stack::kafka("only_the_owner_commits") else { return };
    let config = quick(config(&brokers, 2));
    let (first, second) = (open(&config).await, open(&config).await);
    for partition in 0..2 {
        for n in 0..9 {
            append(&first, partition, &n.to_string()).await.expect("appended");
        }
    }
    let mut first_has = first.assignment(RAW, GROUP);
    reaches(&mut first_has, |has| has.len() == 2).await;
    first.commit(RAW, GROUP, 0, 3).await.expect("committed");
    first.commit(RAW, GROUP, 1, 3).await.expect("committed");
    let mut second_has = second.assignment(RAW, GROUP);
    let taken = reaches(&mut second_has, |has| has.len() == 1).await[0];
    reaches(&mut first_has, |has| !has.contains(&taken)).await;
    assert_eq!(second.committed(RAW, GROUP, taken).await.expect("read"), Some(3), "what the former owner left");
    let commit = async || second.commit(RAW, GROUP, taken, 8).await.err();
    eventually("the new owner's commit", commit, Option::is_none).await;
    first.commit(RAW, GROUP, taken, 5).await.expect("a late commit of the former owner is no error");
    assert_eq!(first.committed(RAW, GROUP, taken).await.expect("read"), Some(8), "and changes nothing");
}
