use tidegate_eventlog::ManualClock;

use super::*;

const RAW: Topic = Topic::MetricsRaw;

fn clock_at(now_ms: i64) -> (ManualClock, BrokerClock) {
    let local = ManualClock::new(now_ms);
    let clock = BrokerClock::new(local.as_fn());
    (local, clock)
}

/// An append that took `took_ms`, stamped half-way by a broker that is
/// `ahead_ms` ahead.
fn append(local: &ManualClock, clock: &BrokerClock, partition: u16, took_ms: i64, ahead_ms: i64) {
    let sent_ms = local.now_ms();
    local.advance(took_ms);
    clock.appended(RAW, partition, sent_ms, sent_ms + took_ms / 2 + ahead_ms);
}

#[test]
fn is_our_own_until_something_is_known() {
    let (local, clock) = clock_at(5_000);
    assert_eq!(clock.now_ms(), 5_000);
    local.advance(7);
    assert_eq!(clock.now_ms(), 5_007);
}

#[test]
fn clocks_that_agree_within_the_latency_are_equal() {
    let (local, clock) = clock_at(1_000_000);
    append(&local, &clock, 0, 8, 3);
    assert_eq!(clock.now_ms(), local.now_ms());
    append(&local, &clock, 0, 8, -3);
    assert_eq!(clock.now_ms(), local.now_ms());
}

#[test]
fn follows_a_broker_ahead_and_narrows_it_down() {
    let (local, clock) = clock_at(1_000_000);
    append(&local, &clock, 0, 400, 3_600_000);
    let off = (clock.now_ms() - local.now_ms() - 3_600_000).abs();
    assert!(off <= 201, "{off} ms off");
    append(&local, &clock, 0, 2, 3_600_000);
    let off = (clock.now_ms() - local.now_ms() - 3_600_000).abs();
    assert!(off <= 2, "{off} ms off");
}

#[test]
fn follows_a_broker_whose_clock_is_set() {
    let (local, clock) = clock_at(1_000_000_000);
    append(&local, &clock, 0, 4, 3_600_000);
    append(&local, &clock, 0, 4, 0);
    assert_eq!(clock.now_ms(), local.now_ms());
    append(&local, &clock, 0, 4, -1_800_000);
    let off = (clock.now_ms() - local.now_ms() + 1_800_000).abs();
    assert!(off <= 3, "{off} ms off");
}

#[test]
fn one_broker_of_three_does_not_lead() {
    let (local, clock) = clock_at(1_000_000_000);
    for partition in 0..12 {
        let ahead_ms = if partition % 3 == 1 { -1_800_000 } else { 0 };
        append(&local, &clock, partition, 4, ahead_ms);
    }
    assert_eq!(clock.now_ms(), local.now_ms());
}

#[test]
fn reading_tells_of_brokers_ahead_and_no_more() {
    let (local, clock) = clock_at(1_000_000_000);
    clock.read(RAW, 0, local.now_ms() - 86_400_000);
    assert_eq!(clock.now_ms(), local.now_ms(), "an old record tells nothing");
    clock.read(RAW, 0, local.now_ms() + 60_000);
    assert_eq!(clock.now_ms(), local.now_ms() + 59_999);
    local.advance(WINDOW_MS + 1);
    clock.read(RAW, 0, local.now_ms() - 5);
    assert_eq!(clock.now_ms(), local.now_ms(), "the broker's clock was put right");
}

#[test]
fn partitions_that_fell_silent_are_forgotten() {
    let (local, clock) = clock_at(1_000_000_000);
    append(&local, &clock, 0, 4, 500_000);
    append(&local, &clock, 1, 4, 500_000);
    local.advance(FORGET_MS + 1);
    append(&local, &clock, 2, 4, 0);
    assert_eq!(clock.now_ms(), local.now_ms());
}
