//! Units after normalisation.

/// The base that every unit is brought to when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Second,
    Byte,
    Kelvin,
}

impl Unit {
    /// As it stands in what the sinks emit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "SECOND",
            Self::Byte => "BYTE",
            Self::Kelvin => "KELVIN",
        }
    }
}

/// A value in its base unit, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    pub value: f64,
    pub unit: Option<Unit>,
}

impl Quantity {
    pub fn plain(value: f64) -> Self {
        Self { value, unit: None }
    }
}
