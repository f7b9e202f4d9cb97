//! OpenTelemetry metrics (OTLP), protobuf and JSON.
//!
//! | OTLP | stored as |
//! |---|---|
//! | gauge, cumulative sum | float |
//! | delta sum | delta float |
//! | cumulative histogram | histogram with explicit bounds (schema -53) |
//! | cumulative exponential histogram | histogram; scales above 8 are reduced to 8, below -4 refused |
//! | delta histograms of both kinds | distribution, each bucket's values at its middle |
//! | summary | `name{quantile}`, `name_sum`, `name_count` |
//!
//! Names and labels follow Prometheus' default translation
//! ([`translate`]). Points flagged as having no recorded value become stale
//! markers. Resources give the labels `job` and `instance`, and the rest of
//! their attributes go to `target_info`.
//!
//! Protobuf is walked point by point, so that a request of many tiny points
//! does not become a tree of many times its size; only single points are read
//! by generated code. JSON is read as a tree, within a lower cap.

mod attributes;
mod points;
pub mod translate;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tidegate_model::MetricType;

use self::points::{PointReader, Temporality};
use self::translate::Shape;
use super::protobuf::{Key, Reader, bytes_key};
use super::{DecodeError, Scratch, Sink};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Protobuf,
    Json,
}

/// Whether the series `target_info` is written for resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetInfo {
    Write,
    Omit,
}

/// Largest JSON request, decompressed: read as a tree it takes many times that.
pub const MAX_JSON_BYTES: usize = 8 << 20;
/// Largest single message (point, resource) that generated code reads, for the
/// same reason.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

pub fn decode(
    body: &[u8],
    format: Format,
    target_info: TargetInfo,
    scratch: &mut Scratch,
    sink: &mut impl Sink,
) -> Result<(), DecodeError> {
    let mut points = PointReader::new(target_info, scratch, sink);
    match format {
        Format::Protobuf => walk(body, &mut points),
        Format::Json if body.len() > MAX_JSON_BYTES => Err(DecodeError::TooLarge { limit_bytes: MAX_JSON_BYTES }),
        Format::Json => {
            let request: ExportMetricsServiceRequest =
                serde_json::from_slice(body).map_err(|error| DecodeError::Json(error.to_string()))?;
            request.resource_metrics.iter().for_each(|resource| read_resource(resource, &mut points));
            Ok(())
        }
    }
}

const RESOURCE_METRICS: Key = bytes_key(1);
const RESOURCE: Key = bytes_key(1);
const SCOPE_METRICS: Key = bytes_key(2);
const METRICS: Key = bytes_key(2);
const DATA_POINTS: Key = bytes_key(1);

fn walk<S: Sink>(body: &[u8], points: &mut PointReader<'_, S>) -> Result<(), DecodeError> {
    let mut request = Reader::new(body);
    while let Some(key) = request.key()? {
        if key != RESOURCE_METRICS {
            request.skip(key)?;
            continue;
        }
        let resource_metrics = request.message()?;
        let mut reader = resource_metrics;
        let mut resource = Resource::default();
        while let Some(key) = reader.key()? {
            if key == RESOURCE { resource = message(reader.bytes()?)? } else { reader.skip(key)? }
        }
        points.begin_resource(&resource.attributes);
        let mut reader = resource_metrics;
        while let Some(key) = reader.key()? {
            if key == SCOPE_METRICS { walk_scope(reader.message()?, points)? } else { reader.skip(key)? }
        }
        points.end_resource();
    }
    Ok(())
}

fn walk_scope<S: Sink>(mut scope: Reader<'_>, points: &mut PointReader<'_, S>) -> Result<(), DecodeError> {
    while let Some(key) = scope.key()? {
        if key == METRICS { walk_metric(scope.message()?, points)? } else { scope.skip(key)? }
    }
    Ok(())
}

/// Which kind of points a metric holds, by its field number.
#[derive(Clone, Copy)]
enum Kind {
    Gauge = 5,
    Sum = 7,
    Histogram = 9,
    Exponential = 10,
    Summary = 11,
}

fn walk_metric<S: Sink>(mut metric: Reader<'_>, points: &mut PointReader<'_, S>) -> Result<(), DecodeError> {
    let (mut name, mut help, mut unit): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let mut data: Option<(Kind, Reader<'_>)> = None;
    while let Some(key) = metric.key()? {
        match (key >> 3, key & 7) {
            (1, 2) => name = metric.bytes()?,
            (2, 2) => help = metric.bytes()?,
            (3, 2) => unit = metric.bytes()?,
            (5, 2) => data = Some((Kind::Gauge, metric.message()?)),
            (7, 2) => data = Some((Kind::Sum, metric.message()?)),
            (9, 2) => data = Some((Kind::Histogram, metric.message()?)),
            (10, 2) => data = Some((Kind::Exponential, metric.message()?)),
            (11, 2) => data = Some((Kind::Summary, metric.message()?)),
            _ => metric.skip(key)?,
        }
    }
    let Some((kind, data)) = data else { return Ok(()) };
    let (mut temporality, mut is_monotonic) = (0, false);
    let mut reader = data;
    while let Some(key) = reader.key()? {
        match (key >> 3, key & 7) {
            (2, 0) => temporality = reader.varint()? as i32,
            (3, 0) => is_monotonic = reader.varint()? != 0,
            _ => reader.skip(key)?,
        }
    }
    let (shape, metric_type) = match kind {
        Kind::Gauge => (Shape::Gauge, MetricType::Gauge),
        Kind::Sum => of_sum(is_monotonic),
        Kind::Histogram | Kind::Exponential => (Shape::Other, MetricType::Histogram),
        Kind::Summary => (Shape::Other, MetricType::Summary),
    };
    points.begin_metric(text(name)?, text(unit)?, text(help)?, shape, metric_type);
    let temporality = Temporality::of(temporality);
    let mut reader = data;
    while let Some(key) = reader.key()? {
        if key != DATA_POINTS {
            reader.skip(key)?;
            continue;
        }
        let point = reader.bytes()?;
        match kind {
            Kind::Gauge => points.number(&message(point)?, Some(Temporality::Cumulative)),
            Kind::Sum => points.number(&message(point)?, temporality),
            Kind::Histogram => points.histogram(&message(point)?, temporality),
            Kind::Exponential => points.exponential(&message(point)?, temporality),
            Kind::Summary => points.summary(&message(point)?),
        }
    }
    Ok(())
}

fn of_sum(is_monotonic: bool) -> (Shape, MetricType) {
    if is_monotonic { (Shape::MonotonicSum, MetricType::Counter) } else { (Shape::Other, MetricType::Gauge) }
}

fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, DecodeError> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(DecodeError::TooLarge { limit_bytes: MAX_MESSAGE_BYTES });
    }
    M::decode(bytes).map_err(|error| DecodeError::Otlp(error.to_string()))
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Otlp("a string is not UTF-8".into()))
}

fn read_resource<S: Sink>(resource: &ResourceMetrics, points: &mut PointReader<'_, S>) {
    points.begin_resource(resource.resource.as_ref().map_or(&[], |resource| &resource.attributes));
    for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
        read_metric(metric, points);
    }
    points.end_resource();
}

fn read_metric<S: Sink>(metric: &Metric, points: &mut PointReader<'_, S>) {
    let Some(data) = &metric.data else { return };
    let (shape, metric_type) = match data {
        Data::Gauge(_) => (Shape::Gauge, MetricType::Gauge),
        Data::Sum(sum) => of_sum(sum.is_monotonic),
        Data::Histogram(_) | Data::ExponentialHistogram(_) => (Shape::Other, MetricType::Histogram),
        Data::Summary(_) => (Shape::Other, MetricType::Summary),
    };
    points.begin_metric(&metric.name, &metric.unit, &metric.description, shape, metric_type);
    match data {
        Data::Gauge(gauge) => {
            gauge.data_points.iter().for_each(|point| points.number(point, Some(Temporality::Cumulative)));
        }
        Data::Sum(sum) => {
            let temporality = Temporality::of(sum.aggregation_temporality);
            sum.data_points.iter().for_each(|point| points.number(point, temporality));
        }
        Data::Histogram(histogram) => {
            let temporality = Temporality::of(histogram.aggregation_temporality);
            histogram.data_points.iter().for_each(|point| points.histogram(point, temporality));
        }
        Data::ExponentialHistogram(histogram) => {
            let temporality = Temporality::of(histogram.aggregation_temporality);
            histogram.data_points.iter().for_each(|point| points.exponential(point, temporality));
        }
        Data::Summary(summary) => summary.data_points.iter().for_each(|point| points.summary(point)),
    }
}

#[cfg(test)]
mod tests;
