//! Units as they are read, and the way to their base.

use crate::{Quantity, Unit};

/// A unit that the Java daemon knows, by its own name for it: CELCIUS is its
/// spelling, and a kilobit is 1024 bits, a kilobyte 1000 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputUnit {
    conversion: Conversion,
    base: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Conversion {
    None,
    /// How many of the smallest unit of its kind make one of it, and one of the base.
    Scale(f64, f64),
    Celsius,
    Fahrenheit,
}

const SECOND: f64 = 1e9;
const BYTE: f64 = 8.0;

impl InputUnit {
    pub const SECOND: Self = Self { conversion: Conversion::None, base: Unit::Second };
    pub const MILLISECOND: Self = time(1e6);
    pub const BYTE: Self = Self { conversion: Conversion::None, base: Unit::Byte };
    pub const BIT: Self = data(1.0);
    pub const CELSIUS: Self = Self { conversion: Conversion::Celsius, base: Unit::Kelvin };

    pub fn named(name: &str) -> Option<Self> {
        const KILO: f64 = 1000.0;
        const KIBI: f64 = 1024.0;
        Some(match name {
            "NANOSECOND" => time(1.0),
            "MICROSECOND" => time(1e3),
            "MILLISECOND" => Self::MILLISECOND,
            "SECOND" => Self::SECOND,
            "MINUTE" => time(SECOND * 60.0),
            "HOUR" => time(SECOND * 3_600.0),
            "DAY" => time(SECOND * 86_400.0),
            "WEEK" => time(SECOND * 604_800.0),
            "BIT" => Self::BIT,
            "BYTE" => Self::BYTE,
            "KILOBIT" => data(KIBI),
            "MEGABIT" => data(KIBI * KIBI),
            "GIGABIT" => data(KIBI * KIBI * KIBI),
            "TERABIT" => data(KIBI * KIBI * KIBI * KIBI),
            "PETABIT" => data(KIBI * KIBI * KIBI * KIBI * KIBI),
            "KILOBYTE" => data(BYTE * KILO),
            "MEGABYTE" => data(BYTE * KILO * KILO),
            "GIGABYTE" => data(BYTE * KILO * KILO * KILO),
            "TERABYTE" => data(BYTE * KILO * KILO * KILO * KILO),
            "PETABYTE" => data(BYTE * KILO * KILO * KILO * KILO * KILO),
            "KELVIN" => Self { conversion: Conversion::None, base: Unit::Kelvin },
            "CELCIUS" => Self::CELSIUS,
            "FAHRENHEIT" => Self { conversion: Conversion::Fahrenheit, base: Unit::Kelvin },
            _ => return None,
        })
    }

    pub fn base(self) -> Unit {
        self.base
    }

    /// The same in the base unit. The order of the operations is Java's, on
    /// which the last bit depends.
    pub fn convert(self, value: f64) -> f64 {
        match self.conversion {
            Conversion::None => value,
            Conversion::Scale(source, base) => source / base * value,
            Conversion::Celsius => value + 273.15,
            Conversion::Fahrenheit => (value + 459.67) * 5.0 / 9.0,
        }
    }

    pub fn quantity(self, value: f64) -> Quantity {
        Quantity { value: self.convert(value), unit: Some(self.base) }
    }
}

const fn time(nanoseconds: f64) -> InputUnit {
    InputUnit { conversion: Conversion::Scale(nanoseconds, SECOND), base: Unit::Second }
}

const fn data(bits: f64) -> InputUnit {
    InputUnit { conversion: Conversion::Scale(bits, BYTE), base: Unit::Byte }
}

/// A value that may have a unit, in its base.
pub fn quantity(value: f64, unit: Option<InputUnit>) -> Quantity {
    unit.map_or(Quantity::plain(value), |unit| unit.quantity(value))
}

#[cfg(test)]
mod tests;
