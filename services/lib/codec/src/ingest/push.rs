//! The native push (`tidegate.v1.PushRequest`), straight from its bytes.

use tidegate_model::{Buckets, Distribution, Histogram, Span};
use tidegate_sketch::BucketKey;

use super::protobuf::{Key, Reader, WireError, bytes_key, varint_key};
use super::{DecodeError, Metadata, SampleError, Scratch, SeriesError, Sink, prometheus};

const SYMBOLS: Key = bytes_key(4);
const SERIES: Key = bytes_key(5);
const METADATA: Key = bytes_key(6);

const LABEL_REFS: Key = bytes_key(1);
const LABEL_REF: Key = varint_key(1);
const SAMPLES: Key = bytes_key(2);
const HISTOGRAMS: Key = bytes_key(3);
const DISTRIBUTIONS: Key = bytes_key(4);
const DELTA: Key = varint_key(5);

/// What a push says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Session and sequence; none where the client gave no session.
    pub session: Option<(u128, u64)>,
    /// "" when not given.
    pub agent_id: &'a str,
}

/// What a series' samples are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Temporality {
    Cumulative,
    Delta,
}

/// A push whose header and symbols are read.
pub struct Push<'a> {
    pub header: Header<'a>,
    body: &'a [u8],
}

impl<'a> Push<'a> {
    /// Reads the header; `scratch` then holds the symbols for
    /// [`Push::decode`].
    pub fn open(body: &'a [u8], scratch: &mut Scratch) -> Result<Self, DecodeError> {
        Ok(Self { header: read_header(body, scratch)?, body })
    }

    /// Tells `sink` the series; `scratch` is the one given to [`Push::open`].
    pub fn decode(&self, scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), DecodeError> {
        let mut reader = Reader::new(self.body);
        let mut index = 0;
        while let Some(key) = reader.key()? {
            match key {
                SERIES => {
                    series(index, self.body, reader.bytes()?, scratch, sink)?;
                    index += 1;
                }
                METADATA => metadata(self.body, reader.bytes()?, scratch, sink)?,
                other => reader.skip(other)?,
            }
        }
        Ok(())
    }
}

/// The header and the symbols, wherever they stand.
fn read_header<'a>(body: &'a [u8], scratch: &mut Scratch) -> Result<Header<'a>, DecodeError> {
    scratch.symbols.clear();
    let (mut session, mut sequence, mut agent_id): (&[u8], u64, &[u8]) = (&[], 0, &[]);
    let mut reader = Reader::new(body);
    while let Some(key) = reader.key()? {
        match (key, key >> 3, key & 7) {
            (SYMBOLS, ..) => {
                let symbol = reader.bytes()?;
                scratch.symbols.push(body, reader.remaining(), symbol);
            }
            (_, 1, 2) => session = reader.bytes()?,
            (_, 2, 0) => sequence = reader.varint()?,
            (_, 3, 2) => agent_id = reader.bytes()?,
            _ => reader.skip(key)?,
        }
    }
    if scratch.symbols.get(body, 0).is_some_and(|first| !first.is_empty()) {
        return Err(DecodeError::FirstSymbol);
    }
    let session = match <[u8; 16]>::try_from(session) {
        Ok(_) if sequence == 0 => return Err(DecodeError::Sequence),
        Ok(bytes) => Some((u128::from_be_bytes(bytes), sequence)),
        Err(_) if session.is_empty() => None,
        Err(_) => return Err(DecodeError::Session(session.len())),
    };
    Ok(Header { session, agent_id: std::str::from_utf8(agent_id).unwrap_or("") })
}

/// Labels and temporality first, wherever they stand, then the samples.
fn series(
    index: u32,
    body: &[u8],
    message: &[u8],
    scratch: &mut Scratch,
    sink: &mut impl Sink,
) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let mut rest = None;
    let mut temporality = Temporality::Cumulative;
    let mut pending = None;
    scratch.labels.begin();
    loop {
        let before = reader;
        match reader.key()? {
            None => break,
            Some(LABEL_REFS) => {
                scratch.symbols.resolve(body, reader.bytes()?, &mut pending, &mut scratch.labels)?;
            }
            Some(LABEL_REF) => {
                scratch.symbols.resolve_one(body, reader.varint()?, &mut pending, &mut scratch.labels);
            }
            Some(DELTA) if reader.varint()? != 0 => temporality = Temporality::Delta,
            Some(DELTA) => {}
            Some(other) => {
                rest.get_or_insert(before);
                reader.skip(other)?;
            }
        }
    }
    if pending.is_some() {
        scratch.labels.refuse(SeriesError::OddReferences);
    }
    sink.series(index, scratch.labels.finish());
    let Some(mut reader) = rest else { return Ok(()) };
    while let Some(key) = reader.key()? {
        match key {
            SAMPLES => {
                let (time_ms, value) = sample(reader.bytes()?)?;
                match temporality {
                    Temporality::Cumulative => sink.float(given(time_ms), value),
                    Temporality::Delta => sink.delta_float(given(time_ms), value),
                }
            }
            HISTOGRAMS => {
                let (time_ms, read) = histogram(reader.bytes()?, &mut scratch.histogram)?;
                match read {
                    Ok(()) => sink.histogram(given(time_ms), &scratch.histogram),
                    Err(reason) => sink.invalid_sample(reason),
                }
            }
            DISTRIBUTIONS => {
                let (time_ms, read) = distribution(reader.bytes()?, scratch)?;
                match read {
                    Ok(()) => sink.distribution(given(time_ms), &scratch.distribution),
                    Err(reason) => sink.invalid_sample(reason),
                }
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// A time of 0 means "now".
fn given(time_ms: i64) -> Option<i64> {
    (time_ms != 0).then_some(time_ms)
}

#[inline(always)]
fn sample(message: &[u8]) -> Result<(i64, f64), WireError> {
    let mut reader = Reader::new(message);
    let (mut time_ms, mut value) = (0, 0.0);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => time_ms = reader.varint()? as i64,
            (2, 1) => value = reader.double()?,
            _ => reader.skip(key)?,
        }
    }
    Ok((time_ms, value))
}

type Read = (i64, Result<(), SampleError>);

fn histogram(message: &[u8], out: &mut Histogram) -> Result<Read, WireError> {
    clear(out);
    let mut reader = Reader::new(message);
    let (mut time_ms, mut schema) = (0, 0);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => time_ms = reader.varint()? as i64,
            (2, 0) => schema = reader.zigzag()?,
            (3, 1) => out.zero_threshold = reader.double()?,
            (4, 1) => out.zero_count = reader.double()?,
            (5, 1) => out.count = reader.double()?,
            (6, 1) => out.sum = reader.double()?,
            (7, 2) => span(reader.bytes()?, &mut out.positive)?,
            (8, 1 | 2) => reader.doubles(key, &mut out.positive.counts)?,
            (9, 2) => span(reader.bytes()?, &mut out.negative)?,
            (10, 1 | 2) => reader.doubles(key, &mut out.negative.counts)?,
            (11, 1 | 2) => reader.doubles(key, &mut out.custom_bounds)?,
            (12, 0) => out.reset_hint = prometheus::reset_hint(reader.varint()?),
            _ => reader.skip(key)?,
        }
    }
    let Ok(small) = i8::try_from(schema) else {
        return Ok((time_ms, Err(SampleError::HistogramSchema(schema))));
    };
    out.schema = small;
    Ok((time_ms, prometheus::validate(out)))
}

fn clear(histogram: &mut Histogram) {
    for buckets in [&mut histogram.positive, &mut histogram.negative] {
        buckets.spans.clear();
        buckets.counts.clear();
    }
    histogram.custom_bounds.clear();
    histogram.reset_hint = Default::default();
    (histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum) = (0.0, 0.0, 0.0, 0.0);
}

fn span(message: &[u8], buckets: &mut Buckets) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let mut span = Span { offset: 0, length: 0 };
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => span.offset = reader.zigzag()? as i32,
            (2, 0) => span.length = reader.varint()? as u32,
            _ => reader.skip(key)?,
        }
    }
    buckets.spans.push(span);
    Ok(())
}

fn distribution(message: &[u8], scratch: &mut Scratch) -> Result<Read, WireError> {
    let Scratch { distribution: out, keys, counts, .. } = scratch;
    keys.clear();
    counts.clear();
    *out = Distribution::empty();
    let (mut time_ms, mut min, mut max) = (0, 0.0, 0.0);
    let mut reader = Reader::new(message);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => time_ms = reader.varint()? as i64,
            (2, 0) => out.count = reader.varint()?,
            (3, 1) => out.sum = reader.double()?,
            (4, 1) => min = reader.double()?,
            (5, 1) => max = reader.double()?,
            (6, 0 | 2) => reader.varints(key, |bits| keys.push(u32::try_from(bits).unwrap_or(u32::MAX)))?,
            (7, 0 | 2) => reader.varints(key, |count| counts.push(count))?,
            _ => reader.skip(key)?,
        }
    }
    Ok((time_ms, fill(out, keys, counts, min, max)))
}

fn fill(out: &mut Distribution, keys: &[u32], counts: &[u64], min: f64, max: f64) -> Result<(), SampleError> {
    if keys.len() != counts.len() {
        return Err(SampleError::Distribution("bucket_keys and bucket_counts differ in length"));
    }
    let mut total = 0u64;
    for (bits, count) in keys.iter().zip(counts) {
        let key = BucketKey::from_bits(*bits).ok_or(SampleError::Distribution("a bucket key has more than 19 bits"))?;
        total = total.checked_add(*count).ok_or(SampleError::Distribution("the counts exceed 64 bits"))?;
        out.sketch.record_n(key, *count);
    }
    if total != out.count {
        return Err(SampleError::Distribution("the buckets' counts do not add up to the count"));
    }
    if out.count > 0 {
        if min > max {
            return Err(SampleError::Distribution("min exceeds max"));
        }
        (out.min, out.max) = (min, max);
    }
    Ok(())
}

fn metadata(body: &[u8], message: &[u8], scratch: &Scratch, sink: &mut impl Sink) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let (mut name, mut metric_type, mut unit, mut help) = (0, 0, 0, 0);
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (1, 0) => name = reader.varint()?,
            (2, 0) => metric_type = reader.varint()?,
            (3, 0) => unit = reader.varint()?,
            (4, 0) => help = reader.varint()?,
            _ => reader.skip(key)?,
        }
    }
    let text = |reference| scratch.symbols.text(body, reference);
    if !text(name).is_empty() {
        let metric_type = prometheus::metric_type(metric_type);
        sink.metadata(Metadata { name: text(name), metric_type, unit: text(unit), help: text(help) });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
