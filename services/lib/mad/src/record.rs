//! What a source hands on: measurements of one moment under one set of dimensions.

use std::collections::BTreeMap;

use crate::{Dimensions, Quantity, Unit};

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// When the client began the request that the record tells of, in milliseconds since 1970.
    pub request_time_ms: Option<i64>,
    pub dimensions: Dimensions,
    /// By name, in the order of arrival.
    pub metrics: Vec<(Box<str>, Metric)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub kind: Kind,
    /// In the order of arrival: sums depend on it.
    pub samples: Vec<Quantity>,
    /// What the client has aggregated already; counted after the samples.
    pub histograms: Vec<Histogram>,
}

/// Which list of statistics a metric without one of its own gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Counter,
    Timer,
    Gauge,
}

/// Many samples by their upper bits, as clients send it and as percentiles are read from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Counts by the bits of the bucket's bound nearest to zero.
    pub entries: BTreeMap<u64, u64>,
    pub min: f64,
    pub max: f64,
    pub sum: f64,
    /// Of all of these. A client's buckets are in it too, but nobody tells so: the
    /// percentiles that are read from them have none.
    pub unit: Option<Unit>,
}

impl Histogram {
    /// Bounds and counts from the least value to the greatest, −0.0 before 0.0 and NaN last.
    pub fn by_value(&self) -> impl Iterator<Item = (f64, u64)> {
        const SIGN: u64 = 1 << 63;
        let is_nan = |(bits, _): &(&u64, &u64)| f64::from_bits(**bits).is_nan();
        let negative = self.entries.range(SIGN..).rev().filter(move |entry| !is_nan(entry));
        let positive = self.entries.range(..SIGN).filter(move |entry| !is_nan(entry));
        let nan = self.entries.iter().filter(is_nan);
        negative.chain(positive).chain(nan).map(|(bits, count)| (f64::from_bits(*bits), *count))
    }
}

#[cfg(test)]
mod tests;
