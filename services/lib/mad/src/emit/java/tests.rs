use super::{Double, Duration, Instant};

/// What JDK 17 prints.
#[test]
fn doubles() {
    for (value, text) in [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (-1.5, "-1.5"),
        (4.5, "4.5"),
        (0.1, "0.1"),
        (0.001, "0.001"),
        (0.000_999, "9.99E-4"),
        (1e-4, "1.0E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12_345_678.0, "1.2345678E7"),
        (4.5e15, "4.5E15"),
        (1e100, "1.0E100"),
        (-2.5e-10, "-2.5E-10"),
        (f64::MAX, "1.7976931348623157E308"),
        (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
        (1.0 / 3.0, "0.3333333333333333"),
        (100.0 / 3.0, "33.333333333333336"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(Double(value).to_string(), text);
    }
}

#[test]
fn times_leave_out_what_is_zero_at_their_end() {
    for (ms, text) in [
        (0, "1970-01-01T00:00Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_000, "1970-01-01T00:00:01Z"),
        (951_782_400_000, "2000-02-29T00:00Z"),
        (951_868_799_950, "2000-02-29T23:59:59.950Z"),
        (951_868_800_000, "2000-03-01T00:00Z"),
        (4_107_542_400_000, "2100-03-01T00:00Z"),
        (1_795_210_010_000, "2026-11-20T21:26:50Z"),
        (253_402_300_799_000, "9999-12-31T23:59:59Z"),
        (253_402_300_800_000, "+10000-01-01T00:00Z"),
        (-62_167_219_200_000, "0000-01-01T00:00Z"),
        (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(Instant(ms).to_string(), text, "{ms}");
    }
}

#[test]
fn every_day_of_four_centuries_follows_the_one_before() {
    let mut before = super::civil(-200_000);
    for days in -199_999..=100_000 {
        let (year, month, day) = super::civil(days);
        let follows = match before {
            (y, m, d) if (year, month) == (y, m) => day == d + 1,
            (y, m, d) if year == y => (month, day) == (m + 1, 1) && d >= 28,
            (y, m, d) => (year, month, day) == (y + 1, 1, 1) && (m, d) == (12, 31),
        };
        assert!(follows, "{before:?} {year}-{month}-{day}");
        before = (year, month, day);
    }
}

#[test]
fn durations() {
    for (ms, text) in [
        (0, "PT0S"),
        (1_000, "PT1S"),
        (1_500, "PT1.5S"),
        (20, "PT0.02S"),
        (60_000, "PT1M"),
        (90_000, "PT1M30S"),
        (60_001, "PT1M0.001S"),
        (3_600_000, "PT1H"),
        (86_400_000, "PT24H"),
        (90_061_000, "PT25H1M1S"),
    ] {
        assert_eq!(Duration(ms).to_string(), text);
    }
}
