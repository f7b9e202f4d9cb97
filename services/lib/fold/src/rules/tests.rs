use super::*;

const M: i64 = 10_000 * MINUTE_MS;
const MINUTE: u32 = 10_000;

fn place(effective_ms: i64) -> (u32, i64) {
    let placed = Rules::V1.place(MINUTE, effective_ms);
    (placed.fragment, placed.close_ms)
}

#[test]
fn a_minute_is_on_time_from_five_seconds_before_it_to_ten_after() {
    let on_time = (0, M + 70_000);
    assert_eq!(place(M - 5_000), on_time);
    assert_eq!(place(M + 69_999), on_time);
}

#[test]
fn earlier_and_later_samples_close_with_the_minute_of_their_arrival() {
    assert_eq!(place(M - 5_001), (MINUTE, M));
    assert_eq!(place(M + 70_000), (MINUTE + 2, M + 120_000));
    assert_eq!(place(M + 119_999), (MINUTE + 2, M + 120_000));
    assert_eq!(place(M + 120_000), (MINUTE + 3, M + 180_000));
}

#[test]
fn every_fragment_closes_within_two_minutes_and_in_the_future() {
    for effective_ms in (M - 400_000..M + 400_000).step_by(501) {
        let (_, close_ms) = place(effective_ms);
        assert!((1..=75_000).contains(&(close_ms - effective_ms)), "{effective_ms} {close_ms}");
    }
}

#[test]
fn the_clock_is_a_running_maximum_until_a_long_step_back() {
    let clock = Clock { era: 3, effective_ms: 1_000_000 };
    assert_eq!(Rules::V1.advance(clock, 999_000), clock);
    assert_eq!(Rules::V1.advance(clock, 940_000), clock);
    assert_eq!(Rules::V1.advance(clock, 939_999), Clock { era: 4, effective_ms: 939_999 });
    assert_eq!(Rules::V1.advance(clock, 1_000_001), Clock { era: 3, effective_ms: 1_000_001 });
}

#[test]
fn absurd_append_times_stay_within_the_format() {
    let clock = Rules::V1.advance(Clock::default(), i64::MAX);
    assert_eq!(clock.effective_ms, MAX_TIME_MS);
    assert_eq!(Rules::V1.place(0, clock.effective_ms).fragment, u32::MAX);
    assert_eq!(Rules::V1.advance(clock, i64::MIN), Clock { era: 1, effective_ms: 0 });
}
