use proptest::prelude::*;

use super::{double, plain, prefix};

fn same(value: Option<f64>, expected: Option<f64>) -> bool {
    match (value, expected) {
        (Some(value), Some(expected)) => value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(),
        (value, expected) => value == expected,
    }
}

#[test]
fn the_longest_beginning_counts() {
    let expected = [
        ("1", Some(1.0)),
        ("-4.5", Some(-4.5)),
        ("1e3", Some(1.0)),
        ("1E3", Some(1000.0)),
        ("1E+3", Some(1.0)),
        ("1E-3", Some(0.001)),
        ("+5", None),
        ("12abc", Some(12.0)),
        ("1,234.5", Some(1234.5)),
        ("1,234.5e3xyz", Some(1234.5)),
        ("1,2,,3", Some(123.0)),
        (",5", Some(5.0)),
        ("5,", Some(5.0)),
        ("1,E2", Some(100.0)),
        ("1.5,6", Some(1.5)),
        ("1.2.3", Some(1.2)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("0.05", Some(0.05)),
        ("000123", Some(123.0)),
        ("0.000", Some(0.0)),
        ("-0", Some(-0.0)),
        ("-0.0", Some(-0.0)),
        ("-", None),
        (".", None),
        (",", None),
        ("E5", None),
        ("--5", None),
        (" 5", None),
        ("5 ", Some(5.0)),
        ("abc", None),
        ("", None),
        ("NaN", Some(f64::NAN)),
        ("NaNs", Some(f64::NAN)),
        ("-NaN", None),
        ("nan", None),
        ("∞", Some(f64::INFINITY)),
        ("-∞x", Some(f64::NEG_INFINITY)),
        ("Infinity", None),
        ("9223372036854775807", Some(9_223_372_036_854_775_807.0)),
        ("-9223372036854775808", Some(-9_223_372_036_854_775_808.0)),
        ("123456789012345678901234567890", Some(123_456_789_012_345_678_901_234_567_890.0)),
        ("1E400", Some(f64::INFINITY)),
        ("1E-400", Some(0.0)),
        ("1E99999999999999999999", Some(1.0)),
        ("1E4294967296", Some(1.0)),
        ("٣٫٤", Some(3.0)),
        ("１２.５", Some(12.5)),
    ];
    for (text, value) in expected {
        assert!(same(prefix(text), value), "{text:?}: {:?}, not {value:?}", prefix(text));
    }
}

#[test]
fn double_takes_all_of_it() {
    let expected = [
        ("0.5", Some(0.5)),
        (" 0.5\r", Some(0.5)),
        ("+1", Some(1.0)),
        ("-0.0", Some(-0.0)),
        ("1e-1", Some(0.1)),
        ("1E+1d", Some(10.0)),
        (".5f", Some(0.5)),
        ("1.", Some(1.0)),
        ("NaN", Some(f64::NAN)),
        ("-Infinity", Some(f64::NEG_INFINITY)),
        ("inf", None),
        ("nan", None),
        ("0,5", None),
        ("0x1p0", None),
        ("1_0", None),
        ("+-1", None),
        ("", None),
        ("d", None),
        (".", None),
    ];
    for (text, value) in expected {
        assert!(same(double(text), value), "{text:?}: {:?}, not {value:?}", double(text));
    }
}

proptest! {
    #[test]
    fn what_rust_prints_is_read_back(value in any::<f64>().prop_filter("a number", |value| value.is_finite())) {
        let text = format!("{value}");
        prop_assert!(same(prefix(&text), Some(value)), "{text}");
    }

    #[test]
    fn the_short_way_is_the_long_way(text in "-?[0-9]{0,9}\\.?[0-9]{0,9}") {
        if let Some(value) = plain(text.as_bytes()) {
            prop_assert!(same(text.parse().ok(), Some(value)), "{text}: {value}");
        }
    }

    #[test]
    fn anything_is_a_number_or_not(text in "\\PC*") {
        let _ = (prefix(&text), double(&text));
    }
}
