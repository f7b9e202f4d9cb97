//! A mergeable histogram with a stated error: the sketch behind every percentile.
//!
//! A value falls into the bucket that its IEEE 754 bits name once all but
//! [`MANTISSA_BITS`] mantissa bits are cut off. A bucket is therefore at most
//! 2⁻⁷ of its lower bound wide, and two sketches merge exactly: merging is
//! adding counts, in any order and grouping. The Java Metrics Aggregator
//! Daemon uses the same buckets, so its histograms can be taken over whole.

use std::collections::BTreeMap;

/// Mantissa bits that a bucket key keeps.
pub const MANTISSA_BITS: u32 = 7;

/// Upper bound of the relative error of any quantile of non-NaN values: 2⁻⁷.
pub const RELATIVE_ERROR: f64 = 1.0 / 128.0;

/// Bits of an `f64` that a key keeps: sign, exponent, 7 mantissa bits.
const KEY_MASK: u64 = 0xffff_e000_0000_0000;
const KEY_SHIFT: u32 = 45;

/// The name of a bucket: the upper 19 bits of the value nearest to zero in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey(u32);

impl BucketKey {
    /// The bucket of `value`. NaN has the key of the canonical NaN.
    pub fn of(value: f64) -> Self {
        let value = if value.is_nan() { f64::NAN } else { value };
        Self(((value.to_bits() & KEY_MASK) >> KEY_SHIFT) as u32)
    }

    /// A key read from outside; `None` when it has more than 19 bits.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits < 1 << 19).then_some(Self(bits))
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    /// The bound of the bucket that lies nearer to zero; itself in the bucket.
    pub fn inner_bound(self) -> f64 {
        f64::from_bits(u64::from(self.0) << KEY_SHIFT)
    }

    /// The bound that lies farther from zero; the next bucket's inner bound.
    pub fn outer_bound(self) -> f64 {
        f64::from_bits((u64::from(self.0) + 1) << KEY_SHIFT)
    }

    /// Position in the order of the values that the keys stand for.
    fn rank(self) -> i32 {
        const SIGN: u32 = 1 << 18;
        if self.0 & SIGN == 0 { self.0 as i32 } else { -((self.0 & !SIGN) as i32) - 1 }
    }
}

impl Ord for BucketKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for BucketKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Counts by bucket, in the order of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    buckets: BTreeMap<BucketKey, u64>,
}

impl Sketch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `value` once.
    pub fn record(&mut self, value: f64) {
        self.record_n(BucketKey::of(value), 1);
    }

    /// Adds `count` values to a bucket; a count of 0 leaves no bucket behind.
    pub fn record_n(&mut self, key: BucketKey, count: u64) {
        if count > 0 {
            let entry = self.buckets.entry(key).or_insert(0);
            *entry = entry.saturating_add(count);
        }
    }

    /// Adds all of `other`: associative, commutative, exact.
    pub fn merge(&mut self, other: &Sketch) {
        for (key, count) in other.iter() {
            self.record_n(key, count);
        }
    }

    /// Number of values recorded.
    pub fn count(&self) -> u64 {
        self.buckets.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Number of buckets that hold something.
    pub fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    /// Buckets in the order of their values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (BucketKey, u64)> + '_ {
        self.buckets.iter().map(|(key, count)| (*key, *count))
    }

    /// The value at rank ⌈q·n⌉ (at least 1) of the sorted values, as the inner
    /// bound of its bucket: within [`RELATIVE_ERROR`] of the true value. `None`
    /// for an empty sketch or a `q` outside 0..=1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.is_empty() || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (key, count) in self.iter() {
            seen = seen.saturating_add(count);
            if seen >= rank {
                return Some(key.inner_bound());
            }
        }
        self.buckets.keys().next_back().map(|key| key.inner_bound())
    }
}

impl FromIterator<f64> for Sketch {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sketch = Sketch::new();
        for value in values {
            sketch.record(value);
        }
        sketch
    }
}

#[cfg(test)]
mod tests;
