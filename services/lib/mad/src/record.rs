//! What a source hands on: measurements of one moment under one set of dimensions.

use std::collections::BTreeMap;

use crate::{Dimensions, Quantity};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Counter,
    Timer,
    Gauge,
}

/// A client's own aggregation of many samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Counts by the bits of the bucket's bound nearest to zero.
    pub entries: BTreeMap<u64, u64>,
    pub min: f64,
    pub max: f64,
    pub sum: f64,
}
