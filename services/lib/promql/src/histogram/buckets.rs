//! Buckets with their bounds, whatever the shape.

use tidegate_sketch::BucketKey;

use super::{Custom, Exponential, HistogramValue, Shape, SketchCounts};

/// A populated bucket and which of its bounds belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
}

impl Bucket {
    /// The `boundary_rule` of the Prometheus JSON format: 0 open left, 1 open
    /// right, 2 open both, 3 closed both.
    pub fn boundary_rule(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }
}

impl HistogramValue {
    /// The populated buckets, ascending.
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = match &self.shape {
            Shape::Exponential(exponential) => exponential.buckets(),
            Shape::Custom(custom) => custom.buckets(),
            Shape::Distribution(sketch) => sketch.buckets(),
        };
        buckets.retain(|bucket| bucket.count != 0.0);
        buckets
    }
}

impl Exponential {
    fn buckets(&self) -> Vec<Bucket> {
        let positive = |&(index, count): &(i32, f64)| Bucket {
            lower: upper_bound(self.schema, index.saturating_sub(1)),
            upper: upper_bound(self.schema, index),
            count,
            lower_inclusive: false,
            upper_inclusive: true,
        };
        let mirrored = |pair: &(i32, f64)| {
            let Bucket { lower, upper, count, .. } = positive(pair);
            Bucket { lower: -upper, upper: -lower, count, lower_inclusive: true, upper_inclusive: false }
        };
        let zero = Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            count: self.zero_count,
            lower_inclusive: true,
            upper_inclusive: true,
        };
        let negative = self.negative.iter().rev().map(mirrored);
        let zero = (self.zero_count > 0.0).then_some(zero);
        // A bucket that reaches into the zero bucket begins where that ends.
        let threshold = self.zero_threshold;
        let outside = move |mut bucket: Bucket| {
            if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        };
        negative.map(outside).chain(zero).chain(self.positive.iter().map(positive).map(outside)).collect()
    }
}

/// Upper bound of a positive bucket: 2^(index · 2^−schema). The last finite one
/// ends at the largest float.
pub(super) fn upper_bound(schema: i8, index: i32) -> f64 {
    let schema = i32::from(schema.clamp(-4, 8));
    let bound = if schema <= 0 {
        (f64::from(index) * f64::from(1 << -schema)).exp2()
    } else {
        // Whole powers apart from the rest, so that they come out exact.
        let whole = index >> schema;
        let part = index - (whole << schema);
        (f64::from(part) / f64::from(1 << schema)).exp2() * f64::from(whole).exp2()
    };
    if bound.is_infinite() && f64::from(index) * f64::from(-schema).exp2() <= 1024.0 { f64::MAX } else { bound }
}

impl Custom {
    fn buckets(&self) -> Vec<Bucket> {
        let bound = |index: i32, outside: f64| {
            usize::try_from(index).ok().and_then(|index| self.bounds.get(index)).copied().unwrap_or(outside)
        };
        let bucket = |&(index, count): &(i32, f64)| {
            let lower = if index <= 0 { f64::NEG_INFINITY } else { bound(index - 1, f64::INFINITY) };
            let upper = bound(index, f64::INFINITY);
            Bucket { lower, upper, count, lower_inclusive: lower == f64::NEG_INFINITY, upper_inclusive: true }
        };
        self.counts.iter().map(bucket).collect()
    }
}

impl SketchCounts {
    fn buckets(&self) -> Vec<Bucket> {
        self.buckets.iter().map(|&(key, count)| sketch_bucket(key, count)).collect()
    }
}

fn sketch_bucket(key: BucketKey, count: f64) -> Bucket {
    let inner = key.inner_bound();
    if !inner.is_finite() {
        return Bucket { lower: inner, upper: inner, count, lower_inclusive: true, upper_inclusive: true };
    }
    let outer = key.outer_bound();
    if inner.is_sign_negative() {
        Bucket { lower: outer, upper: inner, count, lower_inclusive: false, upper_inclusive: true }
    } else {
        Bucket { lower: inner, upper: outer, count, lower_inclusive: true, upper_inclusive: false }
    }
}
