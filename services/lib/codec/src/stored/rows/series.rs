//! A series of a day, version 1: version (u8), kind (u8: 0 float, 1 delta
//! float, 2 histogram, 3 distribution), canonical labels. Tenant, shard, day
//! and metric id are the key's.

use tidegate_model::{Labels, SeriesKind};

use crate::stored::StoredError;
use crate::stored::varint::Cursor;

const VERSION: u8 = 1;

pub fn encode_series(kind: SeriesKind, labels: &Labels) -> Vec<u8> {
    let kind = match kind {
        SeriesKind::Float => 0,
        SeriesKind::DeltaFloat => 1,
        SeriesKind::Histogram => 2,
        SeriesKind::DeltaDistribution => 3,
    };
    let mut out = Vec::with_capacity(2 + labels.as_bytes().len());
    out.extend_from_slice(&[VERSION, kind]);
    out.extend_from_slice(labels.as_bytes());
    out
}

pub fn decode_series(bytes: &[u8]) -> Result<(SeriesKind, Labels), StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("series", VERSION)?;
    let kind = match cursor.u8()? {
        0 => SeriesKind::Float,
        1 => SeriesKind::DeltaFloat,
        2 => SeriesKind::Histogram,
        3 => SeriesKind::DeltaDistribution,
        _ => return Err(StoredError::Invalid("unknown kind of series")),
    };
    let labels = Labels::from_bytes(cursor.take(cursor.len())?).map_err(|_| StoredError::Invalid("labels"))?;
    Ok((kind, labels))
}
