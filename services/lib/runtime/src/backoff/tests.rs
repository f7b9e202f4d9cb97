use super::*;

/// The middle of the random range: no jitter at all.
const MIDDLE: f64 = 0.5;

#[test]
fn waits_double_then_probes_come_at_a_steady_pace() {
    let mut backoff = Backoff::new(Policy::default());
    let mut now_ms = 7_000;
    let mut waits = Vec::new();
    for _ in 0..8 {
        backoff.failed(now_ms, MIDDLE, None);
        waits.push(backoff.wait_ms(now_ms));
        now_ms += backoff.wait_ms(now_ms);
    }
    assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
}

#[test]
fn breaker_opens_at_the_fifth_failure_probes_and_closes() {
    let mut backoff = Backoff::new(Policy::default());
    for _ in 0..4 {
        backoff.failed(0, MIDDLE, None);
    }
    assert_eq!(backoff.state(0), State::Closed);
    backoff.failed(0, MIDDLE, None);
    assert_eq!(backoff.state(0), State::Open { probe_at_ms: 16_000 });
    assert_eq!(backoff.state(15_999), State::Open { probe_at_ms: 16_000 });
    assert_eq!(backoff.state(16_000), State::Probing);
    backoff.failed(16_000, MIDDLE, None);
    assert_eq!(backoff.state(16_001), State::Open { probe_at_ms: 46_000 });
    backoff.succeeded();
    assert_eq!(backoff.state(16_002), State::Closed);
    assert_eq!(backoff.wait_ms(16_002), 0);
    backoff.failed(20_000, MIDDLE, None);
    assert_eq!(backoff.wait_ms(20_000), 1_000, "the row starts again after a success");
}

#[test]
fn jitter_stays_within_its_part() {
    for random in [0.0, 0.1, 0.5, 0.999, 1.0] {
        let mut backoff = Backoff::new(Policy::default());
        backoff.failed(0, random, None);
        let wait_ms = backoff.wait_ms(0);
        assert!((800..=1_200).contains(&wait_ms), "{random} gave {wait_ms}");
    }
}

#[test]
fn what_the_peer_asks_for_is_honoured_within_reason() {
    let mut backoff = Backoff::new(Policy::default());
    backoff.failed(0, MIDDLE, Some(5_000));
    assert_eq!(backoff.wait_ms(0), 5_000);
    backoff.failed(0, MIDDLE, Some(100));
    assert_eq!(backoff.wait_ms(0), 2_000, "a shorter wait than ours does not count");
    backoff.failed(0, MIDDLE, Some(u64::MAX));
    assert_eq!(backoff.wait_ms(0), LONGEST_ASKED_MS);
}

#[test]
fn a_rate_limit_is_no_failure() {
    let mut backoff = Backoff::new(Policy::default());
    for _ in 0..20 {
        backoff.limited(0, MIDDLE, Some(3_000));
    }
    assert_eq!(backoff.state(0), State::Closed);
    assert_eq!((backoff.failures(), backoff.wait_ms(0)), (0, 3_000));
}

#[test]
fn extreme_policies_do_not_overflow() {
    let policy = Policy { first_ms: u64::MAX, max_ms: u64::MAX, breaker_failures: u32::MAX, ..Policy::default() };
    let mut backoff = Backoff::new(policy);
    for _ in 0..100 {
        backoff.failed(u64::MAX - 5, 1.0, None);
    }
    assert_eq!(backoff.wait_ms(u64::MAX - 5), 5);
}
