//! One reading of a series.

use std::sync::Arc;

use crate::{Distribution, Histogram};

/// Bits of the NaN by which Prometheus marks that a series ended.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub time_ms: i64,
    pub value: Value,
}

/// What a sample holds. A series keeps to one kind as a rule, but nothing
/// depends on it: kinds are kept apart within a window.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A gauge or the running value of a counter; the stale marker, for every
    /// kind of series, is a `Float` of [`STALE_NAN_BITS`].
    Float(f64),
    /// A cumulative histogram.
    Histogram(Arc<Histogram>),
    /// A difference since the sample before.
    DeltaFloat(f64),
    /// The distribution of what was seen since the sample before.
    DeltaDistribution(Arc<Distribution>),
}

/// By what a batch that comes again is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BatchId {
    /// Given by an agent: sequences of a session rise, one batch in flight.
    Session { session: u128, sequence: u64 },
    /// 128-bit hash of tenant and samples with their times, for clients that
    /// give no id.
    Content(u128),
}
