//! Series of a day, and metadata.
//!
//! Key of a series, in the day's keyspace, big-endian: shard (u16), metric id
//! (16 bytes), the tenant's name; value: kind and labels. The number of shards
//! does not change, so an id leads to its key.
//!
//! Key of metadata, in `meta`: `metadata/`, tenant, `/`, name.

use std::collections::BTreeMap;
use std::ops::Range;

use fjall::{Keyspace, OwnedWriteBatch};
use tidegate_codec::stored::rows::{decode_metadata, decode_series, encode_metadata, encode_series};
use tidegate_model::{MetricId, MetricMetadata, SeriesRow, TenantId};

use super::files::{Durability, Files};
use crate::engine::EngineError;

const ID_END: usize = 18;

/// Adds the rows to the batch.
pub(super) fn put(files: &Files, batch: &mut OwnedWriteBatch, rows: &[SeriesRow]) -> Result<(), EngineError> {
    for of_day in rows.chunk_by(|a, b| a.day == b.day) {
        let keyspace = files.series_of(of_day[0].day)?;
        for row in of_day {
            let mut key = prefix(row.shard, row.metric_id).to_vec();
            key.extend_from_slice(row.tenant.as_str().as_bytes());
            batch.insert(&keyspace, key, encode_series(row.kind, &row.labels));
        }
    }
    Ok(())
}

fn prefix(shard: u16, metric_id: MetricId) -> [u8; ID_END] {
    let mut bytes = [0; ID_END];
    bytes[..2].copy_from_slice(&shard.to_be_bytes());
    bytes[2..].copy_from_slice(&metric_id.to_be_bytes());
    bytes
}

fn read_prefix(keyspace: &Keyspace, day: u32, prefix: &[u8]) -> Result<Vec<SeriesRow>, EngineError> {
    keyspace
        .prefix(prefix)
        .map(|item| {
            let (key, value) = item.into_inner()?;
            row_of(day, &key, &value)
        })
        .collect()
}

fn row_of(day: u32, key: &[u8], value: &[u8]) -> Result<SeriesRow, EngineError> {
    let damaged = || EngineError::Corrupt("a stored series is damaged".to_owned());
    let (shard, rest) = key.split_first_chunk::<2>().ok_or_else(damaged)?;
    let (metric_id, tenant) = rest.split_first_chunk::<16>().ok_or_else(damaged)?;
    let tenant = std::str::from_utf8(tenant).ok().and_then(|name| TenantId::new(name).ok()).ok_or_else(damaged)?;
    let (kind, labels) = decode_series(value).map_err(|error| EngineError::Corrupt(error.to_string()))?;
    let shard = u16::from_be_bytes(*shard);
    Ok(SeriesRow { tenant, shard, day, metric_id: MetricId::from_be_bytes(*metric_id), labels, kind })
}

pub(super) fn read(files: &Files, shard: u16, day: u32) -> Result<Vec<SeriesRow>, EngineError> {
    match files.series_day(day) {
        Some(keyspace) => read_prefix(&keyspace, day, &shard.to_be_bytes()),
        None => Ok(Vec::new()),
    }
}

pub(super) fn find(
    files: &Files,
    partitions: u16,
    mut wanted: Vec<MetricId>,
    days: Range<u32>,
) -> Result<Vec<SeriesRow>, EngineError> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    wanted.sort_unstable_by_key(|id| (id.partition(partitions), *id));
    wanted.dedup();
    let mut found: BTreeMap<(MetricId, TenantId), SeriesRow> = BTreeMap::new();
    // From the latest day back: most of what is asked for is alive.
    for (day, keyspace) in files.series_days_in(days.start..=days.end - 1).into_iter().rev() {
        let mut missing = Vec::new();
        for id in wanted {
            let rows = read_prefix(&keyspace, day, &prefix(id.partition(partitions), id))?;
            if rows.is_empty() {
                missing.push(id);
            }
            for row in rows {
                found.entry((id, row.tenant.clone())).or_insert(row);
            }
        }
        wanted = missing;
        if wanted.is_empty() {
            break;
        }
    }
    Ok(found.into_values().collect())
}

fn metadata_prefix(tenant: &TenantId) -> String {
    format!("metadata/{tenant}/")
}

pub(super) fn write_metadata(
    files: &Files,
    tenant: &TenantId,
    metadata: Vec<(String, MetricMetadata)>,
) -> Result<(), EngineError> {
    let mut batch = files.batch(Durability::Process);
    for (name, metadata) in metadata {
        let key = metadata_prefix(tenant) + &name;
        let value = encode_metadata(&metadata);
        // Clients send the same again and again.
        if files.meta.get(&key)?.is_none_or(|stored| stored[..] != value[..]) {
            batch.insert(&files.meta, key, value);
        }
    }
    Ok(batch.commit()?)
}

pub(super) fn read_metadata(files: &Files, tenant: &TenantId) -> Result<Vec<(String, MetricMetadata)>, EngineError> {
    let prefix = metadata_prefix(tenant);
    let read = |item: fjall::Guard| {
        let (key, value) = item.into_inner()?;
        let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let metadata = decode_metadata(&value).map_err(|error| EngineError::Corrupt(error.to_string()))?;
        Ok((name, metadata))
    };
    files.meta.prefix(&prefix).map(read).collect()
}
