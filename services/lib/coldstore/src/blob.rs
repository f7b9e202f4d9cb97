//! The two binary columns. Formats of their own, not the hot store's: the
//! archive lives for years.
//!
//! `sketch`: per bucket, in the order of the values, the bucket's key (LEB128;
//! for all but the first in zigzag LEB128 the difference to the key before)
//! and its count (LEB128). A key is the upper 19 bits of a double.
//!
//! `histogram`: the first histogram, then, with more than one sample, the
//! last. Each: schema (1 byte, signed), reset hint (1 byte: 0 unknown, 1 reset, 2 no
//! reset, 3 gauge), zero threshold, zero count, count, sum (doubles, little
//! endian), positive and negative buckets (number of spans; offset in zigzag
//! and length of each; as many counts, doubles), number of custom bounds and
//! the bounds (doubles). Numbers without a type are LEB128.

use tidegate_model::{Buckets, Histogram, ResetHint, Span};
use tidegate_sketch::{BucketKey, Sketch};

/// Says what is wrong with the bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BlobError(&'static str);

pub fn put_sketch(out: &mut Vec<u8>, sketch: &Sketch) {
    let mut before = 0i64;
    for (index, (key, count)) in sketch.iter().enumerate() {
        let key = i64::from(key.bits());
        if index == 0 {
            put_number(out, key as u64);
        } else {
            put_number(out, zigzag(key - before));
        }
        put_number(out, count);
        before = key;
    }
}

pub fn get_sketch(bytes: &[u8]) -> Result<Sketch, BlobError> {
    let mut input = Input(bytes);
    let (mut sketch, mut before) = (Sketch::new(), None);
    while !input.0.is_empty() {
        let number = input.number()?;
        let bits = before.map_or(number as i64, |before: i64| before.wrapping_add(unzigzag(number)));
        let key = u32::try_from(bits).ok().and_then(BucketKey::from_bits).ok_or(BlobError("no bucket key"))?;
        sketch.record_n(key, input.number()?);
        before = Some(bits);
    }
    Ok(sketch)
}

pub fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.push(histogram.schema as u8);
    out.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NoReset => 2,
        ResetHint::Gauge => 3,
    });
    put_doubles(out, &[histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum]);
    for buckets in [&histogram.positive, &histogram.negative] {
        put_number(out, buckets.spans.len() as u64);
        for span in &buckets.spans {
            put_number(out, zigzag(i64::from(span.offset)));
            put_number(out, u64::from(span.length));
        }
        put_number(out, buckets.counts.len() as u64);
        put_doubles(out, &buckets.counts);
    }
    put_number(out, histogram.custom_bounds.len() as u64);
    put_doubles(out, &histogram.custom_bounds);
}

/// The histogram at the start of `bytes`, and what follows it.
pub fn get_histogram(bytes: &[u8]) -> Result<(Histogram, &[u8]), BlobError> {
    let mut input = Input(bytes);
    let [schema, hint] = *input.take(2)? else { return Err(TRUNCATED) };
    let reset_hint = match hint {
        0 => ResetHint::Unknown,
        1 => ResetHint::Reset,
        2 => ResetHint::NoReset,
        3 => ResetHint::Gauge,
        _ => return Err(BlobError("no reset hint")),
    };
    let histogram = Histogram {
        schema: schema as i8,
        reset_hint,
        zero_threshold: input.double()?,
        zero_count: input.double()?,
        count: input.double()?,
        sum: input.double()?,
        positive: input.buckets()?,
        negative: input.buckets()?,
        custom_bounds: input.doubles()?,
    };
    Ok((histogram, input.0))
}

const TRUNCATED: BlobError = BlobError("truncated");

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BlobError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, BlobError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BlobError("a number of more than 64 bits"))
    }

    fn double(&mut self) -> Result<f64, BlobError> {
        let bytes = self.take(8)?.try_into().map_err(|_| TRUNCATED)?;
        Ok(f64::from_le_bytes(bytes))
    }

    fn doubles(&mut self) -> Result<Vec<f64>, BlobError> {
        let count = self.number()?;
        // Checked first, so that a wrong count does not ask for the memory.
        if count > self.0.len() as u64 / 8 {
            return Err(TRUNCATED);
        }
        (0..count).map(|_| self.double()).collect()
    }

    fn buckets(&mut self) -> Result<Buckets, BlobError> {
        let count = self.number()?;
        if count > self.0.len() as u64 / 2 {
            return Err(TRUNCATED);
        }
        let mut spans = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let offset = i32::try_from(unzigzag(self.number()?)).map_err(|_| BlobError("a span's offset"))?;
            let length = u32::try_from(self.number()?).map_err(|_| BlobError("a span's length"))?;
            spans.push(Span { offset, length });
        }
        Ok(Buckets { spans, counts: self.doubles()? })
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_doubles(out: &mut Vec<u8>, values: &[f64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests;
