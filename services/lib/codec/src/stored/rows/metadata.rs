//! Metadata of a metric, version 1: version (u8), type (u8: 0 unknown,
//! 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info,
//! 7 state set), unit, help (length and text each).
//!
//! Within a part of a record: the name (length and text), then the same without
//! the version.

use tidegate_model::{MetricMetadata, MetricType};

use crate::stored::StoredError;
use crate::stored::varint::{Cursor, put_bytes};

const VERSION: u8 = 1;

pub fn encode_metadata(metadata: &MetricMetadata) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_fields(&mut out, metadata);
    out
}

pub fn decode_metadata(bytes: &[u8]) -> Result<MetricMetadata, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("metadata", VERSION)?;
    let metadata = take_fields(&mut cursor)?;
    cursor.end()?;
    Ok(metadata)
}

pub(in crate::stored) fn put_metadata(out: &mut Vec<u8>, name: &str, metadata: &MetricMetadata) {
    put_bytes(out, name.as_bytes());
    put_fields(out, metadata);
}

pub(in crate::stored) fn take_metadata(cursor: &mut Cursor<'_>) -> Result<(String, MetricMetadata), StoredError> {
    let name = cursor.str()?.to_owned();
    Ok((name, take_fields(cursor)?))
}

fn put_fields(out: &mut Vec<u8>, metadata: &MetricMetadata) {
    out.push(match metadata.metric_type {
        MetricType::Unknown => 0,
        MetricType::Counter => 1,
        MetricType::Gauge => 2,
        MetricType::Histogram => 3,
        MetricType::GaugeHistogram => 4,
        MetricType::Summary => 5,
        MetricType::Info => 6,
        MetricType::StateSet => 7,
    });
    put_bytes(out, metadata.unit.as_bytes());
    put_bytes(out, metadata.help.as_bytes());
}

fn take_fields(cursor: &mut Cursor<'_>) -> Result<MetricMetadata, StoredError> {
    let metric_type = match cursor.u8()? {
        0 => MetricType::Unknown,
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => return Err(StoredError::Invalid("unknown metric type")),
    };
    Ok(MetricMetadata { metric_type, unit: cursor.str()?.to_owned(), help: cursor.str()?.to_owned() })
}
