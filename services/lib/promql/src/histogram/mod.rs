//! Histograms as values of expressions: counts are floats, since rates divide.

mod arithmetic;
mod buckets;
mod distribution;
mod quantile;
mod trim;

use std::sync::Arc;

use tidegate_model::histogram::CUSTOM_SCHEMA;
use tidegate_model::{Distribution, Histogram, ResetHint};
use tidegate_sketch::BucketKey;

pub use buckets::Bucket;
pub(crate) use distribution::{SlidingCounts, merge_distributions};
pub(crate) use quantile::{ClassicBucket, classic_fraction, classic_quantile};
pub(crate) use trim::Side;

/// A histogram that functions and operators work on.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramValue {
    pub count: f64,
    pub sum: f64,
    pub shape: Shape,
    pub reset_hint: ResetHint,
}

/// How the buckets are told apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A Prometheus native histogram of schema −4..=8.
    Exponential(Exponential),
    /// A native histogram with explicit bounds (schema −53).
    Custom(Custom),
    /// A sketch: relative error ≤ 2⁻⁷.
    Distribution(SketchCounts),
}

/// Sparse buckets, ascending by index: bucket i holds (b^(i−1), b^i] with
/// b = 2^(2^−schema); negative ones mirror that.
#[derive(Clone, Debug, PartialEq)]
pub struct Exponential {
    pub schema: i8,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub positive: Vec<(i32, f64)>,
    pub negative: Vec<(i32, f64)>,
}

/// Bucket i holds (bounds[i−1], bounds[i]]; the last one reaches to +Inf.
#[derive(Clone, Debug, PartialEq)]
pub struct Custom {
    pub bounds: Arc<[f64]>,
    pub counts: Vec<(i32, f64)>,
}

/// Counts by sketch bucket, in the order of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct SketchCounts {
    /// +∞ when empty.
    pub min: f64,
    /// −∞ when empty.
    pub max: f64,
    pub buckets: Vec<(BucketKey, f64)>,
}

/// Two histograms that cannot be combined: a distribution with a native one, or
/// exponential with custom buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incompatible;

impl From<&Histogram> for HistogramValue {
    fn from(histogram: &Histogram) -> Self {
        let shape = if histogram.schema == CUSTOM_SCHEMA {
            Shape::Custom(Custom {
                bounds: histogram.custom_bounds.as_slice().into(),
                counts: histogram.positive.iter().collect(),
            })
        } else {
            Shape::Exponential(Exponential {
                schema: histogram.schema,
                zero_threshold: histogram.zero_threshold,
                zero_count: histogram.zero_count,
                positive: histogram.positive.iter().collect(),
                negative: histogram.negative.iter().collect(),
            })
        };
        Self { count: histogram.count, sum: histogram.sum, shape, reset_hint: histogram.reset_hint }
    }
}

impl From<&Distribution> for HistogramValue {
    fn from(distribution: &Distribution) -> Self {
        let buckets = distribution.sketch.iter().map(|(key, count)| (key, count as f64)).collect();
        Self {
            count: distribution.count as f64,
            sum: distribution.sum,
            shape: Shape::Distribution(SketchCounts { min: distribution.min, max: distribution.max, buckets }),
            reset_hint: ResetHint::Gauge,
        }
    }
}

#[cfg(test)]
mod tests;
