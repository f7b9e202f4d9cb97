//! OTLP metrics as mad-experimental takes them: sums and gauges alike are
//! gauges, whatever their temporality, and their unit is not heeded; histograms
//! come as histograms.

mod buckets;

use std::collections::{BTreeMap, HashMap};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, exponential_histogram_data_point::Buckets};

use super::units::InputUnit;
use super::{ParseError, one_sample};
use crate::emit::java;
use crate::{Dimensions, Histogram, Kind, Metric, Quantity, Record};

const FORMAT: &str = "an OTLP export";

const NS_PER_MS: i64 = 1_000_000;
/// What stays of a double in the bounds of a histogram.
const BUCKET_BITS: u64 = 0xffff_e000_0000_0000;

/// One record for each set of dimensions and time.
///
/// # Errors
/// [`ParseError::Unexpected`] where something comes twice or is missing that
/// may not: gRPC answers INTERNAL.
pub fn parse(request: &ExportMetricsServiceRequest) -> Result<Vec<Record>, ParseError> {
    let mut groups = Groups::default();
    for resource in &request.resource_metrics {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let tags = resource_tags(attributes)?;
        for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            let unit = unit(&metric.unit);
            let mut add = |attributes: &[KeyValue], time_ns: u64, read: Metric| {
                let dimensions = point_tags(attributes, &tags)?;
                groups.add(dimensions, time_ns.cast_signed(), &metric.name, read);
                Ok::<_, ParseError>(())
            };
            match &metric.data {
                Some(Data::Sum(sum)) => numbers(&sum.data_points, &mut add)?,
                Some(Data::Gauge(gauge)) => numbers(&gauge.data_points, &mut add)?,
                Some(Data::Histogram(histogram)) => {
                    for point in &histogram.data_points {
                        if let Some(histogram) = explicit(point, unit)? {
                            add(&point.attributes, point.time_unix_nano, whole(histogram))?;
                        }
                    }
                }
                Some(Data::ExponentialHistogram(histogram)) => {
                    for point in &histogram.data_points {
                        if let Some(histogram) = exponential(point, unit) {
                            add(&point.attributes, point.time_unix_nano, whole(histogram))?;
                        }
                    }
                }
                // Summaries have no samples.
                Some(Data::Summary(_)) | None => {}
            }
        }
    }
    Ok(groups.records())
}

/// Of histograms; that of numbers is not heeded.
fn unit(text: &str) -> Option<InputUnit> {
    Some(match text.to_lowercase().as_str() {
        "s" | "second" | "seconds" => InputUnit::SECOND,
        "ms" | "millisecond" | "milliseconds" => InputUnit::MILLISECOND,
        "us" | "microsecond" | "microseconds" => InputUnit::named("MICROSECOND")?,
        "ns" | "nanosecond" | "nanoseconds" => InputUnit::named("NANOSECOND")?,
        _ => return None,
    })
}

type Add<'a> = dyn FnMut(&[KeyValue], u64, Metric) -> Result<(), ParseError> + 'a;

fn numbers(points: &[NumberDataPoint], add: &mut Add<'_>) -> Result<(), ParseError> {
    for point in points {
        let value = match point.value {
            Some(Number::AsDouble(value)) => value,
            Some(Number::AsInt(value)) => value as f64,
            None => 0.0,
        };
        if value.is_finite() {
            add(&point.attributes, point.time_unix_nano, one_sample(Kind::Gauge, Quantity::plain(value)))?;
        }
    }
    Ok(())
}

fn whole(histogram: Histogram) -> Metric {
    Metric { kind: Kind::Gauge, samples: Vec::new(), histograms: vec![histogram] }
}

/// Counts by value → a histogram in the base unit.
fn histogram(
    entries: impl IntoIterator<Item = (f64, u64)>,
    min: f64,
    max: f64,
    sum: f64,
    unit: Option<InputUnit>,
) -> Histogram {
    let convert = |value: f64| unit.map_or(value, |unit| unit.convert(value));
    let mut counts = BTreeMap::new();
    for (value, count) in entries {
        let bucket: &mut u64 = counts.entry(convert(value).to_bits() & BUCKET_BITS).or_default();
        *bucket = bucket.wrapping_add(count);
    }
    let unit = unit.map(InputUnit::base);
    Histogram { entries: counts, min: convert(min), max: convert(max), sum: convert(sum), unit }
}

/// Each count at its upper bound; what is above the last one at the maximum or,
/// where that is not told, as far above as the one before is below.
fn explicit(point: &HistogramDataPoint, unit: Option<InputUnit>) -> Result<Option<Histogram>, ParseError> {
    let bounds = &point.explicit_bounds;
    let Some(last) = bounds.last() else { return Ok(None) };
    if point.bucket_counts.len() <= bounds.len() {
        let (counts, bounds) = (point.bucket_counts.len(), bounds.len());
        return Err(ParseError::unexpected(FORMAT, format!("{counts} counts with {bounds} bounds")));
    }
    let counted = || bounds.iter().zip(&point.bucket_counts).enumerate().filter(|(_, (_, count))| is_some(**count));
    let least = counted().next().map(|(_, (bound, _))| *bound);
    let greatest = counted().filter_map(|(at, _)| bounds.get(at + 1)).next_back();
    let above = match point.max {
        Some(max) => max,
        // Java falls over a single bound; it is taken as it is here.
        None => bounds.len().checked_sub(2).map_or(*last, |at| last + (last - bounds[at]).abs()),
    };
    let overflow = point.bucket_counts.get(bounds.len()).copied().filter(|count| is_some(*count));
    let entries = counted().map(|(_, (bound, count))| (*bound, *count)).chain(overflow.map(|count| (above, count)));
    let min = point.min.or(least).unwrap_or(0.0);
    let max = point.max.or(greatest.copied()).unwrap_or(0.0);
    Ok(Some(histogram(entries, min, max, point.sum.unwrap_or(0.0), unit)))
}

/// Java reads counts as signed.
fn is_some(count: u64) -> bool {
    count.cast_signed() > 0
}

/// Each count at the middle of its bucket.
fn exponential(point: &ExponentialHistogramDataPoint, unit: Option<InputUnit>) -> Option<Histogram> {
    let filled = |buckets: Option<&Buckets>| buckets.is_some_and(|buckets| !buckets.bucket_counts.is_empty());
    let (positive, negative) = (point.positive.as_ref(), point.negative.as_ref());
    if !(filled(positive) || filled(negative) || is_some(point.zero_count)) {
        return None;
    }
    let middles = buckets::Middles::new(point.scale);
    let counted = |buckets: Option<&Buckets>, sign: f64| -> Vec<(f64, u64)> {
        let of_bucket = |(at, count): (usize, &u64), offset: i32| {
            let index = offset.wrapping_add(i32::try_from(at).unwrap_or(i32::MAX));
            (sign * middles.of(index), *count)
        };
        let Some(buckets) = buckets else { return Vec::new() };
        let counts = buckets.bucket_counts.iter().enumerate().filter(|(_, count)| **count != 0);
        counts.map(|bucket| of_bucket(bucket, buckets.offset)).collect()
    };
    let entries: Vec<(f64, u64)> = counted(positive, 1.0).into_iter().chain(counted(negative, -1.0)).collect();
    let values = || entries.iter().map(|(value, _)| *value);
    let or_zero = |estimate: f64| if estimate.is_infinite() { 0.0 } else { estimate };
    let least = values().fold(f64::INFINITY, |least, value| if value < least { value } else { least });
    let greatest = values().fold(f64::NEG_INFINITY, |most, value| if value > most { value } else { most });
    let min = point.min.unwrap_or_else(|| or_zero(least));
    let max = point.max.unwrap_or_else(|| or_zero(greatest));
    let zero = is_some(point.zero_count).then_some((0.0, point.zero_count));
    Some(histogram(entries.into_iter().chain(zero), min, max, point.sum.unwrap_or(0.0), unit))
}

/// `service.name` is the service as well, where no other is named.
fn resource_tags(attributes: &[KeyValue]) -> Result<Vec<(String, String)>, ParseError> {
    let mut tags = Vec::with_capacity(attributes.len() + 1);
    for attribute in attributes {
        let value = text(attribute.value.as_ref());
        if !value.is_empty() {
            tags.push((attribute.key.clone(), value));
        }
    }
    let named = attributes.iter().rfind(|attribute| attribute.key == "service.name");
    if let Some(named) = named
        && !attributes.iter().any(|attribute| attribute.key == "service")
    {
        let name = match named.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(name)) => name.clone(),
            _ => String::new(),
        };
        tags.push(("service".to_owned(), name));
    }
    match super::repeated(tags.iter().map(|(name, _)| name.as_str())) {
        Some(name) => Err(ParseError::unexpected(FORMAT, format!("attribute {name:?} twice in a resource"))),
        None => Ok(tags),
    }
}

/// Those of the point stand over those of the resource; empty ones are none.
fn point_tags(attributes: &[KeyValue], resource: &[(String, String)]) -> Result<Dimensions, ParseError> {
    let own = attributes.iter().map(|attribute| (attribute.key.as_str(), text(attribute.value.as_ref())));
    let own: Vec<(&str, String)> = own.filter(|(_, value)| !value.is_empty()).collect();
    if let Some(name) = super::repeated(own.iter().map(|(name, _)| *name)) {
        return Err(ParseError::unexpected(FORMAT, format!("attribute {name:?} twice in a point")));
    }
    let of_resource = resource.iter().map(|(name, value)| (name.as_str(), value.clone()));
    // Of a name that comes twice the last value stands.
    Ok(of_resource.chain(own).collect())
}

/// An attribute's value as Java prints it.
fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => java::Double(*value).to_string(),
        Some(Value::ArrayValue(list)) => joined(list.values.iter().map(|value| text(Some(value))), ","),
        Some(Value::KvlistValue(list)) => {
            joined(list.values.iter().map(|entry| format!("{}: {}", entry.key, text(entry.value.as_ref()))), ",")
        }
        Some(Value::BytesValue(bytes)) => {
            format!("[{}]", joined(bytes.iter().map(|byte| byte.cast_signed().to_string()), ", "))
        }
    }
}

fn joined(texts: impl Iterator<Item = String>, separator: &str) -> String {
    texts.collect::<Vec<_>>().join(separator)
}

/// Metrics by dimensions and time, in the order in which those come.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    places: HashMap<(Dimensions, i64), usize>,
}

struct Group {
    dimensions: Dimensions,
    time_ns: i64,
    metrics: Vec<(Box<str>, Metric)>,
    places: HashMap<Box<str>, usize>,
}

impl Groups {
    /// Of metrics with one name the last one stands.
    fn add(&mut self, dimensions: Dimensions, time_ns: i64, name: &str, metric: Metric) {
        let place = *self.places.entry((dimensions.clone(), time_ns)).or_insert_with(|| {
            self.groups.push(Group { dimensions, time_ns, metrics: Vec::new(), places: HashMap::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[place];
        match group.places.get(name) {
            Some(at) => group.metrics[*at].1 = metric,
            None => {
                group.places.insert(name.into(), group.metrics.len());
                group.metrics.push((name.into(), metric));
            }
        }
    }

    fn records(self) -> Vec<Record> {
        let record = |group: Group| Record {
            time_ms: group.time_ns / NS_PER_MS,
            request_time_ms: None,
            dimensions: group.dimensions,
            metrics: group.metrics,
        };
        self.groups.into_iter().map(record).collect()
    }
}

#[cfg(test)]
mod tests;
