//! Histograms and distributions within other formats.
//!
//! Histogram: schema (i8), reset hint (u8), zero threshold (f64), zero count,
//! count (counts), sum (f64), positive then negative buckets, number of custom
//! bounds and the bounds (f64 each). Buckets: number of spans, per span the
//! offset (zigzag) and length, then one count per bucket of the spans.
//!
//! Distribution: count, sum, min, max (f64 each), number of sketch buckets,
//! per bucket its key as difference to the key before (zigzag) and its count.

use tidegate_model::{Buckets, Distribution, Histogram, ResetHint, Span};
use tidegate_sketch::{BucketKey, Sketch};

use super::StoredError;
use super::varint::{Cursor, put_count, put_varint, put_zigzag};

pub(super) fn put_histogram(out: &mut Vec<u8>, h: &Histogram) {
    out.push(h.schema as u8);
    out.push(match h.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NoReset => 2,
        ResetHint::Gauge => 3,
    });
    out.extend_from_slice(&h.zero_threshold.to_le_bytes());
    put_count(out, h.zero_count);
    put_count(out, h.count);
    out.extend_from_slice(&h.sum.to_le_bytes());
    for buckets in [&h.positive, &h.negative] {
        put_varint(out, buckets.spans.len() as u64);
        for span in &buckets.spans {
            put_zigzag(out, i64::from(span.offset));
            put_varint(out, u64::from(span.length));
        }
        put_varint(out, buckets.counts.len() as u64);
        for count in &buckets.counts {
            put_count(out, *count);
        }
    }
    put_varint(out, h.custom_bounds.len() as u64);
    for bound in &h.custom_bounds {
        out.extend_from_slice(&bound.to_le_bytes());
    }
}

pub(super) fn take_histogram(cursor: &mut Cursor<'_>) -> Result<Histogram, StoredError> {
    let schema = cursor.u8()? as i8;
    let reset_hint = match cursor.u8()? {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NoReset,
        3 => ResetHint::Gauge,
        _ => return Err(StoredError::Invalid("unknown reset hint")),
    };
    let zero_threshold = cursor.f64()?;
    let zero_count = cursor.float_count()?;
    let count = cursor.float_count()?;
    let sum = cursor.f64()?;
    let positive = take_buckets(cursor)?;
    let negative = take_buckets(cursor)?;
    let bounds = cursor.count(8)?;
    let custom_bounds = (0..bounds).map(|_| cursor.f64()).collect::<Result<_, _>>()?;
    Ok(Histogram { schema, zero_threshold, zero_count, count, sum, positive, negative, custom_bounds, reset_hint })
}

fn take_buckets(cursor: &mut Cursor<'_>) -> Result<Buckets, StoredError> {
    let span_count = cursor.count(2)?;
    let mut spans = Vec::with_capacity(span_count);
    let mut buckets = 0u64;
    for _ in 0..span_count {
        let offset = i32::try_from(cursor.zigzag()?).map_err(|_| StoredError::Invalid("span offset"))?;
        let length = cursor.varint_u32()?;
        buckets += u64::from(length);
        spans.push(Span { offset, length });
    }
    let count = cursor.count(1)?;
    if count as u64 != buckets {
        return Err(StoredError::Invalid("spans and counts differ in number"));
    }
    let counts = (0..count).map(|_| cursor.float_count()).collect::<Result<_, _>>()?;
    Ok(Buckets { spans, counts })
}

/// Equal to the bit, NaN and signed zero included.
pub(super) fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    put_histogram(&mut left, a);
    put_histogram(&mut right, b);
    left == right
}

pub(super) fn put_distribution(out: &mut Vec<u8>, d: &Distribution) {
    put_varint(out, d.count);
    for value in [d.sum, d.min, d.max] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    put_varint(out, d.sketch.bucket_count() as u64);
    let mut before = 0i64;
    for (key, count) in d.sketch.iter() {
        let key = i64::from(key.bits());
        put_zigzag(out, key - before);
        put_varint(out, count);
        before = key;
    }
}

pub(super) fn take_distribution(cursor: &mut Cursor<'_>) -> Result<Distribution, StoredError> {
    let count = cursor.varint()?;
    let (sum, min, max) = (cursor.f64()?, cursor.f64()?, cursor.f64()?);
    let mut sketch = Sketch::new();
    let mut bits = 0i64;
    for _ in 0..cursor.count(2)? {
        bits = bits.wrapping_add(cursor.zigzag()?);
        let key = u32::try_from(bits).ok().and_then(BucketKey::from_bits);
        sketch.record_n(key.ok_or(StoredError::Invalid("sketch key"))?, cursor.varint()?);
    }
    Ok(Distribution { count, sum, min, max, sketch })
}

pub(super) fn same_distribution(a: &Distribution, b: &Distribution) -> bool {
    let floats = |d: &Distribution| [d.sum, d.min, d.max].map(f64::to_bits);
    a.count == b.count && floats(a) == floats(b) && a.sketch == b.sketch
}
