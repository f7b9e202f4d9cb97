//! Values that are distributions.

use tidegate_sketch::Sketch;

/// A cumulative histogram as Prometheus native histograms are: sparse buckets
/// whose bounds follow from `schema`, or explicit bounds.
///
/// Counts are absolute (not deltas between buckets) and floats, so integer and
/// float histograms are one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// −4..=8: bucket bounds are powers of 2^(2^−schema); −53: `custom_bounds`.
    pub schema: i8,
    pub zero_threshold: f64,
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive: Buckets,
    pub negative: Buckets,
    /// Upper bounds, without +Inf, for schema −53; else empty.
    pub custom_bounds: Vec<f64>,
    pub reset_hint: ResetHint,
}

/// Schema number of histograms with explicit bounds.
pub const CUSTOM_SCHEMA: i8 = -53;

/// Runs of consecutive buckets and their counts, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    pub spans: Vec<Span>,
    /// As many as the spans' lengths add up to.
    pub counts: Vec<f64>,
}

/// `offset`: buckets skipped since the end of the span before (for the first,
/// since index 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub offset: i32,
    pub length: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetHint {
    #[default]
    Unknown,
    Reset,
    NoReset,
    Gauge,
}

impl Buckets {
    /// (bucket index, count) of every bucket in the spans.
    pub fn iter(&self) -> impl Iterator<Item = (i32, f64)> + '_ {
        let mut next = 0i32;
        self.spans
            .iter()
            .flat_map(move |span| {
                let start = next.saturating_add(span.offset);
                next = start.saturating_add(span.length.min(i32::MAX as u32) as i32);
                start..next
            })
            .zip(self.counts.iter().copied())
    }
}

/// A distribution of the values seen since the one before: what agents send
/// when they keep every value, exactly mergeable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    pub count: u64,
    pub sum: f64,
    /// +∞ when empty.
    pub min: f64,
    /// −∞ when empty.
    pub max: f64,
    pub sketch: Sketch,
}

impl Distribution {
    pub fn empty() -> Self {
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, sketch: Sketch::new() }
    }

    pub fn record(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sketch.record(value);
    }

    pub fn merge(&mut self, other: &Distribution) {
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sketch.merge(&other.sketch);
    }
}
