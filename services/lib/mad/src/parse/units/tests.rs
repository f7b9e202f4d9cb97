use super::{InputUnit, quantity};
use crate::{Quantity, Unit};

fn converted(name: &str, value: f64) -> Quantity {
    InputUnit::named(name).unwrap_or_else(|| panic!("{name}")).quantity(value)
}

#[test]
fn every_unit_comes_to_its_base() {
    let expected = [
        ("NANOSECOND", 2.0, 1.0 / 1e9 * 2.0, Unit::Second),
        ("MICROSECOND", 2.0, 1e3 / 1e9 * 2.0, Unit::Second),
        ("MILLISECOND", 250.0, 0.25, Unit::Second),
        ("SECOND", 2.5, 2.5, Unit::Second),
        ("MINUTE", 2.0, 120.0, Unit::Second),
        ("HOUR", 1.0, 3_600.0, Unit::Second),
        ("DAY", 1.0, 86_400.0, Unit::Second),
        ("WEEK", 1.0, 604_800.0, Unit::Second),
        ("BIT", 16.0, 2.0, Unit::Byte),
        ("BYTE", 16.0, 16.0, Unit::Byte),
        ("KILOBIT", 1.0, 128.0, Unit::Byte),
        ("MEGABIT", 1.0, 131_072.0, Unit::Byte),
        ("GIGABIT", 1.0, 134_217_728.0, Unit::Byte),
        ("TERABIT", 1.0, 137_438_953_472.0, Unit::Byte),
        ("PETABIT", 1.0, 140_737_488_355_328.0, Unit::Byte),
        ("KILOBYTE", 2.0, 2_000.0, Unit::Byte),
        ("MEGABYTE", 2.0, 2e6, Unit::Byte),
        ("GIGABYTE", 2.0, 2e9, Unit::Byte),
        ("TERABYTE", 2.0, 2e12, Unit::Byte),
        ("PETABYTE", 2.0, 2e15, Unit::Byte),
        ("KELVIN", 1.0, 1.0, Unit::Kelvin),
        ("CELCIUS", 1.0, 274.15, Unit::Kelvin),
        ("FAHRENHEIT", 32.0, (32.0 + 459.67) * 5.0 / 9.0, Unit::Kelvin),
    ];
    for (name, value, base, unit) in expected {
        assert_eq!(converted(name, value), Quantity { value: base, unit: Some(unit) }, "{name}");
    }
}

#[test]
fn the_last_bit_is_javas() {
    // 0.001 · 9, not 9 / 1000.
    assert_eq!(converted("MILLISECOND", 9.0).value.to_bits(), (1e6 / 1e9 * 9.0f64).to_bits());
    assert_ne!(converted("MILLISECOND", 9.0).value.to_bits(), (9.0f64 / 1000.0).to_bits());
}

#[test]
fn others_are_not_known() {
    for name in ["CELSIUS", "KIBIBYTE", "MILLIMINUTE", "RADIAN", "second", ""] {
        assert_eq!(InputUnit::named(name), None, "{name}");
    }
}

#[test]
fn no_unit_changes_nothing() {
    assert_eq!(quantity(3.0, None), Quantity::plain(3.0));
}
