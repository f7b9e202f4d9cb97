//! What a query gives.

use std::sync::Arc;

use tidegate_model::Labels;

use crate::HistogramValue;

#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    Float(f64),
    Histogram(Arc<HistogramValue>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum QueryValue {
    /// One number a step.
    Scalar(Vec<(i64, f64)>),
    /// Of an instant query.
    Vector(Vec<InstantSample>),
    /// Of a range query, or of an instant query for a range vector. Points
    /// ascend in time; none is empty.
    Matrix(Vec<RangeSeries>),
    String(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct InstantSample {
    pub labels: Labels,
    pub time_ms: i64,
    pub value: SampleValue,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RangeSeries {
    pub labels: Labels,
    pub points: Vec<(i64, SampleValue)>,
}

/// A value at a step, or none.
pub(crate) type Cell = Option<SampleValue>;

/// A series while it is evaluated: one cell a step.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub labels: Labels,
    pub cells: Vec<Cell>,
}

pub(crate) enum Value {
    Scalar(Vec<f64>),
    String(String),
    Vector(Vec<Series>),
}

impl Series {
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(Option::is_none)
    }
}

impl SampleValue {
    pub(crate) fn histogram(value: HistogramValue) -> Self {
        Self::Histogram(Arc::new(value))
    }
}
