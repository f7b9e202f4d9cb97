//! `shard_hours` and `hour_series`: which series have rows in an hour. A shard's hour is read series by series.

use std::collections::BTreeMap;
use std::ops::Range;

use scylla::statement::prepared::PreparedStatement;
use tidegate_hotstore::StoreError;
use tidegate_model::time::MINUTES_PER_HOUR;
use tidegate_model::{MetricId, Row, RowKey, TenantId};

use super::{MINUTES_PER_DAY, Rows};
use crate::database::{Database, corrupt, each};
use crate::error::OpenError;
use crate::write::Write;

/// Series that one call reads at most; each has about 60 rows an hour.
const SERIES: i32 = 256;

pub(super) struct Hours {
    insert_hour: PreparedStatement,
    select_hours: PreparedStatement,
    insert_series: PreparedStatement,
    select_series: PreparedStatement,
    select_series_after: PreparedStatement,
}

/// That a series has rows in an hour, to be kept for `ttl` seconds.
pub(super) struct Note<'a> {
    pub shard: u16,
    pub hour: u32,
    pub metric_id: MetricId,
    pub tenant: &'a TenantId,
    pub ttl: i32,
}

impl Hours {
    pub async fn prepare(database: &Database) -> Result<Self, OpenError> {
        let select = "SELECT metric_id, tenant FROM hour_series WHERE shard = ? AND hour = ?";
        Ok(Self {
            insert_hour: database.prepare("INSERT INTO shard_hours (shard, hour) VALUES (?, ?) USING TTL ?").await?,
            select_hours: database
                .prepare("SELECT hour FROM shard_hours WHERE shard = ? AND hour >= ? AND hour < ?")
                .await?,
            insert_series: database
                .prepare("INSERT INTO hour_series (shard, hour, metric_id, tenant) VALUES (?, ?, ?, ?) USING TTL ?")
                .await?,
            select_series: database.prepare(&format!("{select} LIMIT {SERIES}")).await?,
            select_series_after: database
                .prepare(&format!("{select} AND (metric_id, tenant) > (?, ?) LIMIT {SERIES}"))
                .await?,
        })
    }

    /// The hours first: without them their series are not found.
    pub async fn note(&self, database: &Database, notes: &[Note<'_>]) -> Result<(), StoreError> {
        let hours: BTreeMap<(u16, u32), i32> = notes.iter().map(|note| ((note.shard, note.hour), note.ttl)).collect();
        for ((shard, hour), ttl) in hours {
            database.execute(&self.insert_hour, (i32::from(shard), hour as i32, ttl)).await?;
        }
        database.write_all(notes.iter().map(|note| self.of_series(note)).collect()).await
    }

    fn of_series<'a>(&'a self, note: &Note<'a>) -> Write<'a> {
        let (shard, hour, tenant) = (i32::from(note.shard), note.hour as i32, note.tenant.as_str());
        let values = (shard, hour, note.metric_id.to_be_bytes(), tenant, note.ttl);
        Write::new(&self.insert_series, values, tenant.len())
    }

    /// Hours that have rows of the shard, ascending.
    pub async fn of_shard(&self, database: &Database, shard: u16, hours: Range<u32>) -> Result<Vec<u32>, StoreError> {
        let end = hours.end.min(i32::MAX as u32);
        let values = (i32::from(shard), hours.start as i32, end as i32);
        let found: Vec<(i32,)> = database.rows(&self.select_hours, values).await?;
        Ok(found.into_iter().map(|(hour,)| hour as u32).collect())
    }

    /// The next series of an hour, in order.
    async fn series(
        &self,
        database: &Database,
        shard: u16,
        hour: u32,
        after: Option<&(MetricId, TenantId)>,
    ) -> Result<Vec<(MetricId, TenantId)>, StoreError> {
        let place = (i32::from(shard), hour as i32);
        let found: Vec<(Vec<u8>, String)> = match after {
            None => database.rows(&self.select_series, place).await?,
            Some((id, tenant)) => {
                let bytes = id.to_be_bytes();
                let values = (place.0, place.1, bytes.as_slice(), tenant.as_str());
                database.rows(&self.select_series_after, values).await?
            }
        };
        found.into_iter().map(|(id, tenant)| Ok((metric_id(&id)?, TenantId::new(&tenant).map_err(corrupt)?))).collect()
    }
}

pub(crate) fn metric_id(bytes: &[u8]) -> Result<MetricId, StoreError> {
    let bytes = bytes.try_into().map_err(|_| corrupt("a metric_id is not of 16 bytes"))?;
    Ok(MetricId::from_be_bytes(bytes))
}

impl Rows {
    /// As [`tidegate_hotstore::HotStore::scan_rows`]: hour by hour, in an hour series by series.
    pub async fn scan(
        &self,
        database: &Database,
        shard: u16,
        minutes: Range<u32>,
        after: Option<RowKey>,
    ) -> Result<Vec<Row>, StoreError> {
        if minutes.is_empty() {
            return Ok(Vec::new());
        }
        let from = after.as_ref().map_or(minutes.start, |key| key.minute) / MINUTES_PER_HOUR;
        let end = (minutes.end - 1) / MINUTES_PER_HOUR + 1;
        let mut cursor = after.map(|key| (key.minute / MINUTES_PER_HOUR, (key.metric_id, key.tenant)));
        for hour in self.hours.of_shard(database, shard, from..end).await? {
            let mut last = cursor.take_if(|(of, _)| *of == hour).map(|(_, series)| series);
            loop {
                let series = self.hours.series(database, shard, hour, last.as_ref()).await?;
                let Some(end) = series.last() else { break };
                let rows = self.read_hour(database, &series, hour, &minutes).await?;
                if !rows.is_empty() {
                    return Ok(rows);
                }
                last = Some(end.clone());
            }
        }
        Ok(Vec::new())
    }

    /// In the order of `series`, each in order of time.
    async fn read_hour(
        &self,
        database: &Database,
        series: &[(MetricId, TenantId)],
        hour: u32,
        minutes: &Range<u32>,
    ) -> Result<Vec<Row>, StoreError> {
        let of_hour = hour * MINUTES_PER_HOUR..(hour + 1) * MINUTES_PER_HOUR;
        let minutes = minutes.start.max(of_hour.start)..minutes.end.min(of_hour.end);
        let day = of_hour.start / MINUTES_PER_DAY;
        let found = each(series, database.read_concurrency, |(id, tenant)| {
            self.read_day(database, tenant, *id, day, minutes.clone())
        });
        let mut rows: Vec<Row> = found.await?.into_iter().flatten().collect();
        let order = |key: &RowKey| (key.metric_id, key.minute, key.source, key.era, key.fragment);
        rows.sort_unstable_by(|Row { key: a, .. }, Row { key: b, .. }| {
            (a.metric_id, &a.tenant).cmp(&(b.metric_id, &b.tenant)).then_with(|| order(a).cmp(&order(b)))
        });
        Ok(rows)
    }
}
