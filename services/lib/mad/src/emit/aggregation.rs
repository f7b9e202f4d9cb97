//! What the Java daemon sends to an aggregation server. A frame is its length,
//! itself included, as four bytes with the highest first, a byte that tells its
//! type, and a protobuf message:
//!
//! ```text
//! 01 HostIdentification   03 HeartbeatRecord{1 timestamp}   04 StatisticSetRecord
//! 05 01 samples           05 02 SparseHistogramSupportingData{1 unit, 2 entries{1 bucket, 2 count}, 3 precision}
//!
//! StatisticSetRecord{1 service, 2 cluster, 3 metric, 4 period, 5 period_start, 6 statistics, 8 dimensions,
//!                    9 client_minimum_request_time}
//! StatisticRecord{1 statistic, 2 value, 3 unit, 4 user_specified, 5 supporting_data: a frame of type 05 02}
//! ```

pub mod read;
mod wire;

use self::wire::Message;
use super::java;
use crate::{Computed, Histogram, Periodic, Statistic, Unit};

const HEARTBEAT: &[u8] = &[0x03];
const STATISTIC_SET: &[u8] = &[0x04];
const HISTOGRAM: &[u8] = &[0x05, 0x02];

/// Mantissa bits that a bucket keeps, and one: 0 would say that none is given.
const PRECISION: u64 = tidegate_sketch::MANTISSA_BITS as u64 + 1;

/// The format has a place for the values of these dimensions, and the server
/// needs them.
pub const DEMANDED: [&str; 2] = ["cluster", "service"];

/// The result lacks a dimension that the format demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lacks(pub &'static str);

impl std::fmt::Display for Lacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the result has no dimension {:?}", self.0)
    }
}

impl std::error::Error for Lacks {}

/// The frame of one result.
///
/// # Errors
/// When it lacks one of [`DEMANDED`].
pub fn statistic_set(result: &Periodic) -> Result<Vec<u8>, Lacks> {
    let demanded = |name| result.dimensions.get(name).ok_or(Lacks(name));
    let (cluster, service) = (demanded("cluster")?, demanded("service")?);
    let mut record = Message::default();
    record.text(1, service);
    record.text(2, cluster);
    record.text(3, &result.metric);
    record.text(4, &java::Duration(result.period_ms).to_string());
    record.text(5, &java::Instant(result.start_ms).to_string());
    for computed in &result.statistics {
        record.message(6, &statistic(computed, result));
    }
    for (name, value) in result.dimensions.iter() {
        let mut entry = Message::default();
        // Entries of a map have both, empty or not.
        entry.text_even_empty(1, name);
        entry.text_even_empty(2, value);
        record.message(8, &entry);
    }
    if let Some(time_ms) = result.min_request_time_ms {
        record.text(9, &java::Instant(time_ms).to_string());
    }
    Ok(frame(STATISTIC_SET, &record))
}

/// The frame that keeps a connection alive.
pub fn heartbeat(now_ms: i64) -> Vec<u8> {
    let mut record = Message::default();
    record.text(1, &java::Instant(now_ms).to_string());
    frame(HEARTBEAT, &record)
}

fn statistic(computed: &Computed, result: &Periodic) -> Message {
    let mut record = Message::default();
    record.text(1, computed.statistic.name());
    record.double(2, computed.value.value);
    record.text(3, unit_name(computed.value.unit));
    record.number(4, u64::from(computed.asked_for));
    if let (Statistic::Histogram, Some(histogram)) = (computed.statistic, &result.histogram) {
        record.bytes(5, &frame(HISTOGRAM, &supporting_data(histogram, result.unit)));
    }
    record
}

fn supporting_data(histogram: &Histogram, unit: Option<Unit>) -> Message {
    let mut data = Message::default();
    data.text(1, unit_name(unit));
    for (bucket, count) in histogram.by_value() {
        let mut entry = Message::default();
        entry.double(1, bucket);
        entry.number(2, count);
        data.message(2, &entry);
    }
    data.number(3, PRECISION);
    data
}

fn unit_name(unit: Option<Unit>) -> &'static str {
    unit.map_or("", Unit::name)
}

fn frame(kind: &[u8], message: &Message) -> Vec<u8> {
    let length = 4 + kind.len() + message.as_bytes().len();
    let mut frame = Vec::with_capacity(length);
    frame.extend((length as u32).to_be_bytes());
    frame.extend(kind);
    frame.extend(message.as_bytes());
    frame
}

#[cfg(test)]
mod tests;
