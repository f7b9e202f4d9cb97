//! Data points → series and samples.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets as RawBuckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};
use tidegate_model::histogram::CUSTOM_SCHEMA;
use tidegate_model::{Buckets, Distribution, METRIC_NAME, MetricType, Span, stale_nan};
use tidegate_sketch::BucketKey;

use super::TargetInfo;
use super::attributes::{Pairs, text_of};
use super::translate::{Shape, metric_name, unit_name};
use crate::ingest::{Metadata, SampleError, Scratch, Sink, empty_histogram, prometheus};

/// Flag of a point that only says that its series ended.
const NO_RECORDED_VALUE: u32 = 1;
/// Runs of empty buckets longer than this split a span.
const MAX_GAP: usize = 2;
const MAX_SCHEMA: i32 = 8;
const MIN_SCHEMA: i32 = -4;

const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    Delta,
    Cumulative,
}

impl Temporality {
    /// From its number; `None` for "unspecified" and unknown ones.
    pub fn of(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Delta),
            2 => Some(Self::Cumulative),
            _ => None,
        }
    }
}

const UNSPECIFIED: SampleError = SampleError::Histogram("the aggregation temporality is not specified");

pub struct PointReader<'s, S> {
    scratch: &'s mut Scratch,
    sink: &'s mut S,
    target_info: TargetInfo,
    job: String,
    instance: String,
    /// Attributes of the resource for `target_info`.
    resource: Pairs,
    /// Latest time of the resource's points.
    latest_ms: Option<i64>,
    name: String,
    index: u32,
}

impl<'s, S: Sink> PointReader<'s, S> {
    pub fn new(target_info: TargetInfo, scratch: &'s mut Scratch, sink: &'s mut S) -> Self {
        Self {
            scratch,
            sink,
            target_info,
            job: String::new(),
            instance: String::new(),
            resource: Pairs::default(),
            latest_ms: None,
            name: String::new(),
            index: 0,
        }
    }

    pub fn begin_resource(&mut self, attributes: &[KeyValue]) {
        let (name, namespace) = (text_of(attributes, SERVICE_NAME), text_of(attributes, SERVICE_NAMESPACE));
        self.job = match (name.is_empty(), namespace.is_empty()) {
            (false, false) => format!("{namespace}/{name}"),
            _ => name,
        };
        self.instance = text_of(attributes, SERVICE_INSTANCE);
        self.resource = Pairs::of(attributes, &[SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE]);
        self.latest_ms = None;
    }

    /// Writes `target_info`, where there is someone to inform of and something
    /// to tell.
    pub fn end_resource(&mut self) {
        let is_wanted = self.target_info == TargetInfo::Write
            && !(self.job.is_empty() && self.instance.is_empty())
            && !self.resource.is_empty();
        if let Some(latest_ms) = self.latest_ms
            && is_wanted
        {
            let resource = std::mem::take(&mut self.resource);
            self.series("target_info", &resource, None);
            self.sink.float(Some(latest_ms), 1.0);
        }
    }

    pub fn begin_metric(&mut self, name: &str, unit: &str, help: &str, shape: Shape, metric_type: MetricType) {
        self.name = metric_name(name, unit, shape);
        if !self.name.is_empty() {
            let unit = unit_name(unit);
            self.sink.metadata(Metadata { name: &self.name, metric_type, unit: &unit, help });
        }
    }

    pub fn number(&mut self, point: &NumberDataPoint, temporality: Option<Temporality>) {
        let time_ms = self.begin_point(&point.attributes, point.time_unix_nano);
        let value = match point.value {
            _ if point.flags & NO_RECORDED_VALUE != 0 => return self.sink.float(time_ms, stale_nan()),
            Some(Value::AsDouble(value)) => value,
            Some(Value::AsInt(value)) => value as f64,
            None => return self.invalid("the point has no value"),
        };
        match temporality {
            Some(Temporality::Cumulative) => self.sink.float(time_ms, value),
            Some(Temporality::Delta) => self.sink.delta_float(time_ms, value),
            None => self.invalid("the aggregation temporality is not specified"),
        }
    }

    pub fn histogram(&mut self, point: &HistogramDataPoint, temporality: Option<Temporality>) {
        let time_ms = self.begin_point(&point.attributes, point.time_unix_nano);
        if point.flags & NO_RECORDED_VALUE != 0 {
            return self.sink.float(time_ms, stale_nan());
        }
        if !is_well_formed(point) {
            return self.invalid("bucket_counts must be one more than explicit_bounds and add up to count");
        }
        match temporality {
            Some(Temporality::Cumulative) => self.cumulative(point, time_ms),
            Some(Temporality::Delta) => match explicit_distribution(point) {
                Ok(distribution) => self.sink.distribution(time_ms, &distribution),
                Err(reason) => self.sink.invalid_sample(reason),
            },
            None => self.sink.invalid_sample(UNSPECIFIED),
        }
    }

    fn cumulative(&mut self, point: &HistogramDataPoint, time_ms: Option<i64>) {
        let out = &mut self.scratch.histogram;
        *out = empty_histogram();
        out.schema = CUSTOM_SCHEMA;
        out.count = point.count as f64;
        out.sum = point.sum.unwrap_or(0.0);
        out.custom_bounds.extend_from_slice(&point.explicit_bounds);
        if point.bucket_counts.is_empty() {
            // Count and sum only: one bucket without bounds.
            out.positive = Buckets { spans: vec![Span { offset: 0, length: 1 }], counts: vec![out.count] };
        } else {
            out.positive = spans(&point.bucket_counts, 0);
        }
        self.finish_histogram(time_ms);
    }

    fn finish_histogram(&mut self, time_ms: Option<i64>) {
        match prometheus::validate(&self.scratch.histogram) {
            Ok(()) => self.sink.histogram(time_ms, &self.scratch.histogram),
            Err(reason) => self.sink.invalid_sample(reason),
        }
    }

    pub fn exponential(&mut self, point: &ExponentialHistogramDataPoint, temporality: Option<Temporality>) {
        let time_ms = self.begin_point(&point.attributes, point.time_unix_nano);
        if point.flags & NO_RECORDED_VALUE != 0 {
            return self.sink.float(time_ms, stale_nan());
        }
        match temporality {
            Some(Temporality::Cumulative) if point.scale < MIN_SCHEMA => {
                self.sink.invalid_sample(SampleError::HistogramSchema(point.scale.into()));
            }
            Some(Temporality::Cumulative) => {
                let shift = (point.scale - MAX_SCHEMA).clamp(0, 31) as u32;
                let out = &mut self.scratch.histogram;
                *out = empty_histogram();
                out.schema = point.scale.min(MAX_SCHEMA) as i8;
                out.count = point.count as f64;
                out.sum = point.sum.unwrap_or(0.0);
                out.zero_count = point.zero_count as f64;
                out.zero_threshold = point.zero_threshold;
                out.positive = point.positive.as_ref().map(|raw| reduced(raw, shift)).unwrap_or_default();
                out.negative = point.negative.as_ref().map(|raw| reduced(raw, shift)).unwrap_or_default();
                self.finish_histogram(time_ms);
            }
            Some(Temporality::Delta) => match exponential_distribution(point) {
                Ok(distribution) => self.sink.distribution(time_ms, &distribution),
                Err(reason) => self.sink.invalid_sample(reason),
            },
            None => self.sink.invalid_sample(UNSPECIFIED),
        }
    }

    pub fn summary(&mut self, point: &SummaryDataPoint) {
        let attributes = Pairs::of(&point.attributes, &[]);
        let time_ms = self.time(point.time_unix_nano);
        let stale = (point.flags & NO_RECORDED_VALUE != 0).then(stale_nan);
        let name = std::mem::take(&mut self.name);
        for (suffix, value) in [("_sum", point.sum), ("_count", point.count as f64)] {
            self.series(&format!("{name}{suffix}"), &attributes, None);
            self.sink.float(time_ms, stale.unwrap_or(value));
        }
        for quantile in &point.quantile_values {
            self.series(&name, &attributes, Some(&quantile.quantile.to_string()));
            self.sink.float(time_ms, stale.unwrap_or(quantile.value));
        }
        self.name = name;
    }

    /// Begins the series of a point; gives the point's time.
    fn begin_point(&mut self, attributes: &[KeyValue], time_unix_nano: u64) -> Option<i64> {
        let attributes = Pairs::of(attributes, &[]);
        let name = std::mem::take(&mut self.name);
        self.series(&name, &attributes, None);
        self.name = name;
        self.time(time_unix_nano)
    }

    /// A time of 0 is none.
    fn time(&mut self, time_unix_nano: u64) -> Option<i64> {
        let time_ms = (time_unix_nano != 0).then_some((time_unix_nano / 1_000_000) as i64);
        self.latest_ms = self.latest_ms.max(time_ms);
        time_ms
    }

    /// Labels of the resource go before attributes of the same name.
    fn series(&mut self, name: &str, attributes: &Pairs, quantile: Option<&str>) {
        let labels = &mut self.scratch.labels;
        labels.begin();
        let own = [(METRIC_NAME, name), ("job", &self.job), ("instance", &self.instance)];
        let own = own.into_iter().chain(quantile.map(|quantile| ("quantile", quantile)));
        let own: Vec<(&str, &str)> = own.filter(|(_, value)| !value.is_empty()).collect();
        for (name, value) in &own {
            labels.pair(name.as_bytes(), value.as_bytes());
        }
        for (name, value) in attributes.iter().filter(|(name, _)| !own.iter().any(|pair| pair.0 == *name)) {
            labels.pair(name.as_bytes(), value.as_bytes());
        }
        self.sink.series(self.index, labels.finish());
        self.index = self.index.saturating_add(1);
    }

    fn invalid(&mut self, reason: &'static str) {
        self.sink.invalid_sample(SampleError::Malformed(reason.into()));
    }
}

fn is_well_formed(point: &HistogramDataPoint) -> bool {
    let HistogramDataPoint { bucket_counts, explicit_bounds, count, .. } = point;
    if bucket_counts.is_empty() {
        return explicit_bounds.is_empty();
    }
    let total = bucket_counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
    bucket_counts.len() == explicit_bounds.len() + 1
        && total == Some(*count)
        && explicit_bounds.windows(2).all(|two| two[0] < two[1])
        && explicit_bounds.iter().all(|bound| bound.is_finite())
}

/// Counts as spans that leave out long runs of empty buckets; the first count
/// is of bucket `first`.
fn spans(counts: &[u64], first: i32) -> Buckets {
    let mut out = Buckets::default();
    let mut next_free = 0i64;
    let mut gap = 0;
    for (position, count) in counts.iter().enumerate() {
        if *count == 0 {
            gap += 1;
            continue;
        }
        let index = i64::from(first) + position as i64;
        match out.spans.last_mut() {
            Some(span) if gap <= MAX_GAP => {
                span.length += gap as u32 + 1;
                out.counts.extend(std::iter::repeat_n(0.0, gap));
            }
            _ => out.spans.push(Span { offset: (index - next_free) as i32, length: 1 }),
        }
        out.counts.push(*count as f64);
        next_free = index + 1;
        gap = 0;
    }
    out
}

/// Buckets of a scale `shift` lower, in Prometheus' numbering: there, bucket i
/// ends at base^i; here it begins there.
fn reduced(raw: &RawBuckets, shift: u32) -> Buckets {
    if shift == 0 {
        return spans(&raw.bucket_counts, raw.offset.saturating_add(1));
    }
    let first = raw.offset >> shift;
    let mut counts = Vec::new();
    for (position, count) in raw.bucket_counts.iter().enumerate() {
        let index = (i64::from(raw.offset) + position as i64) >> shift;
        let slot = (index - i64::from(first)) as usize;
        if counts.len() <= slot {
            counts.resize(slot + 1, 0u64);
        }
        counts[slot] = counts[slot].saturating_add(*count);
    }
    spans(&counts, first.saturating_add(1))
}

/// Gathers buckets, each as a value that stands for it.
struct Approximate {
    out: Distribution,
    /// Σ value × count, for points without a sum.
    estimate: f64,
    low: f64,
    high: f64,
}

impl Approximate {
    fn new(min: Option<f64>, max: Option<f64>) -> Self {
        let (low, high) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        Self { out: Distribution::empty(), estimate: 0.0, low, high }
    }

    fn add(&mut self, middle: f64, count: u64) {
        if count == 0 {
            return;
        }
        // The outermost buckets reach beyond what was seen.
        let value = middle.max(self.low).min(self.high);
        self.out.sketch.record_n(BucketKey::of(value), count);
        self.out.count = self.out.count.saturating_add(count);
        self.out.min = self.out.min.min(value);
        self.out.max = self.out.max.max(value);
        self.estimate += value * count as f64;
    }

    fn finish(
        mut self,
        count: u64,
        sum: Option<f64>,
        min: Option<f64>,
        max: Option<f64>,
    ) -> Result<Distribution, SampleError> {
        if self.out.count != count {
            return Err(SampleError::Distribution("the buckets' counts do not add up to the count"));
        }
        self.out.sum = sum.unwrap_or(self.estimate);
        if count > 0 {
            self.out.min = min.unwrap_or(self.out.min);
            self.out.max = max.unwrap_or(self.out.max);
        }
        if self.out.min.is_nan() || self.out.max.is_nan() || (count > 0 && self.out.min > self.out.max) {
            return Err(SampleError::Distribution("min exceeds max"));
        }
        Ok(self.out)
    }
}

/// A bucket's values stand at its middle; the first bucket begins at the
/// minimum or 0, the last ends at the maximum or where it begins.
fn explicit_distribution(point: &HistogramDataPoint) -> Result<Distribution, SampleError> {
    let HistogramDataPoint { count, sum, min, max, bucket_counts, explicit_bounds, .. } = point;
    let mut gathered = Approximate::new(*min, *max);
    if bucket_counts.is_empty() {
        let middle = sum.map_or(0.0, |sum| sum / (*count).max(1) as f64);
        gathered.add(middle, *count);
    }
    for (position, bucket) in bucket_counts.iter().enumerate() {
        let below = position.checked_sub(1).and_then(|before| explicit_bounds.get(before)).copied();
        let above = explicit_bounds.get(position).copied();
        let middle = match (below, above) {
            (Some(below), Some(above)) => below + (above - below) / 2.0,
            (None, Some(above)) => {
                let below = min.unwrap_or(if above > 0.0 { 0.0 } else { above });
                below + (above - below) / 2.0
            }
            (Some(below), None) => max.map_or(below, |max| below + (max - below) / 2.0),
            (None, None) => sum.map_or(0.0, |sum| sum / (*count).max(1) as f64),
        };
        gathered.add(middle, *bucket);
    }
    gathered.finish(*count, *sum, *min, *max)
}

/// A bucket's values stand at its geometric middle.
fn exponential_distribution(point: &ExponentialHistogramDataPoint) -> Result<Distribution, SampleError> {
    let mut gathered = Approximate::new(point.min, point.max);
    gathered.add(0.0, point.zero_count);
    let width = (-f64::from(point.scale)).exp2();
    for (raw, sign) in [(&point.positive, 1.0), (&point.negative, -1.0)] {
        let Some(raw) = raw else { continue };
        for (position, count) in raw.bucket_counts.iter().enumerate() {
            let exponent = (f64::from(raw.offset) + position as f64 + 0.5) * width;
            gathered.add(sign * exponent.exp2(), *count);
        }
    }
    gathered.finish(point.count, point.sum, point.min, point.max)
}
