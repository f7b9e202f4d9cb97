//! Rows of windows.
//!
//! Key, big-endian: minute (u32), shard (u16), metric id (16 bytes), log epoch
//! (u64), partition (u16), era (u32), fragment (u32), samples (u32). Value:
//! length of the tenant's name (u8), the name, the chunk.
//!
//! The number of samples is in the key: a fuller version of a row is stored
//! beside the others, no row is read to be written, and the last of them in
//! order is the one that counts.

use std::ops::Range;

use bytes::Bytes;
use fjall::{Iter, Keyspace};
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR};
use tidegate_model::{MetricId, Row, RowKey, SourceId, TenantId};

use super::files::Files;
use crate::engine::EngineError;

const MINUTES_PER_DAY: u32 = HOURS_PER_DAY * MINUTES_PER_HOUR;
pub(super) const KEY_BYTES: usize = 44;
/// Minute, shard, metric id.
const SERIES_BYTES: usize = 22;
const SAMPLES_AT: usize = KEY_BYTES - 4;
/// Rows of one answer of a scan.
const SCAN_ROWS: usize = 8_192;
/// Rows passed over to the next wanted series before it is sought instead,
/// where wanted series lay close so far, and where they did not.
const STEPS_WHEN_DENSE: usize = 24;
const STEPS_WHEN_SPARSE: usize = 1;

pub(super) type Key = [u8; KEY_BYTES];

pub(super) fn key_of(row: &Row, partitions: u16) -> Key {
    let key = &row.key;
    let mut bytes = [0; KEY_BYTES];
    bytes[..SERIES_BYTES].copy_from_slice(&series_key(key.minute, key.metric_id.partition(partitions), key.metric_id));
    bytes[22..30].copy_from_slice(&key.source.epoch.to_be_bytes());
    bytes[30..32].copy_from_slice(&key.source.partition.to_be_bytes());
    bytes[32..36].copy_from_slice(&key.era.to_be_bytes());
    bytes[36..40].copy_from_slice(&key.fragment.to_be_bytes());
    bytes[SAMPLES_AT..].copy_from_slice(&row.samples.to_be_bytes());
    bytes
}

pub(super) fn write_value(row: &Row, value: &mut Vec<u8>) {
    let tenant = row.key.tenant.as_str();
    value.reserve_exact(1 + tenant.len() + row.chunk.len());
    value.push(tenant.len() as u8);
    value.extend_from_slice(tenant.as_bytes());
    value.extend_from_slice(&row.chunk);
}

pub(super) fn day_of_key(key: &Key) -> u32 {
    let [a, b, c, d, ..] = *key;
    u32::from_be_bytes([a, b, c, d]) / MINUTES_PER_DAY
}

fn series_key(minute: u32, shard: u16, metric_id: MetricId) -> [u8; SERIES_BYTES] {
    let mut bytes = [0; SERIES_BYTES];
    bytes[..4].copy_from_slice(&minute.to_be_bytes());
    bytes[4..6].copy_from_slice(&shard.to_be_bytes());
    bytes[6..].copy_from_slice(&metric_id.to_be_bytes());
    bytes
}

/// A stored row whose value was not looked into.
struct Found {
    key: Key,
    value: fjall::UserValue,
}

impl Found {
    /// `None` for a row of another tenant than `wanted`.
    fn row(&self, wanted: Option<&TenantId>) -> Result<Option<Row>, EngineError> {
        let (length, rest) = self.value.split_first().ok_or_else(damaged)?;
        let (tenant, chunk) = rest.split_at_checked(usize::from(*length)).ok_or_else(damaged)?;
        let tenant = match wanted {
            Some(wanted) if wanted.as_str().as_bytes() == tenant => wanted.clone(),
            Some(_) => return Ok(None),
            None => {
                let name = std::str::from_utf8(tenant).ok().and_then(|name| TenantId::new(name).ok());
                name.ok_or_else(damaged)?
            }
        };
        let key = RowKey {
            tenant,
            metric_id: MetricId::from_be_bytes(field(&self.key, 6)),
            minute: u32::from_be_bytes(field(&self.key, 0)),
            source: SourceId {
                epoch: u64::from_be_bytes(field(&self.key, 22)),
                partition: u16::from_be_bytes(field(&self.key, 30)),
            },
            era: u32::from_be_bytes(field(&self.key, 32)),
            fragment: u32::from_be_bytes(field(&self.key, 36)),
        };
        let samples = u32::from_be_bytes(field(&self.key, SAMPLES_AT));
        Ok(Some(Row { key, samples, chunk: Bytes::copy_from_slice(chunk) }))
    }

    fn is_version_of(&self, other: &Found) -> bool {
        self.key[..SAMPLES_AT] == other.key[..SAMPLES_AT]
    }
}

/// `at` is a constant within the key.
fn field<const N: usize>(key: &Key, at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&key[at..at + N]);
    field
}

fn damaged() -> EngineError {
    EngineError::Corrupt("a stored row is damaged".to_owned())
}

fn next(rows: &mut Iter) -> Result<Option<Found>, EngineError> {
    let Some(item) = rows.next() else { return Ok(None) };
    let (key, value) = item.into_inner()?;
    let key = key[..].try_into().map_err(|_| damaged())?;
    Ok(Some(Found { key, value }))
}

/// See [`tidegate_hotstore::HotStore::read_rows`].
pub(super) fn read(
    files: &Files,
    tenant: &TenantId,
    mut series: Vec<MetricId>,
    minutes: Range<u32>,
) -> Result<Vec<Row>, EngineError> {
    if series.is_empty() || minutes.is_empty() {
        return Ok(Vec::new());
    }
    let days = files.row_days(minutes.start / MINUTES_PER_DAY..=(minutes.end - 1) / MINUTES_PER_DAY);
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let partitions = files.partitions()?;
    series.sort_unstable_by_key(|id| (id.partition(partitions), *id));
    series.dedup();
    let mut rows = Vec::new();
    for (day, keyspace) in days {
        let of_day = day * MINUTES_PER_DAY..(day + 1).saturating_mul(MINUTES_PER_DAY);
        for minute in minutes.start.max(of_day.start)..minutes.end.min(of_day.end) {
            for of_shard in series.chunk_by(|a, b| a.partition(partitions) == b.partition(partitions)) {
                read_minute(&keyspace, tenant, minute, partitions, of_shard, &mut rows)?;
            }
        }
    }
    // Within a series and minute the order of the keys is the wanted one.
    rows.sort_by_key(|row| (row.key.metric_id, row.key.minute));
    Ok(rows)
}

/// Rows of the series, which are of one shard and ascending: goes along the
/// minute's rows, and leaps where the next wanted one is far.
fn read_minute(
    keyspace: &Keyspace,
    tenant: &TenantId,
    minute: u32,
    partitions: u16,
    series: &[MetricId],
    out: &mut Vec<Row>,
) -> Result<(), EngineError> {
    let [first, .., last] = series else {
        return match series {
            [only] => read_minute(keyspace, tenant, minute, partitions, &[*only, *only], out),
            _ => Ok(()),
        };
    };
    let shard = first.partition(partitions);
    let mut end = [0xff; KEY_BYTES];
    end[..SERIES_BYTES].copy_from_slice(&series_key(minute, shard, *last));
    let mut rows = keyspace.range(&series_key(minute, shard, *first)[..]..=&end[..]);
    let mut current = next(&mut rows)?;
    let mut max_steps = STEPS_WHEN_SPARSE;
    for id in series {
        let wanted = series_key(minute, shard, *id);
        let (mut steps, mut sought) = (0, false);
        while let Some(found) = &current
            && found.key[..SERIES_BYTES] < wanted[..]
        {
            steps += 1;
            if steps > max_steps {
                rows = keyspace.range(&wanted[..]..=&end[..]);
                sought = true;
            }
            current = next(&mut rows)?;
        }
        max_steps = if sought { STEPS_WHEN_SPARSE } else { STEPS_WHEN_DENSE };
        while let Some(found) = current.take_if(|found| found.key[..SERIES_BYTES] == wanted[..]) {
            current = next(&mut rows)?;
            let fuller = current.as_ref().is_some_and(|next| next.is_version_of(&found));
            if !fuller && let Some(row) = found.row(Some(tenant))? {
                out.push(row);
            }
        }
        if current.is_none() {
            break;
        }
    }
    Ok(())
}

/// See [`tidegate_hotstore::HotStore::scan_rows`].
pub(super) fn scan(
    files: &Files,
    shard: u16,
    partitions: u16,
    minutes: Range<u32>,
    after: Option<RowKey>,
) -> Result<Vec<Row>, EngineError> {
    let from = after.as_ref().map_or(minutes.start, |key| key.minute.max(minutes.start));
    if from >= minutes.end {
        return Ok(Vec::new());
    }
    let days = files.row_days(from / MINUTES_PER_DAY..=(minutes.end - 1) / MINUTES_PER_DAY);
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let recorded = files.partitions()?;
    if recorded != partitions {
        let mismatch = format!("the store has {recorded} partitions, a scan of {partitions} was asked for");
        return Err(EngineError::Refused(mismatch));
    }
    let mut page = Vec::new();
    for (day, keyspace) in days {
        let of_day = day * MINUTES_PER_DAY..(day + 1).saturating_mul(MINUTES_PER_DAY);
        for minute in from.max(of_day.start)..minutes.end.min(of_day.end) {
            let start = match &after {
                Some(key) if key.minute == minute => last_version(key, partitions).to_vec(),
                _ => series_key(minute, shard, MetricId(0)).to_vec(),
            };
            scan_minute(&keyspace, minute, shard, &start, &mut page)?;
            if page.len() >= SCAN_ROWS {
                return Ok(page);
            }
        }
    }
    Ok(page)
}

/// No version of the row comes after this key.
fn last_version(key: &RowKey, partitions: u16) -> Key {
    key_of(&Row { key: key.clone(), samples: u32::MAX, chunk: Bytes::new() }, partitions)
}

/// Adds rows after `start` until the page is full or the minute ends.
fn scan_minute(
    keyspace: &Keyspace,
    minute: u32,
    shard: u16,
    start: &[u8],
    page: &mut Vec<Row>,
) -> Result<(), EngineError> {
    let mut end = [0xff; KEY_BYTES];
    end[..6].copy_from_slice(&series_key(minute, shard, MetricId(0))[..6]);
    let range = (std::ops::Bound::Excluded(start), std::ops::Bound::Included(&end[..]));
    let mut rows = keyspace.range::<&[u8], _>(range);
    let mut current = next(&mut rows)?;
    while let Some(found) = current.take() {
        current = next(&mut rows)?;
        if current.as_ref().is_some_and(|next| next.is_version_of(&found)) {
            continue;
        }
        page.extend(found.row(None)?);
        if page.len() >= SCAN_ROWS {
            break;
        }
    }
    Ok(())
}
