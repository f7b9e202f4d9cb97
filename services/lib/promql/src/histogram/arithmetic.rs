//! Adding, subtracting, scaling, and seeing that a counter was reset.

use std::sync::Arc;

use tidegate_model::ResetHint;

use super::buckets::upper_bound;
use super::{Custom, Exponential, HistogramValue, Incompatible, Shape, SketchCounts};
use crate::notes::{Note, NoteSet};

impl HistogramValue {
    /// Custom buckets of different bounds are joined to the bounds that both
    /// have, and noted.
    pub(crate) fn add(&self, other: &Self, notes: &mut NoteSet) -> Result<Self, Incompatible> {
        self.combine(other, 1.0, notes)
    }

    /// Distributions can be added only: what was taken away cannot be told from
    /// the extremes.
    pub(crate) fn subtract(&self, other: &Self, notes: &mut NoteSet) -> Result<Self, Incompatible> {
        match (&self.shape, &other.shape) {
            (Shape::Distribution(_), _) | (_, Shape::Distribution(_)) => Err(Incompatible),
            _ => self.combine(other, -1.0, notes),
        }
    }

    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let scaled = self.map_counts(|count| count * factor);
        if factor < 0.0 { scaled.into_gauge() } else { scaled }
    }

    pub(crate) fn divided(&self, by: f64) -> Self {
        let mut divided = self.map_counts(|count| count / by);
        if by == 0.0 {
            divided.clear_buckets();
        }
        if by < 0.0 { divided.into_gauge() } else { divided }
    }

    pub(crate) fn into_gauge(self) -> Self {
        Self { reset_hint: ResetHint::Gauge, ..self }
    }

    /// To the last bit, reset hints apart.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let all_same = |a: &[(i32, f64)], b: &[(i32, f64)]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        };
        same(self.count, other.count)
            && same(self.sum, other.sum)
            && match (&self.shape, &other.shape) {
                (Shape::Exponential(a), Shape::Exponential(b)) => {
                    a.schema == b.schema
                        && a.zero_threshold == b.zero_threshold
                        && same(a.zero_count, b.zero_count)
                        && all_same(&a.positive, &b.positive)
                        && all_same(&a.negative, &b.negative)
                }
                (Shape::Custom(a), Shape::Custom(b)) => a.bounds == b.bounds && all_same(&a.counts, &b.counts),
                (Shape::Distribution(a), Shape::Distribution(b)) => a == b,
                _ => false,
            }
    }

    /// Whether a counter that read `before` and then this was set back.
    pub(crate) fn is_reset_from(&self, before: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NoReset => return false,
            // A gauge under a function of counters: treated as one.
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < before.count {
            return true;
        }
        match (&self.shape, &before.shape) {
            (Shape::Exponential(now), Shape::Exponential(then)) => now.is_reset_from(then),
            (Shape::Custom(now), Shape::Custom(then)) if now.bounds == then.bounds => {
                any_smaller(&now.counts, &then.counts)
            }
            (Shape::Custom(now), Shape::Custom(then)) => {
                let bounds = common_bounds(&now.bounds, &then.bounds);
                // Here all buckets are compared, empty ones too.
                let fewer = merge(&now.joined_to(&bounds), &then.joined_to(&bounds), -1.0);
                fewer.iter().any(|(_, difference)| *difference < 0.0)
            }
            (Shape::Distribution(_), Shape::Distribution(_)) => false,
            _ => true,
        }
    }

    /// Nothing observed, in the same buckets.
    pub(crate) fn emptied(&self) -> Self {
        let mut empty = self.map_counts(|_| 0.0);
        if let Shape::Exponential(e) = &mut empty.shape {
            e.zero_threshold = 0.0;
        }
        Self { reset_hint: ResetHint::Unknown, ..empty }
    }

    /// An exponential histogram at a coarser resolution; others as they are.
    pub(crate) fn at_schema(&self, schema: i8) -> Self {
        let mut reduced = self.clone();
        if let Shape::Exponential(e) = &mut reduced.shape {
            e.reduce_to(schema);
        }
        reduced
    }

    pub(crate) fn schema(&self) -> Option<i8> {
        match &self.shape {
            Shape::Exponential(e) => Some(e.schema),
            _ => None,
        }
    }

    fn clear_buckets(&mut self) {
        match &mut self.shape {
            Shape::Exponential(e) => {
                e.positive.clear();
                e.negative.clear();
            }
            Shape::Custom(c) => c.counts.clear(),
            Shape::Distribution(d) => d.buckets.clear(),
        }
    }

    fn map_counts(&self, map: impl Fn(f64) -> f64 + Copy) -> Self {
        let each = |counts: &[(i32, f64)]| {
            let mapped = counts.iter().map(|&(index, count)| (index, map(count)));
            mapped.filter(|(_, count)| *count != 0.0).collect()
        };
        let shape = match &self.shape {
            Shape::Exponential(e) => Shape::Exponential(Exponential {
                schema: e.schema,
                zero_threshold: e.zero_threshold,
                zero_count: map(e.zero_count),
                positive: each(&e.positive),
                negative: each(&e.negative),
            }),
            Shape::Custom(c) => Shape::Custom(Custom { bounds: c.bounds.clone(), counts: each(&c.counts) }),
            Shape::Distribution(d) => Shape::Distribution(SketchCounts {
                min: d.min,
                max: d.max,
                buckets: d.buckets.iter().map(|&(key, count)| (key, map(count))).collect(),
            }),
        };
        Self { count: map(self.count), sum: map(self.sum), shape, reset_hint: self.reset_hint }
    }

    /// `self + sign · other`.
    fn combine(&self, other: &Self, sign: f64, notes: &mut NoteSet) -> Result<Self, Incompatible> {
        let shape = match (&self.shape, &other.shape) {
            (Shape::Exponential(a), Shape::Exponential(b)) => Shape::Exponential(a.combine(b, sign)),
            (Shape::Custom(a), Shape::Custom(b)) if a.bounds == b.bounds => {
                Shape::Custom(Custom { bounds: a.bounds.clone(), counts: merge(&a.counts, &b.counts, sign) })
            }
            (Shape::Custom(a), Shape::Custom(b)) => {
                notes.add(Note::JoinedBounds);
                let bounds = common_bounds(&a.bounds, &b.bounds);
                let counts = merge(&a.joined_to(&bounds), &b.joined_to(&bounds), sign);
                Shape::Custom(Custom { bounds, counts })
            }
            (Shape::Distribution(a), Shape::Distribution(b)) => Shape::Distribution(SketchCounts {
                min: a.min.min(b.min),
                max: a.max.max(b.max),
                buckets: merge(&a.buckets, &b.buckets, sign),
            }),
            _ => return Err(Incompatible),
        };
        let reset_hint = match (self.reset_hint, other.reset_hint) {
            (a, b) if a == b => a,
            (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
        Ok(Self { count: self.count + sign * other.count, sum: self.sum + sign * other.sum, shape, reset_hint })
    }
}

impl Custom {
    /// Counts in the buckets between these bounds, which all are among its own.
    fn joined_to(&self, bounds: &[f64]) -> Vec<(i32, f64)> {
        let mut joined: Vec<(i32, f64)> = Vec::with_capacity(self.counts.len());
        for &(index, count) in &self.counts {
            let upper = usize::try_from(index).ok().and_then(|index| self.bounds.get(index)).copied();
            let target = upper.map_or(bounds.len(), |upper| bounds.partition_point(|bound| *bound < upper)) as i32;
            match joined.last_mut() {
                Some((last, sum)) if *last == target => *sum += count,
                _ => joined.push((target, count)),
            }
        }
        joined
    }
}

fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    a.iter().copied().filter(|bound| b.contains(bound)).collect()
}

impl Exponential {
    fn combine(&self, other: &Self, sign: f64) -> Self {
        let (mut a, mut b) = (self.clone(), other.clone());
        reconcile_zero(&mut a, &mut b);
        let schema = a.schema.min(b.schema);
        a.reduce_to(schema);
        b.reduce_to(schema);
        Self {
            schema,
            zero_threshold: a.zero_threshold,
            zero_count: a.zero_count + sign * b.zero_count,
            positive: merge(&a.positive, &b.positive, sign),
            negative: merge(&a.negative, &b.negative, sign),
        }
    }

    fn is_reset_from(&self, before: &Self) -> bool {
        if self.schema > before.schema || self.zero_threshold < before.zero_threshold {
            return true;
        }
        let mut before = before.clone();
        before.absorb_into_zero(self.zero_threshold);
        if before.zero_threshold != self.zero_threshold || self.zero_count < before.zero_count {
            return true;
        }
        before.reduce_to(self.schema);
        any_smaller(&self.positive, &before.positive) || any_smaller(&self.negative, &before.negative)
    }

    /// Counts in coarser buckets: each halving of the resolution joins pairs.
    fn reduce_to(&mut self, schema: i8) {
        let shift = u32::try_from(i32::from(self.schema) - i32::from(schema)).unwrap_or(0);
        if shift == 0 {
            return;
        }
        for side in [&mut self.positive, &mut self.negative] {
            for (index, _) in side.iter_mut() {
                *index = (index.saturating_sub(1) >> shift) + 1;
            }
            side.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        self.schema = schema;
    }

    /// Moves buckets below `threshold` into the zero bucket, which grows to the
    /// end of a populated bucket that the threshold would cut.
    fn absorb_into_zero(&mut self, threshold: f64) {
        if threshold <= self.zero_threshold {
            return;
        }
        let schema = self.schema;
        self.zero_threshold = threshold;
        loop {
            let limit = self.zero_threshold;
            for side in [&mut self.positive, &mut self.negative] {
                side.retain(|&(index, count)| {
                    let inside = upper_bound(schema, index.saturating_sub(1)) < limit;
                    if inside {
                        self.zero_count += count;
                        if count != 0.0 {
                            self.zero_threshold = self.zero_threshold.max(upper_bound(schema, index));
                        }
                    }
                    !inside
                });
            }
            if self.zero_threshold == limit {
                return;
            }
        }
    }
}

fn reconcile_zero(a: &mut Exponential, b: &mut Exponential) {
    while a.zero_threshold != b.zero_threshold {
        let threshold = a.zero_threshold.max(b.zero_threshold);
        if threshold.is_nan() {
            return;
        }
        a.absorb_into_zero(threshold);
        b.absorb_into_zero(threshold);
    }
}

/// `a + sign · b` of counts ascending by key.
fn merge<K: Ord + Copy>(a: &[(K, f64)], b: &[(K, f64)], sign: f64) -> Vec<(K, f64)> {
    let mut merged = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    loop {
        let pair = match (a.peek().copied(), b.peek().copied()) {
            (Some((left, count)), Some((right, other))) if left == right => {
                a.next();
                b.next();
                (left, count + sign * other)
            }
            (Some((left, count)), Some((right, _))) if left < right => {
                a.next();
                (left, count)
            }
            (Some((left, count)), None) => {
                a.next();
                (left, count)
            }
            (_, Some((right, other))) => {
                b.next();
                (right, sign * other)
            }
            (None, None) => return merged,
        };
        if pair.1 != 0.0 {
            merged.push(pair);
        }
    }
}

/// Whether any bucket of `now` holds less than it did.
fn any_smaller(now: &[(i32, f64)], before: &[(i32, f64)]) -> bool {
    let mut now = now.iter().copied().peekable();
    before.iter().any(|&(index, count)| {
        while now.next_if(|&(candidate, _)| candidate < index).is_some() {}
        let current = now.peek().filter(|&&(candidate, _)| candidate == index).map_or(0.0, |&(_, count)| count);
        current < count
    })
}
