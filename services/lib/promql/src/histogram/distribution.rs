//! Adding up many distributions at once, as `rate` over a range does.

use tidegate_model::ResetHint;
use tidegate_sketch::BucketKey;

use super::{HistogramValue, Shape, SketchCounts};
use crate::kahan::KahanSum;

/// Slots of the counting table; sketches that span more are sorted instead.
/// 8192 slots are 64 powers of two on one side of zero.
const MAX_TABLE_SLOTS: usize = 8192;

/// The counts of the distributions in a range that moves on: each is added once
/// and taken away once, however many ranges it lies in. Counts of windows are
/// whole numbers, so that adding and taking away is exact.
pub(crate) struct SlidingCounts {
    /// Rank of the first slot.
    low: i32,
    table: Vec<f64>,
    /// The distributions counted, as places in the series.
    from: usize,
    to: usize,
}

impl SlidingCounts {
    /// For ranges over these; `None` where the table would be too large.
    pub fn over<'a>(all: impl Iterator<Item = &'a HistogramValue>) -> Option<Self> {
        let (low, high) = all.filter_map(|value| ranks(sketch(value)?)).reduce(join)?;
        let slots = table_slots(low, high)?;
        Some(Self { low, table: vec![0.0; slots], from: 0, to: 0 })
    }

    /// Moves the range on to `from..to`; neither may go back.
    pub fn advance<'a>(&mut self, value_at: impl Fn(usize) -> &'a HistogramValue, from: usize, to: usize) {
        for index in self.to..to {
            self.count(value_at(index), 1.0);
        }
        for index in self.from..from {
            self.count(value_at(index), -1.0);
        }
        (self.from, self.to) = (from, to);
    }

    fn count(&mut self, value: &HistogramValue, sign: f64) {
        for (key, count) in sketch(value).into_iter().flat_map(|sketch| &sketch.buckets) {
            self.table[(rank(*key) - self.low) as usize] += sign * count;
        }
    }

    fn buckets(&self) -> Vec<(BucketKey, f64)> {
        populated(self.low, &self.table)
    }
}

/// The sum of distributions; `None` of none. Values of other shapes are left
/// out: the caller keeps them apart. `counted`, where given, holds the counts of
/// just these.
pub(crate) fn merge_distributions<'a>(
    values: impl Iterator<Item = &'a HistogramValue> + Clone,
    counted: Option<&SlidingCounts>,
) -> Option<HistogramValue> {
    let sketches = values.filter_map(|value| Some((value, sketch(value)?)));
    let mut count = KahanSum::default();
    let mut sum = KahanSum::default();
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut merged = 0;
    for (value, sketch) in sketches.clone() {
        merged += 1;
        count.add(value.count);
        sum.add(value.sum);
        (min, max) = (min.min(sketch.min), max.max(sketch.max));
    }
    if merged == 0 {
        return None;
    }
    let buckets = counted.map_or_else(|| add_buckets(sketches.map(|(_, sketch)| sketch)), SlidingCounts::buckets);
    Some(HistogramValue {
        count: count.value(),
        sum: sum.value(),
        shape: Shape::Distribution(SketchCounts { min, max, buckets }),
        reset_hint: ResetHint::Gauge,
    })
}

fn sketch(value: &HistogramValue) -> Option<&SketchCounts> {
    match &value.shape {
        Shape::Distribution(sketch) => Some(sketch),
        _ => None,
    }
}

/// Ranks of the first and last bucket.
fn ranks(sketch: &SketchCounts) -> Option<(i32, i32)> {
    Some((rank(sketch.buckets.first()?.0), rank(sketch.buckets.last()?.0)))
}

fn join(a: (i32, i32), b: (i32, i32)) -> (i32, i32) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn table_slots(low: i32, high: i32) -> Option<usize> {
    usize::try_from(high - low + 1).ok().filter(|slots| *slots <= MAX_TABLE_SLOTS)
}

fn add_buckets<'a>(sketches: impl Iterator<Item = &'a SketchCounts> + Clone) -> Vec<(BucketKey, f64)> {
    let Some((low, high)) = sketches.clone().filter_map(ranks).reduce(join) else { return Vec::new() };
    let all = sketches.flat_map(|sketch| sketch.buckets.iter().copied());
    let Some(slots) = table_slots(low, high) else { return add_sorted(all.collect()) };
    let mut table = vec![0.0; slots];
    for (key, count) in all {
        table[(rank(key) - low) as usize] += count;
    }
    populated(low, &table)
}

fn populated(low: i32, table: &[f64]) -> Vec<(BucketKey, f64)> {
    let populated = (low..).zip(table).filter(|(_, count)| **count != 0.0);
    populated.filter_map(|(rank, count)| Some((key_at(rank)?, *count))).collect()
}

fn add_sorted(mut all: Vec<(BucketKey, f64)>) -> Vec<(BucketKey, f64)> {
    all.sort_by_key(|(key, _)| *key);
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    all
}

const SIGN: u32 = 1 << 18;

/// Position of a key in the order of values: keys are sign and magnitude.
fn rank(key: BucketKey) -> i32 {
    let magnitude = (key.bits() & !SIGN) as i32;
    if key.bits() & SIGN == 0 { magnitude } else { -magnitude - 1 }
}

/// What `rank` undoes.
fn key_at(rank: i32) -> Option<BucketKey> {
    BucketKey::from_bits(if rank >= 0 { rank as u32 } else { SIGN | (-1 - rank) as u32 })
}
