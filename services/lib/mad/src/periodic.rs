//! What comes out: one metric under one set of dimensions over one period.

use crate::{Dimensions, Histogram, Quantity, Statistic, Unit};

#[derive(Clone, Debug, PartialEq)]
pub struct Periodic {
    pub metric: Box<str>,
    pub dimensions: Dimensions,
    pub period_ms: u64,
    /// Milliseconds since 1970, a multiple of the period.
    pub start_ms: i64,
    /// The earliest request that the samples came with.
    pub min_request_time_ms: Option<i64>,
    pub statistics: Vec<Computed>,
    /// Of the samples; the histogram's bounds are in it.
    pub unit: Option<Unit>,
    /// Present when a statistic asked for needs it.
    pub histogram: Option<Histogram>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Computed {
    pub statistic: Statistic,
    pub value: Quantity,
    /// Whether the pipeline asks for it; else it is here for another one that needs it.
    pub asked_for: bool,
}
