//! `rollup_1m`: the minute's totals in columns, for people and programs that do not know the chunks.

use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlTimestamp, CqlValue, MaybeUnset};
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR};
use tidegate_model::{RowKey, Window, WindowValue};

use crate::database::Database;
use crate::error::OpenError;
use crate::write::Write;

const MINUTES_PER_WEEK: u32 = 7 * HOURS_PER_DAY * MINUTES_PER_HOUR;

/// In the order of [`columns`].
const INSERT: &str = "INSERT INTO rollup_1m (tenant, metric_id, week, minute, source_epoch, source_partition, era, fragment, \
                      kind, count, sum, min, max, first, first_time, last, last_time, increase, resets, changes, stale, \
                      observations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                      USING TIMESTAMP ? AND TTL ?";

pub(super) struct Minutes {
    insert: PreparedStatement,
}

impl Minutes {
    pub async fn prepare(database: &Database) -> Result<Self, OpenError> {
        Ok(Self { insert: database.prepare(INSERT).await? })
    }

    pub fn add<'a>(&'a self, writes: &mut Vec<Write<'a>>, key: &RowKey, totals: &[Window], timestamp: i64, ttl: i32) {
        for total in totals {
            let mut values = place(key);
            values.extend(columns(&total.value));
            values.extend([CqlValue::BigInt(timestamp), CqlValue::Int(ttl)].map(Some));
            let values: Vec<_> =
                values.into_iter().map(|value| value.map_or(MaybeUnset::Unset, MaybeUnset::Set)).collect();
            writes.push(Write::new(&self.insert, values, key.tenant.as_str().len()));
        }
    }
}

fn place(key: &RowKey) -> Vec<Option<CqlValue>> {
    let place = [
        CqlValue::Text(key.tenant.as_str().to_owned()),
        CqlValue::Blob(key.metric_id.to_be_bytes().to_vec()),
        CqlValue::Int((key.minute / MINUTES_PER_WEEK) as i32),
        CqlValue::Int(key.minute as i32),
        CqlValue::BigInt(key.source.epoch as i64),
        CqlValue::Int(key.source.partition.into()),
        CqlValue::Int(key.era as i32),
        CqlValue::Int(key.fragment as i32),
    ];
    place.into_iter().map(Some).collect()
}

/// kind, count, sum, min, max, first, first_time, last, last_time, increase, resets, changes, stale, observations. What a kind
/// does not have is not set: a null would be stored as a deletion. A fuller version of a row has all that the other has.
fn columns(total: &WindowValue) -> [Option<CqlValue>; 14] {
    let (text, double) = (|kind: &str| Some(CqlValue::Text(kind.to_owned())), |value| Some(CqlValue::Double(value)));
    let time = |ms| Some(CqlValue::Timestamp(CqlTimestamp(ms)));
    let (int, long) =
        (|value: u32| Some(CqlValue::Int(value as i32)), |value: u64| Some(CqlValue::BigInt(value as i64)));
    let mut columns = [const { None }; 14];
    match total {
        WindowValue::Float(w) => {
            columns[0] = text("float");
            columns[1] = long(w.count.into());
            // Of stale markers alone the rest means nothing.
            if w.count > 0 {
                columns[2] = double(w.sum);
                (columns[3], columns[4]) = (double(w.min), double(w.max));
                (columns[5], columns[6]) = (double(w.first.value), time(w.first.time_ms));
                (columns[7], columns[8]) = (double(w.last.value), time(w.last.time_ms));
                columns[9] = double(w.increase);
                (columns[10], columns[11]) = (int(w.resets), int(w.changes));
            }
            columns[12] = int(w.stale.count);
        }
        WindowValue::Histogram(w) => {
            columns[0] = text("histogram");
            columns[1] = long(w.count.into());
            (columns[6], columns[8]) = (time(w.first.time_ms), time(w.last.time_ms));
        }
        WindowValue::DeltaFloat(w) => {
            columns[0] = text("delta");
            columns[1] = long(w.count.into());
            columns[2] = double(w.sum);
            (columns[3], columns[4]) = (double(w.min), double(w.max));
            (columns[6], columns[8]) = (time(w.first_ms), time(w.last_ms));
        }
        WindowValue::DeltaDistribution(w) => {
            columns[0] = text("distribution");
            columns[1] = long(w.count.into());
            columns[2] = double(w.distribution.sum);
            (columns[3], columns[4]) = (double(w.distribution.min), double(w.distribution.max));
            (columns[6], columns[8]) = (time(w.first_ms), time(w.last_ms));
            columns[13] = long(w.distribution.count);
        }
    }
    columns
}
