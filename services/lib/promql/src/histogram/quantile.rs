//! Quantiles and fractions of histograms.

use super::{Bucket, HistogramValue, Shape};

/// Counts divided by a range's seconds round differently from their total; a
/// rank this near to a bucket's end lies in the bucket.
const RANK_TOLERANCE: f64 = 1e-12;

impl HistogramValue {
    /// The φ-quantile: exponential interpolation in standard buckets, linear in
    /// zero and custom buckets; of a distribution within 2⁻⁷ of the true value.
    pub fn quantile(&self, phi: f64) -> f64 {
        if phi.is_nan() || self.count == 0.0 || self.count.is_nan() {
            return f64::NAN;
        }
        if phi < 0.0 {
            return f64::NEG_INFINITY;
        }
        if phi > 1.0 {
            return f64::INFINITY;
        }
        match &self.shape {
            Shape::Distribution(sketch) => {
                let value = distribution_quantile(&self.buckets(), phi);
                if sketch.min <= sketch.max { value.clamp(sketch.min, sketch.max) } else { value }
            }
            _ => self.native_quantile(phi),
        }
    }

    /// Observations in [lower, upper] as a fraction of all.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || self.count.is_nan() || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        (self.rank_of(upper) - self.rank_of(lower)) / self.count
    }

    fn native_quantile(&self, phi: f64) -> f64 {
        let buckets = self.buckets();
        // NaN observations count, but are in no bucket: then only the way up
        // knows the rank. Otherwise start from the nearer end.
        let forward = self.sum.is_nan() || phi < 0.5;
        let mut rank = if forward { phi * self.count } else { (1.0 - phi) * self.count };
        let mut seen = 0.0;
        let mut found: Option<Bucket> = None;
        let ordered: &mut dyn Iterator<Item = &Bucket> =
            if forward { &mut buckets.iter() } else { &mut buckets.iter().rev() };
        for bucket in ordered {
            seen += bucket.count;
            found = Some(*bucket);
            if seen >= rank {
                break;
            }
        }
        let Some(bucket) = found else { return f64::NAN };
        let Bucket { lower, upper, count, .. } = self.effective(bucket);
        if matches!(self.shape, Shape::Custom(_)) {
            if lower == f64::NEG_INFINITY {
                return upper;
            }
            if upper == f64::INFINITY {
                return lower;
            }
        }
        seen = seen.min(self.count);
        if seen < rank {
            return if self.sum.is_nan() {
                f64::NAN
            } else if forward {
                upper
            } else {
                lower
            };
        }
        rank = if forward { rank - (seen - count) } else { seen - rank };
        interpolate(lower, upper, rank / count, self.is_linear(lower, upper))
    }

    /// Observations up to `value`.
    fn rank_of(&self, value: f64) -> f64 {
        let mut rank = 0.0;
        for bucket in self.buckets() {
            let Bucket { lower, upper, count, .. } = self.effective(bucket);
            if value <= lower {
                return rank;
            }
            if value < upper {
                return rank + count * position(lower, upper, value, self.is_linear(lower, upper));
            }
            rank += count;
        }
        if value == f64::INFINITY { self.count } else { rank.min(self.count) }
    }

    fn is_linear(&self, lower: f64, upper: f64) -> bool {
        !matches!(self.shape, Shape::Exponential(_)) || (lower <= 0.0 && upper >= 0.0)
    }

    /// A bucket as values lie in it: the zero bucket is taken as one-sided when
    /// the histogram is, the first custom bucket as beginning at zero.
    fn effective(&self, mut bucket: Bucket) -> Bucket {
        match &self.shape {
            Shape::Exponential(e) if bucket.lower < 0.0 && bucket.upper > 0.0 => {
                match (e.negative.is_empty(), e.positive.is_empty()) {
                    (true, false) => bucket.lower = 0.0,
                    (false, true) => bucket.upper = 0.0,
                    _ => {}
                }
            }
            Shape::Custom(_) if bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 => bucket.lower = 0.0,
            _ => {}
        }
        bucket
    }
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
            let part = ((rank - before) / bucket.count).clamp(0.0, 1.0);
            return interpolate(bucket.lower, bucket.upper, part, true);
        }
        before += bucket.count;
    }
    buckets.last().map_or(f64::NAN, |bucket| bucket.upper)
}

fn interpolate(lower: f64, upper: f64, part: f64, linear: bool) -> f64 {
    if lower == upper {
        return lower;
    }
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

/// Where a value lies between two bounds, 0 to 1: what `interpolate` undoes.
fn position(lower: f64, upper: f64, value: f64, linear: bool) -> f64 {
    if lower == f64::NEG_INFINITY {
        // Nothing is known of values that far down: all are below.
        return 1.0;
    }
    if upper == f64::INFINITY {
        return 0.0;
    }
    if linear {
        return (value - lower) / (upper - lower);
    }
    let (log_lower, log_upper, log_value) = (lower.abs().log2(), upper.abs().log2(), value.abs().log2());
    if lower > 0.0 {
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
    let Some((forced, total)) = prepare(buckets) else { return (f64::NAN, false) };
    let mut rank = phi * total;
    let last = buckets.len() - 1;
    let index = buckets[..last].partition_point(|bucket| bucket.count < rank);
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
    if lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    let Some((_, total)) = prepare(buckets) else { return f64::NAN };
    if lower >= upper {
        return 0.0;
    }
    (classic_rank(upper, buckets, total) - classic_rank(lower, buckets, total)) / total
}

fn classic_rank(value: f64, buckets: &[ClassicBucket], total: f64) -> f64 {
    let first = buckets.first().map_or(0.0, |bucket| bucket.upper);
    let mut below = ClassicBucket { upper: if first > 0.0 { 0.0 } else { f64::NEG_INFINITY }, count: 0.0 };
    for bucket in buckets {
        if value <= below.upper {
            return below.count;
        }
        if value < bucket.upper {
            return below.count + (bucket.count - below.count) * position(below.upper, bucket.upper, value, true);
        }
        below = *bucket;
    }
    total
}

/// Sorts, joins equal bounds, makes counts rise. `None` for what is not a
/// histogram (no +Inf bucket, fewer than two buckets, no observations).
fn prepare(buckets: &mut Vec<ClassicBucket>) -> Option<(bool, f64)> {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    if buckets.last()?.upper != f64::INFINITY {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    let mut forced = false;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        if nearly_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            forced = true;
        }
        before = bucket.count;
    }
    (buckets.len() >= 2 && before != 0.0 && !before.is_nan()).then_some((forced, before))
}

fn nearly_equal(a: f64, b: f64) -> bool {
    let sum = a.abs() + b.abs();
    a == b || (a - b).abs() < SMALL_DELTA * sum.clamp(f64::MIN_POSITIVE, f64::MAX)
}
