//! Quantiles, fractions and the variance of histograms.

use std::cmp::Ordering;

use super::{Bucket, HistogramValue, Shape};
use crate::kahan::KahanSum;
use crate::notes::{Note, NoteSet};

/// Counts divided by a range's seconds round differently from their total; a
/// rank this near to a bucket's end lies in the bucket.
const RANK_TOLERANCE: f64 = 1e-12;

impl HistogramValue {
    /// The φ-quantile: exponential interpolation in standard buckets, linear in
    /// zero and custom buckets; of a distribution within 2⁻⁷ of the true value.
    pub fn quantile(&self, phi: f64) -> f64 {
        self.quantile_noted(phi, &mut NoteSet::default())
    }

    pub(crate) fn quantile_noted(&self, phi: f64, notes: &mut NoteSet) -> f64 {
        if phi < 0.0 {
            return f64::NEG_INFINITY;
        }
        if phi > 1.0 {
            return f64::INFINITY;
        }
        if phi.is_nan() || self.count == 0.0 {
            return f64::NAN;
        }
        match &self.shape {
            Shape::Distribution(sketch) => {
                let value = distribution_quantile(&self.buckets(), phi);
                if sketch.min <= sketch.max { value.clamp(sketch.min, sketch.max) } else { value }
            }
            _ => self.native_quantile(phi, notes),
        }
    }

    /// Observations in [lower, upper] as a fraction of all.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        self.fraction_noted(lower, upper, &mut NoteSet::default())
    }

    pub(crate) fn fraction_noted(&self, lower: f64, upper: f64, notes: &mut NoteSet) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let buckets = self.buckets();
        let mut seen = self.count;
        if self.sum.is_nan() {
            seen = buckets.iter().map(|bucket| bucket.count).sum();
            if seen < self.count {
                notes.add(Note::NanObservations);
            }
        }
        let parts = buckets.iter().map(|bucket| {
            let crosses_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            let bucket = if crosses_zero { self.one_sided(*bucket) } else { *bucket };
            (bucket, crosses_zero || !matches!(self.shape, Shape::Exponential(_)))
        });
        let [below, up_to] = [lower, upper].map(|value| rank_of(value, parts.clone()).unwrap_or(seen).min(seen));
        (up_to - below) / self.count
    }

    /// Each observation is taken to lie in the middle of its bucket.
    pub(crate) fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        let mut squares = KahanSum::default();
        for bucket in self.buckets() {
            let delta = self.middle(&bucket) - mean;
            squares.add(bucket.count * delta * delta);
        }
        squares.value() / self.count
    }

    /// The geometric mean in exponential buckets.
    fn middle(&self, bucket: &Bucket) -> f64 {
        let Bucket { lower, upper, .. } = *bucket;
        match &self.shape {
            Shape::Custom(_) | Shape::Distribution(_) => (upper + lower) / 2.0,
            Shape::Exponential(_) if lower <= 0.0 && upper >= 0.0 => 0.0,
            Shape::Exponential(_) => (upper * lower).sqrt().copysign(upper),
        }
    }

    fn native_quantile(&self, phi: f64, notes: &mut NoteSet) -> f64 {
        let buckets = self.buckets();
        // NaN observations count, but are in no bucket: then only the way up
        // knows the rank. Otherwise start from the nearer end.
        let forward = self.sum.is_nan() || phi < 0.5;
        let rank = if forward { phi * self.count } else { (1.0 - phi) * self.count };
        let mut seen = 0.0;
        let mut found: Option<Bucket> = None;
        let mut ordered: Box<dyn Iterator<Item = &Bucket>> =
            if forward { Box::new(buckets.iter()) } else { Box::new(buckets.iter().rev()) };
        for bucket in ordered.by_ref() {
            seen += bucket.count;
            found = Some(*bucket);
            if seen >= rank {
                break;
            }
        }
        let nothing = Bucket { lower: 0.0, upper: 0.0, count: 0.0, lower_inclusive: true, upper_inclusive: true };
        let mut bucket = found.unwrap_or(nothing);
        let is_custom = matches!(self.shape, Shape::Custom(_));
        if is_custom && bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if is_custom && bucket.upper == f64::INFINITY {
            return bucket.lower;
        } else if !is_custom && bucket.lower < 0.0 && bucket.upper > 0.0 {
            bucket = self.one_sided(bucket);
        }
        let Bucket { lower, upper, count, .. } = bucket;
        let up_to_found = seen.min(self.count);
        if up_to_found < rank {
            if self.sum.is_nan() {
                notes.add(Note::NanQuantile);
                return f64::NAN;
            }
            return upper;
        }
        if self.sum.is_nan() && ordered.fold(up_to_found, |seen, bucket| seen + bucket.count) < self.count {
            notes.add(Note::NanSkew);
        }
        let rank = if forward { rank - (up_to_found - count) } else { up_to_found - rank };
        interpolate(lower, upper, rank / count, is_custom || (lower <= 0.0 && upper >= 0.0))
    }

    /// A bucket around zero as values lie in it: on one side of zero when all
    /// others are.
    fn one_sided(&self, mut bucket: Bucket) -> Bucket {
        let (has_negative, has_positive) = match &self.shape {
            Shape::Exponential(e) => (!e.negative.is_empty(), !e.positive.is_empty()),
            Shape::Custom(c) => (false, !c.counts.is_empty()),
            Shape::Distribution(_) => (false, false),
        };
        match (has_negative, has_positive) {
            (false, true) => bucket.lower = 0.0,
            (true, false) => bucket.upper = 0.0,
            _ => {}
        }
        bucket
    }
}

/// Observations up to `value`, from buckets and whether values lie evenly in
/// them; `None`: past all of them.
fn rank_of(value: f64, buckets: impl Iterator<Item = (Bucket, bool)>) -> Option<f64> {
    let mut rank = 0.0;
    for (Bucket { lower, upper, count, .. }, linear) in buckets {
        if lower >= value {
            return Some(rank);
        }
        if upper > value {
            // Nothing is known of values that far down: all are below.
            let reaches_down = linear && lower == f64::NEG_INFINITY;
            return Some(if reaches_down { count } else { rank + count * position(lower, upper, value, linear) });
        }
        rank += count;
    }
    None
}

fn distribution_quantile(buckets: &[Bucket], phi: f64) -> f64 {
    let total: f64 = buckets.iter().map(|bucket| bucket.count).sum();
    let rank = phi * total;
    let mut before = 0.0;
    for bucket in buckets {
        if before + bucket.count >= rank * (1.0 - RANK_TOLERANCE) {
            if bucket.lower == 0.0 || bucket.upper == 0.0 {
                // The sketch's bucket of zero and of what is nearly zero.
                return 0.0;
            }
            if bucket.lower == bucket.upper {
                return bucket.lower;
            }
            let part = ((rank - before) / bucket.count).clamp(0.0, 1.0);
            return interpolate(bucket.lower, bucket.upper, part, true);
        }
        before += bucket.count;
    }
    buckets.last().map_or(f64::NAN, |bucket| bucket.upper)
}

fn interpolate(lower: f64, upper: f64, part: f64, linear: bool) -> f64 {
    if linear {
        return lower + (upper - lower) * part;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        (log_lower + (log_upper - log_lower) * part).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - part)).exp2()
    }
}

/// Which part of a bucket lies below a value inside of it.
pub(super) fn position(lower: f64, upper: f64, value: f64, linear: bool) -> f64 {
    if linear {
        return (value - lower) / (upper - lower);
    }
    let (log_lower, log_upper, log_value) = (lower.abs().log2(), upper.abs().log2(), value.abs().log2());
    if value > 0.0 {
        (log_value - log_lower) / (log_upper - log_lower)
    } else {
        1.0 - (log_value - log_upper) / (log_lower - log_upper)
    }
}

/// A bucket of a classic histogram: observations ≤ `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClassicBucket {
    pub upper: f64,
    pub count: f64,
}

/// Differences of counts that rounding alone explains.
const SMALL_DELTA: f64 = 1e-12;

/// Quantile of cumulative buckets; true: the counts had to be made monotonic.
pub(crate) fn classic_quantile(phi: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, bool) {
    if phi.is_nan() {
        return (f64::NAN, false);
    }
    if phi < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if phi > 1.0 {
        return (f64::INFINITY, false);
    }
    let (forced, total) = prepare(buckets);
    let Some(total) = total else { return (f64::NAN, forced) };
    let mut rank = phi * total;
    let last = buckets.len() - 1;
    // A rank of NaN is in no bucket but the last.
    let index = buckets[..last].partition_point(|bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    let value = if index == last {
        buckets[last - 1].upper
    } else if index == 0 && buckets[0].upper <= 0.0 {
        buckets[0].upper
    } else {
        let ClassicBucket { upper, mut count } = buckets[index];
        let mut lower = 0.0;
        if index > 0 {
            lower = buckets[index - 1].upper;
            count -= buckets[index - 1].count;
            rank -= buckets[index - 1].count;
        }
        lower + (upper - lower) * (rank / count)
    };
    (value, forced)
}

/// Fraction of observations between two values, linear within buckets.
pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    coalesce(buckets);
    let Some(last) = buckets.last().filter(|last| last.upper == f64::INFINITY) else { return f64::NAN };
    let total = last.count;
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| classic_rank(value, buckets).filter(|rank| *rank <= total).unwrap_or(total);
    (rank(upper) - rank(lower)) / total
}

fn classic_rank(value: f64, buckets: &[ClassicBucket]) -> Option<f64> {
    let first = buckets.first()?.upper;
    let mut below = ClassicBucket { upper: if first > 0.0 { 0.0 } else { f64::NEG_INFINITY }, count: 0.0 };
    for bucket in buckets {
        if below.upper >= value {
            return Some(below.count);
        }
        if bucket.upper > value {
            let part = bucket.count - below.count;
            let reaches_down = below.upper == f64::NEG_INFINITY;
            let within = if reaches_down { part } else { part * position(below.upper, bucket.upper, value, true) };
            return Some(below.count + within);
        }
        below = *bucket;
    }
    None
}

/// Sorts, and joins buckets of equal bounds.
fn coalesce(buckets: &mut Vec<ClassicBucket>) {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Makes counts rise. `None` for what is not a histogram (no +Inf bucket, fewer
/// than two buckets, no observations).
fn prepare(buckets: &mut Vec<ClassicBucket>) -> (bool, Option<f64>) {
    coalesce(buckets);
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return (false, None);
    }
    let mut forced = false;
    let mut before = buckets.first().map_or(0.0, |first| first.count);
    for bucket in buckets.iter_mut().skip(1) {
        if nearly_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            forced = true;
        } else {
            before = bucket.count;
        }
    }
    let total = buckets.last().map_or(0.0, |last| last.count);
    (forced, (buckets.len() >= 2 && total != 0.0).then_some(total))
}

fn nearly_equal(a: f64, b: f64) -> bool {
    let sum = a.abs() + b.abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return a == b || (a - b).abs() < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() / sum.min(f64::MAX) < SMALL_DELTA
}
