//! Rows of windows: `rollup_5s`, `rollup_1m`, and which series have rows in which hour.

mod minute;
mod scan;

pub(crate) use scan::metric_id;

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use scylla::statement::prepared::PreparedStatement;
use tidegate_codec::stored::decode_chunk;
use tidegate_hotstore::StoreError;
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR};
use tidegate_model::{MetricId, Row, RowKey, SourceId, TenantId};

use crate::config::Retention;
use crate::database::{Database, each};
use crate::error::OpenError;
use crate::metrics::Metrics;
use crate::seen::Seen;
use crate::versions;
use crate::write::Write;

use minute::Minutes;
use scan::{Hours, Note};

const MINUTES_PER_DAY: u32 = MINUTES_PER_HOUR * HOURS_PER_DAY;
/// More days than this are not asked for one by one when most of them hold nothing.
const MOST_DAYS: u32 = 16;

pub(crate) struct Rows {
    insert: PreparedStatement,
    select: PreparedStatement,
    minutes: Minutes,
    hours: Hours,
    seen: Seen,
    retention: Retention,
}

/// minute, epoch, partition, era, fragment, samples, chunk
type Columns = (i32, i64, i32, i32, i32, Option<i32>, Option<Vec<u8>>);

impl Rows {
    pub async fn prepare(database: &Database, retention: Retention) -> Result<Self, OpenError> {
        let insert = "INSERT INTO rollup_5s (tenant, metric_id, day, minute, source_epoch, source_partition, era, fragment, \
                      samples, chunk) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
        let select = "SELECT minute, source_epoch, source_partition, era, fragment, samples, chunk FROM rollup_5s \
                      WHERE tenant = ? AND metric_id = ? AND day = ? AND minute >= ? AND minute < ?";
        Ok(Self {
            insert: database.prepare(insert).await?,
            select: database.prepare(select).await?,
            minutes: Minutes::prepare(database).await?,
            hours: Hours::prepare(database).await?,
            seen: Seen::default(),
            retention,
        })
    }

    /// First that there are rows, then the rows: a scan finds every row that was acknowledged.
    pub async fn write(&self, database: &Database, partitions: u16, rows: Vec<Row>) -> Result<(), StoreError> {
        let now_ms = database.now_ms();
        let mut notes = BTreeMap::new();
        for RowKey { tenant, metric_id, minute, .. } in rows.iter().map(|row| &row.key) {
            let hour = minute / MINUTES_PER_HOUR;
            if !self.seen.contains(hour, tenant, *metric_id) {
                let ttl = self.retention.note_seconds(hour, now_ms);
                let shard = metric_id.partition(partitions);
                notes.insert((hour, *metric_id, tenant), Note { shard, hour, metric_id: *metric_id, tenant, ttl });
            }
        }
        let notes: Vec<Note<'_>> = notes.into_values().collect();
        if !notes.is_empty() {
            self.hours.note(database, &notes).await?;
            database.metrics.noted_series.inc_by(notes.len() as u64);
            let lasting = notes.iter().filter(|note| self.retention.noted_once(note.hour, now_ms));
            self.seen.add(lasting.map(|note| (note.hour, note.tenant, note.metric_id)));
        }
        let mut writes = Vec::with_capacity(rows.len() * 2);
        for row in &rows {
            self.add(&mut writes, row, now_ms, &database.metrics);
        }
        database.write_all(writes).await
    }

    fn add<'a>(&'a self, writes: &mut Vec<Write<'a>>, row: &'a Row, now_ms: i64, metrics: &Metrics) {
        let Row { key, samples, chunk } = row;
        let hour = key.minute / MINUTES_PER_HOUR;
        let timestamp = versions::of_row(key, *samples);
        let values = (
            key.tenant.as_str(),
            key.metric_id.to_be_bytes(),
            (key.minute / MINUTES_PER_DAY) as i32,
            key.minute as i32,
            key.source.epoch as i64,
            i32::from(key.source.partition),
            key.era as i32,
            key.fragment as i32,
            *samples as i32,
            &chunk[..],
            timestamp,
            self.retention.rows_5s_seconds(hour, now_ms),
        );
        writes.push(Write::new(&self.insert, values, key.tenant.as_str().len() + chunk.len()));
        if self.retention.rows_1m_days == 0 {
            return;
        }
        match decode_chunk(key.minute, chunk) {
            Ok(decoded) => {
                let ttl = self.retention.rows_1m_seconds(hour, now_ms);
                self.minutes.add(writes, key, &decoded.totals, timestamp, ttl);
            }
            Err(error) => {
                metrics.unreadable_chunks.inc();
                tracing::warn!(%error, metric_id = %key.metric_id, "a row whose totals cannot be read");
            }
        }
    }

    /// As [`tidegate_hotstore::HotStore::read_rows`].
    pub async fn read(
        &self,
        database: &Database,
        partitions: u16,
        tenant: &TenantId,
        series: &[MetricId],
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        let days = self.days(database, partitions, &minutes).await?;
        let mut wanted: Vec<MetricId> = series.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let parts: Vec<(MetricId, u32)> = wanted.iter().flat_map(|id| days.iter().map(|day| (*id, *day))).collect();
        let read = |(id, day): &(MetricId, u32)| self.read_day(database, tenant, *id, *day, minutes.clone());
        let mut rows: Vec<Row> = each(&parts, database.read_concurrency, read).await?.into_iter().flatten().collect();
        rows.sort_unstable_by_key(|row| {
            let RowKey { metric_id, minute, source, era, fragment, .. } = row.key;
            (metric_id, minute, source, era, fragment)
        });
        Ok(rows)
    }

    /// Days that the minutes touch; of a long range those that hold rows.
    async fn days(&self, database: &Database, partitions: u16, minutes: &Range<u32>) -> Result<Vec<u32>, StoreError> {
        let days = minutes.start / MINUTES_PER_DAY..=(minutes.end - 1) / MINUTES_PER_DAY;
        if days.end() - days.start() <= MOST_DAYS {
            return Ok(days.collect());
        }
        let mut found = Vec::new();
        for shard in 0..partitions {
            let hours = self.hours.of_shard(database, shard, 0..u32::MAX).await?;
            found.extend(hours.into_iter().map(|hour| hour / HOURS_PER_DAY).filter(|day| days.contains(day)));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    async fn read_day(
        &self,
        database: &Database,
        tenant: &TenantId,
        metric_id: MetricId,
        day: u32,
        minutes: Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        let first = minutes.start.max(day * MINUTES_PER_DAY);
        let end = minutes.end.min(day.saturating_add(1).saturating_mul(MINUTES_PER_DAY));
        let id = metric_id.to_be_bytes();
        let values = (tenant.as_str(), id.as_slice(), day as i32, first as i32, end as i32);
        let rows: Vec<Columns> = database.rows(&self.select, values).await?;
        let row = |(minute, epoch, partition, era, fragment, samples, chunk): Columns| {
            let source = SourceId { epoch: epoch as u64, partition: partition as u16 };
            let (minute, era, fragment) = (minute as u32, era as u32, fragment as u32);
            let key = RowKey { tenant: tenant.clone(), metric_id, minute, source, era, fragment };
            let (samples, chunk) = samples.zip(chunk).ok_or_else(|| missing(&key))?;
            Ok(Row { key, samples: samples as u32, chunk: Bytes::from(chunk) })
        };
        rows.into_iter().map(row).collect()
    }
}

fn missing(key: &RowKey) -> StoreError {
    StoreError::Corrupt(format!("rollup_5s: the row of {} in minute {} lacks columns", key.metric_id, key.minute))
}
