//! `</` and `>/`: the observations on one side of a value. Inside of the bucket
//! that the value cuts they are taken to lie as in `histogram_fraction`.

use super::quantile::position;
use super::{Bucket, Exponential, HistogramValue, Shape};

/// The side that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Below,
    Above,
}

/// How many observations of a bucket stay, and around where.
struct Kept {
    count: f64,
    middle: f64,
}

/// Where the middle of a bucket lies.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    /// Of positive or negative values.
    Logarithmic {
        sign: f64,
    },
}

impl HistogramValue {
    /// Count and sum are estimated anew if anything was cut off.
    pub(crate) fn trimmed(&self, at: f64, side: Side) -> Self {
        let mut trimmed = self.clone();
        let mut tally = Tally::default();
        match &mut trimmed.shape {
            Shape::Exponential(exponential) => exponential.trim(at, side, &mut tally),
            Shape::Custom(custom) => {
                let bounds = custom.bounds.clone();
                let bound = |index: i32, outside: f64| {
                    usize::try_from(index).ok().and_then(|index| bounds.get(index)).copied().unwrap_or(outside)
                };
                for (index, count) in &mut custom.counts {
                    let lower = if *index == 0 { f64::NEG_INFINITY } else { bound(*index - 1, f64::INFINITY) };
                    tally.keep(count, trim(lower, bound(*index, f64::INFINITY), *count, at, side, Scale::Linear));
                }
                custom.counts.retain(|(_, count)| *count != 0.0);
            }
            Shape::Distribution(sketch) => {
                for ((_, count), bucket) in sketch.buckets.iter_mut().zip(self.buckets()) {
                    let Bucket { lower, upper, .. } = bucket;
                    tally.keep(count, trim(lower, upper, *count, at, side, Scale::Linear));
                }
                sketch.buckets.retain(|(_, count)| *count != 0.0);
            }
        }
        if tally.changed {
            (trimmed.count, trimmed.sum) = (tally.count, tally.sum);
        }
        trimmed
    }
}

#[derive(Default)]
struct Tally {
    count: f64,
    sum: f64,
    changed: bool,
}

impl Tally {
    fn keep(&mut self, count: &mut f64, kept: Kept) {
        self.count += kept.count;
        self.sum += kept.middle * kept.count;
        self.changed |= *count != kept.count;
        *count = kept.count;
    }
}

impl Exponential {
    fn trim(&mut self, at: f64, side: Side, tally: &mut Tally) {
        let (has_negative, has_positive) = (!self.negative.is_empty(), !self.positive.is_empty());
        let bounds = |index: i32| {
            let bound = |index| super::buckets::upper_bound(self.schema, index);
            (bound(index.saturating_sub(1)), bound(index))
        };
        for (index, count) in &mut self.positive {
            let (lower, upper) = bounds(*index);
            tally.keep(count, trim(lower, upper, *count, at, side, Scale::Logarithmic { sign: 1.0 }));
        }
        for (index, count) in &mut self.negative {
            let (lower, upper) = bounds(*index);
            tally.keep(count, trim(-upper, -lower, *count, at, side, Scale::Logarithmic { sign: -1.0 }));
        }
        if self.zero_count > 0.0 {
            let lower = if has_positive && !has_negative { 0.0 } else { -self.zero_threshold };
            let upper = if has_negative && !has_positive { 0.0 } else { self.zero_threshold };
            let kept = trim_zero(lower, upper, self.zero_count, at, side);
            tally.keep(&mut self.zero_count, kept);
        }
        self.positive.retain(|(_, count)| *count != 0.0);
        self.negative.retain(|(_, count)| *count != 0.0);
    }
}

fn trim(lower: f64, upper: f64, count: f64, at: f64, side: Side, scale: Scale) -> Kept {
    let (keeps_all, is_cut) = match side {
        Side::Below => (upper <= at, lower < at),
        Side::Above => (lower >= at, upper > at),
    };
    if keeps_all {
        return Kept { count, middle: middle(lower, upper, scale) };
    }
    if !is_cut {
        return Kept { count: 0.0, middle: 0.0 };
    }
    if lower == f64::NEG_INFINITY || upper == f64::INFINITY {
        return trim_endless(lower, upper, count, at, side);
    }
    let below = count * position(lower, upper, at, scale == Scale::Linear);
    match side {
        Side::Below => Kept { count: below, middle: middle(lower, at, scale) },
        Side::Above => Kept { count: count - below, middle: middle(at, upper, scale) },
    }
}

/// A bucket without an end that the value cuts. One from −Inf to a positive
/// bound is taken to begin at zero; of others nothing is known, so that what
/// lies past the value goes with the end.
fn trim_endless(lower: f64, upper: f64, count: f64, at: f64, side: Side) -> Kept {
    const NOTHING: Kept = Kept { count: 0.0, middle: 0.0 };
    if lower == f64::NEG_INFINITY {
        let begins_at_zero = upper > 0.0 && upper.is_finite();
        return match side {
            Side::Below if at > 0.0 && begins_at_zero => Kept { count: count * at / upper, middle: at / 2.0 },
            Side::Below if upper <= 0.0 => Kept { count, middle: at },
            Side::Above if at >= 0.0 && begins_at_zero => {
                Kept { count: count * (1.0 - at / upper), middle: (at + upper) / 2.0 }
            }
            _ => NOTHING,
        };
    }
    if side == Side::Above && at >= lower { Kept { count, middle: at } } else { NOTHING }
}

fn trim_zero(lower: f64, upper: f64, count: f64, at: f64, side: Side) -> Kept {
    let nothing = Kept { count: 0.0, middle: 0.0 };
    let all = Kept { count, middle: (lower + upper) / 2.0 };
    match side {
        Side::Below if at <= lower => nothing,
        Side::Below if at >= upper => all,
        Side::Below => Kept { count: count * ((at - lower) / (upper - lower)), middle: (lower + at) / 2.0 },
        Side::Above if at <= lower => all,
        Side::Above if at >= upper => nothing,
        Side::Above => Kept { count: count * ((upper - at) / (upper - lower)), middle: (at + upper) / 2.0 },
    }
}

fn middle(lower: f64, upper: f64, scale: Scale) -> f64 {
    match (lower.is_infinite(), upper.is_infinite(), scale) {
        (true, true, _) => 0.0,
        (true, false, _) if upper > 0.0 => upper / 2.0,
        (true, false, _) => upper,
        (false, true, _) => lower,
        (false, false, Scale::Linear) => (lower + upper) / 2.0,
        (false, false, Scale::Logarithmic { sign }) => sign * (lower * upper).abs().sqrt(),
    }
}
