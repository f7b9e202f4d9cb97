//! What remote write 1.0 and 2.0 have in common: samples, native histograms,
//! metric types (prompb `types.proto` and io.prometheus.write.v2).

use tidegate_model::histogram::CUSTOM_SCHEMA;
use tidegate_model::{Buckets, Histogram, MetricType, ResetHint, Span, is_stale};

use super::protobuf::{Key, Reader, WireError, bytes_key, fixed64_key, varint_key};
use super::{SampleError, Scratch, Sink};

const LABEL_NAME: Key = bytes_key(1);
const LABEL_VALUE: Key = bytes_key(2);

const VALUE: Key = fixed64_key(1);
const TIMESTAMP: Key = varint_key(2);

/// Name and value of `Label { string name = 1; string value = 2; }`, which need
/// not be UTF-8.
///
/// # Errors
/// When it is no such message.
#[inline(always)]
pub fn label(message: &[u8]) -> Result<(&[u8], &[u8]), WireError> {
    let mut reader = Reader::new(message);
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some(key) = reader.key()? {
        match key {
            LABEL_NAME => name = reader.bytes()?,
            LABEL_VALUE => value = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    Ok((name, value))
}

/// Time in milliseconds and value of `Sample { double value = 1; int64 timestamp
/// = 2; }`.
///
/// # Errors
/// When it is no such message.
#[inline(always)]
pub fn sample(message: &[u8]) -> Result<(i64, f64), WireError> {
    let mut reader = Reader::new(message);
    let (mut time_ms, mut value) = (0, 0.0);
    while let Some(key) = reader.key()? {
        match key {
            VALUE => value = reader.double()?,
            TIMESTAMP => time_ms = reader.varint()? as i64,
            other => reader.skip(other)?,
        }
    }
    Ok((time_ms, value))
}

/// Both enumerations of metric types have the same numbers; so has ours.
pub(super) fn metric_type(number: u64) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}

/// A histogram as on the wire: integer ones have deltas between buckets,
/// float ones counts.
#[derive(Default)]
pub(super) struct RawHistogram {
    time_ms: i64,
    schema: i64,
    is_float: bool,
    count: f64,
    sum: f64,
    zero_threshold: f64,
    zero_count: f64,
    reset_hint: u64,
    positive: RawBuckets,
    negative: RawBuckets,
    custom_bounds: Vec<f64>,
}

#[derive(Default)]
struct RawBuckets {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl RawBuckets {
    fn clear(&mut self) {
        self.spans.clear();
        self.deltas.clear();
        self.counts.clear();
    }

    fn span(&mut self, message: &[u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(message);
        let mut span = Span { offset: 0, length: 0 };
        while let Some(key) = reader.key()? {
            match key {
                SPAN_OFFSET => span.offset = reader.zigzag()? as i32,
                SPAN_LENGTH => span.length = reader.varint()? as u32,
                other => reader.skip(other)?,
            }
        }
        self.spans.push(span);
        Ok(())
    }

    fn write_to(&self, is_float: bool, out: &mut Buckets) {
        out.spans.clear();
        out.spans.extend_from_slice(&self.spans);
        out.counts.clear();
        if is_float {
            out.counts.extend_from_slice(&self.counts);
        } else {
            let mut count = 0i64;
            out.counts.extend(self.deltas.iter().map(|delta| {
                count = count.wrapping_add(*delta);
                count as f64
            }));
        }
    }
}

const SPAN_OFFSET: Key = varint_key(1);
const SPAN_LENGTH: Key = varint_key(2);

impl RawHistogram {
    fn clear(&mut self) {
        let (mut positive, mut negative) = (std::mem::take(&mut self.positive), std::mem::take(&mut self.negative));
        let mut custom_bounds = std::mem::take(&mut self.custom_bounds);
        positive.clear();
        negative.clear();
        custom_bounds.clear();
        *self = Self { positive, negative, custom_bounds, ..Self::default() };
    }

    fn read(&mut self, message: &[u8]) -> Result<(), WireError> {
        self.clear();
        let mut reader = Reader::new(message);
        while let Some(key) = reader.key()? {
            match (key >> 3, key & 7) {
                (1, 0) => self.count = reader.varint()? as f64,
                (2, 1) => (self.is_float, self.count) = (true, reader.double()?),
                (3, 1) => self.sum = reader.double()?,
                (4, 0) => self.schema = reader.zigzag()?,
                (5, 1) => self.zero_threshold = reader.double()?,
                (6, 0) => self.zero_count = reader.varint()? as f64,
                (7, 1) => (self.is_float, self.zero_count) = (true, reader.double()?),
                (8, 2) => self.negative.span(reader.bytes()?)?,
                (9, 0 | 2) => {
                    reader.varints(key, |delta| self.negative.deltas.push(super::protobuf::unzigzag(delta)))?
                }
                (10, 1 | 2) => reader.doubles(key, &mut self.negative.counts)?,
                (11, 2) => self.positive.span(reader.bytes()?)?,
                (12, 0 | 2) => {
                    reader.varints(key, |delta| self.positive.deltas.push(super::protobuf::unzigzag(delta)))?
                }
                (13, 1 | 2) => reader.doubles(key, &mut self.positive.counts)?,
                (14, 0) => self.reset_hint = reader.varint()?,
                (15, 0) => self.time_ms = reader.varint()? as i64,
                (16, 1 | 2) => reader.doubles(key, &mut self.custom_bounds)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    fn write_to(&self, out: &mut Histogram) -> Result<(), SampleError> {
        out.schema = i8::try_from(self.schema).map_err(|_| SampleError::HistogramSchema(self.schema))?;
        out.zero_threshold = self.zero_threshold;
        out.zero_count = self.zero_count;
        out.count = self.count;
        out.sum = self.sum;
        self.positive.write_to(self.is_float, &mut out.positive);
        self.negative.write_to(self.is_float, &mut out.negative);
        out.custom_bounds.clear();
        out.custom_bounds.extend_from_slice(&self.custom_bounds);
        out.reset_hint = reset_hint(self.reset_hint);
        validate(out)
    }
}

pub(super) fn reset_hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NoReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// Reads a native histogram and hands it on; a stale one becomes a stale
/// marker.
pub(super) fn histogram(message: &[u8], scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), WireError> {
    let raw = &mut scratch.raw_histogram;
    raw.read(message)?;
    if is_stale(raw.sum) {
        sink.float(Some(raw.time_ms), raw.sum);
        return Ok(());
    }
    match raw.write_to(&mut scratch.histogram) {
        Ok(()) => sink.histogram(Some(raw.time_ms), &scratch.histogram),
        Err(reason) => sink.invalid_sample(reason),
    }
    Ok(())
}

/// Checks what every reader of a histogram relies on.
pub fn validate(histogram: &Histogram) -> Result<(), SampleError> {
    let schema = histogram.schema;
    let is_custom = schema == CUSTOM_SCHEMA;
    if !is_custom && !(-4..=8).contains(&schema) {
        return Err(SampleError::HistogramSchema(schema.into()));
    }
    let wrong = |reason| Err(SampleError::Histogram(reason));
    for buckets in [&histogram.positive, &histogram.negative] {
        let buckets_in_spans: u64 = buckets.spans.iter().map(|span| u64::from(span.length)).sum();
        if buckets_in_spans != buckets.counts.len() as u64 {
            return wrong("the spans and the counts name different numbers of buckets");
        }
        if buckets.spans.iter().skip(1).any(|span| span.offset < 0) {
            return wrong("a span overlaps the one before");
        }
        let last = buckets
            .spans
            .iter()
            .try_fold(0i32, |at, span| at.checked_add(span.offset)?.checked_add(i32::try_from(span.length).ok()?));
        if last.is_none() {
            return wrong("a bucket index exceeds 32 bits");
        }
        if buckets.counts.iter().any(|count| *count < 0.0 || count.is_nan()) {
            return wrong("a bucket count is negative or NaN");
        }
    }
    if histogram.count < 0.0 || histogram.count.is_nan() || histogram.zero_count < 0.0 || histogram.zero_count.is_nan()
    {
        return wrong("a count is negative or NaN");
    }
    if histogram.zero_threshold < 0.0 || histogram.zero_threshold.is_nan() {
        return wrong("the zero threshold is negative or NaN");
    }
    if !is_custom {
        return if histogram.custom_bounds.is_empty() { Ok(()) } else { wrong("explicit bounds need schema -53") };
    }
    validate_custom(histogram)
}

fn validate_custom(histogram: &Histogram) -> Result<(), SampleError> {
    let wrong = |reason| Err(SampleError::Histogram(reason));
    let bounds = &histogram.custom_bounds;
    if bounds.iter().any(|bound| !bound.is_finite()) || bounds.windows(2).any(|two| two[0] >= two[1]) {
        return wrong("explicit bounds must be finite and rise");
    }
    if !histogram.negative.counts.is_empty() || histogram.zero_count != 0.0 {
        return wrong("schema -53 has no zero bucket and no negative buckets");
    }
    let buckets = bounds.len() as i32 + 1;
    if histogram.positive.iter().any(|(index, _)| !(0..buckets).contains(&index)) {
        return wrong("a bucket lies beyond the explicit bounds");
    }
    Ok(())
}
