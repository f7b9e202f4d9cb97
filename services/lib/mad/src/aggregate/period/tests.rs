use super::Period;

#[test]
fn buckets_are_anchored_at_1970() {
    let second = Period::new(1_000);
    assert_eq!(second.start_ms(1_999), 1_000);
    assert_eq!(second.start_ms(2_000), 2_000);
    assert_eq!(Period::new(60_000).start_ms(119_999), 60_000);
    assert_eq!(Period::new(7).start_ms(1_000_000), 999_999);
    assert_eq!(second.start_ms(-1), 0);
    assert_eq!(second.start_ms(-1_001), -1_000);
}

#[test]
fn a_bucket_waits_half_its_length_within_bounds() {
    // In time: counted from the bucket's end.
    assert_eq!(Period::new(1_000).closes_ms(5_000, 5_500), 7_000);
    assert_eq!(Period::new(60_000).closes_ms(60_000, 60_000), 150_000);
    assert_eq!(Period::new(3_600_000).closes_ms(0, 10), 4_200_000);
    // Late: counted from the first sample.
    assert_eq!(Period::new(1_000).closes_ms(5_000, 100_000), 101_000);
    assert_eq!(Period::new(60_000).closes_ms(0, 1_000_000), 1_030_000);
}

#[test]
fn nothing_overflows() {
    for length_ms in [0, 1, u64::MAX] {
        let period = Period::new(length_ms);
        for time_ms in [i64::MIN, -1, 0, i64::MAX] {
            let start_ms = period.start_ms(time_ms);
            assert!(period.closes_ms(start_ms, i64::MAX) >= start_ms);
        }
    }
}
