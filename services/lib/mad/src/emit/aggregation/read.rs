//! Frames of results, read back: from this agent, or from a Java daemon.

use std::collections::BTreeMap;

use prost::Message;

use super::{HISTOGRAM, STATISTIC_SET};

/// `StatisticSetRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct SetMessage {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(string, tag = "2")]
    cluster: String,
    #[prost(string, tag = "3")]
    metric: String,
    #[prost(string, tag = "4")]
    period: String,
    #[prost(string, tag = "5")]
    period_start: String,
    #[prost(message, repeated, tag = "6")]
    statistics: Vec<StatisticMessage>,
    #[prost(btree_map = "string, string", tag = "8")]
    dimensions: BTreeMap<String, String>,
    #[prost(string, tag = "9")]
    client_minimum_request_time: String,
}

/// `StatisticRecord`.
#[derive(Clone, PartialEq, prost::Message)]
struct StatisticMessage {
    #[prost(string, tag = "1")]
    statistic: String,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(bool, tag = "4")]
    user_specified: bool,
    #[prost(bytes = "vec", tag = "5")]
    supporting_data: Vec<u8>,
}

/// `SparseHistogramSupportingData`.
#[derive(Clone, PartialEq, prost::Message)]
struct HistogramMessage {
    #[prost(string, tag = "1")]
    unit: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<EntryMessage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct EntryMessage {
    #[prost(double, tag = "1")]
    bucket: f64,
    #[prost(uint64, tag = "2")]
    count: u64,
}

/// What one frame tells.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticSet {
    pub identity: Identity,
    pub statistics: BTreeMap<String, Value>,
    /// Empty when no sample came with one.
    pub client_minimum_request_time: String,
}

/// What tells one result from another. Those of two daemons with equal
/// identities are of the same samples, if both got the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub metric: String,
    pub period: String,
    pub period_start: String,
    pub service: String,
    pub cluster: String,
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub value: f64,
    pub unit: String,
    pub user_specified: bool,
    pub histogram: Option<Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    pub unit: String,
    /// Counts by the bits of the bucket.
    pub entries: BTreeMap<u64, u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("a frame is cut off")]
    CutOff,
    #[error("a frame says that it is {0} bytes long")]
    Length(u32),
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
}

/// All results in frames that follow each other; frames of other types are
/// passed over.
///
/// # Errors
/// At the first frame that cannot be read.
pub fn statistic_sets(mut bytes: &[u8]) -> Result<Vec<StatisticSet>, ReadError> {
    let mut sets = Vec::new();
    while !bytes.is_empty() {
        let (frame, rest) = split(bytes)?;
        if let Some(message) = frame.strip_prefix(STATISTIC_SET) {
            sets.push(SetMessage::decode(message)?.try_into()?);
        }
        bytes = rest;
    }
    Ok(sets)
}

/// The first frame without its length, and what follows it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), ReadError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(ReadError::CutOff)?;
    let length = u32::from_be_bytes(*length);
    let body = (length as usize).checked_sub(4).filter(|body| *body > 0).ok_or(ReadError::Length(length))?;
    rest.split_at_checked(body).ok_or(ReadError::CutOff)
}

impl TryFrom<SetMessage> for StatisticSet {
    type Error = ReadError;

    fn try_from(message: SetMessage) -> Result<Self, ReadError> {
        let SetMessage { service, cluster, metric, period, period_start, dimensions, .. } = message;
        let mut statistics = BTreeMap::new();
        for StatisticMessage { statistic, value, unit, user_specified, supporting_data } in message.statistics {
            let histogram = if supporting_data.is_empty() { None } else { histogram(&supporting_data)? };
            statistics.insert(statistic, Value { value, unit, user_specified, histogram });
        }
        Ok(Self {
            identity: Identity { metric, period, period_start, service, cluster, dimensions },
            statistics,
            client_minimum_request_time: message.client_minimum_request_time,
        })
    }
}

/// The precision is left out: older daemons do not tell it.
fn histogram(supporting_data: &[u8]) -> Result<Option<Histogram>, ReadError> {
    let (frame, _) = split(supporting_data)?;
    let Some(message) = frame.strip_prefix(HISTOGRAM) else { return Ok(None) };
    let HistogramMessage { unit, entries } = HistogramMessage::decode(message)?;
    let mut counts = BTreeMap::new();
    for EntryMessage { bucket, count } in entries {
        *counts.entry(bucket.to_bits()).or_insert(0) += count;
    }
    Ok(Some(Histogram { unit, entries: counts }))
}

#[cfg(test)]
mod tests;
