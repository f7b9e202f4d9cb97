//! Adding up many distributions at once, as `rate` over a range does.

use tidegate_model::ResetHint;
use tidegate_sketch::BucketKey;

use super::{HistogramValue, Shape, SketchCounts};
use crate::kahan::KahanSum;

/// Slots of the counting table; sketches that span more are sorted instead.
/// 8192 slots are 64 powers of two on one side of zero.
const MAX_TABLE_SLOTS: i64 = 8192;

/// The sum of distributions; `None` of none. Values of other shapes are left
/// out: the caller keeps them apart.
pub(crate) fn merge_distributions<'a>(
    values: impl Iterator<Item = &'a HistogramValue> + Clone,
) -> Option<HistogramValue> {
    let sketches = values.filter_map(|value| match &value.shape {
        Shape::Distribution(sketch) => Some((value, sketch)),
        _ => None,
    });
    let mut count = KahanSum::default();
    let mut sum = KahanSum::default();
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut ranks: Option<(i32, i32)> = None;
    let mut merged = 0;
    for (value, sketch) in sketches.clone() {
        merged += 1;
        count.add(value.count);
        sum.add(value.sum);
        (min, max) = (min.min(sketch.min), max.max(sketch.max));
        if let (Some((first, _)), Some((last, _))) = (sketch.buckets.first(), sketch.buckets.last()) {
            let (low, high) = ranks.unwrap_or((i32::MAX, i32::MIN));
            ranks = Some((low.min(rank(*first)), high.max(rank(*last))));
        }
    }
    if merged == 0 {
        return None;
    }
    let all = sketches.flat_map(|(_, sketch)| sketch.buckets.iter().copied());
    let buckets = match ranks {
        Some((low, high)) if i64::from(high) - i64::from(low) < MAX_TABLE_SLOTS => add_in_table(all, low, high),
        _ => add_sorted(all.collect()),
    };
    Some(HistogramValue {
        count: count.value(),
        sum: sum.value(),
        shape: Shape::Distribution(SketchCounts { min, max, buckets }),
        reset_hint: ResetHint::Gauge,
    })
}

fn add_in_table(all: impl Iterator<Item = (BucketKey, f64)>, low: i32, high: i32) -> Vec<(BucketKey, f64)> {
    let mut table = vec![0.0; (high - low + 1) as usize];
    for (key, count) in all {
        table[(rank(key) - low) as usize] += count;
    }
    let populated = (low..=high).zip(table).filter(|(_, count)| *count != 0.0);
    populated.filter_map(|(rank, count)| Some((key_at(rank)?, count))).collect()
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
