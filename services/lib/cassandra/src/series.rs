//! Series by day, and what is known of metrics.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use parking_lot::Mutex;
use scylla::statement::prepared::PreparedStatement;
use tidegate_hotstore::StoreError;
use tidegate_model::time::HOURS_PER_DAY;
use tidegate_model::{Labels, MetricId, MetricMetadata, MetricType, SeriesKind, SeriesRow, TenantId};

use crate::config::Retention;
use crate::database::{Database, corrupt, each};
use crate::error::OpenError;
use crate::rows::metric_id;
use crate::write::Write;

pub(crate) struct Series {
    insert: PreparedStatement,
    insert_day: PreparedStatement,
    delete_day: PreparedStatement,
    select: PreparedStatement,
    select_one: PreparedStatement,
    select_days: PreparedStatement,
    insert_metadata: PreparedStatement,
    select_metadata: PreparedStatement,
    /// Days that this process has put on the list.
    listed: Mutex<BTreeSet<u32>>,
    retention: Retention,
}

/// metric_id, tenant, kind, labels
type Columns = (Vec<u8>, String, Option<String>, Option<HashMap<String, String>>);

/// metric, type, unit, help
type MetadataColumns = (String, Option<String>, Option<String>, Option<String>);

impl Series {
    pub async fn prepare(database: &Database, retention: Retention) -> Result<Self, OpenError> {
        let select = "SELECT metric_id, tenant, kind, labels FROM series WHERE shard = ? AND day = ?";
        let insert =
            "INSERT INTO series (shard, day, metric_id, tenant, kind, labels) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?";
        let metadata =
            "INSERT INTO metadata (tenant, metric, type, unit, help) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
        Ok(Self {
            insert: database.prepare(insert).await?,
            insert_day: database
                .prepare("INSERT INTO series_days (bucket, day) VALUES (0, ?) USING TIMESTAMP ? AND TTL ?")
                .await?,
            delete_day: database
                .prepare("DELETE FROM series_days USING TIMESTAMP ? WHERE bucket = 0 AND day = ?")
                .await?,
            select: database.prepare(select).await?,
            select_one: database.prepare(&format!("{select} AND metric_id = ?")).await?,
            select_days: database.prepare("SELECT day FROM series_days WHERE bucket = 0").await?,
            insert_metadata: database.prepare(metadata).await?,
            select_metadata: database.prepare("SELECT metric, type, unit, help FROM metadata WHERE tenant = ?").await?,
            listed: Mutex::default(),
            retention,
        })
    }

    /// The days first: without them their series are not found.
    pub async fn write(&self, database: &Database, rows: Vec<SeriesRow>) -> Result<(), StoreError> {
        let now_ms = database.now_ms();
        let mut days: Vec<u32> = rows.iter().map(|row| row.day).collect();
        days.sort_unstable();
        days.dedup();
        days.retain(|day| !self.listed.lock().contains(day));
        for day in days {
            if let Some(ttl) = self.retention.listed_seconds(day, now_ms) {
                database.execute(&self.insert_day, (day as i32, database.stamp(), ttl)).await?;
                self.listed.lock().insert(day);
            }
        }
        database.write_all(rows.iter().map(|row| self.of_day(row, now_ms)).collect()).await
    }

    fn of_day<'a>(&'a self, row: &'a SeriesRow, now_ms: i64) -> Write<'a> {
        let labels: BTreeMap<&str, &str> = row.labels.iter().collect();
        let (shard, day, tenant) = (i32::from(row.shard), row.day as i32, row.tenant.as_str());
        let variable_bytes =
            tenant.len() + row.labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        // As what says that the day's last hour has rows.
        let ttl = self.retention.note_seconds((row.day + 1) * HOURS_PER_DAY - 1, now_ms);
        let id = row.metric_id.to_be_bytes();
        Write::new(&self.insert, (shard, day, id, tenant, kind_name(row.kind), labels, ttl), variable_bytes)
    }

    /// As [`tidegate_hotstore::HotStore::read_series`].
    pub async fn read(&self, database: &Database, shard: u16, day: u32) -> Result<Vec<SeriesRow>, StoreError> {
        let rows: Vec<Columns> = database.rows(&self.select, (i32::from(shard), day as i32)).await?;
        rows.into_iter().map(|columns| series_row(columns, shard, day)).collect()
    }

    /// As [`tidegate_hotstore::HotStore::find_series`].
    pub async fn find(
        &self,
        database: &Database,
        partitions: u16,
        series: &[MetricId],
        days: Range<u32>,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        // From the latest day back: most series live for long.
        let known: Vec<u32> = self.days(database).await?.into_iter().filter(|day| days.contains(day)).rev().collect();
        let mut wanted = series.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let found =
            each(&wanted, database.read_concurrency, |id| self.find_one(database, partitions, *id, &known)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn find_one(
        &self,
        database: &Database,
        partitions: u16,
        id: MetricId,
        days: &[u32],
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let shard = id.partition(partitions);
        for day in days {
            let bytes = id.to_be_bytes();
            let values = (i32::from(shard), *day as i32, bytes.as_slice());
            let found: Vec<Columns> = database.rows(&self.select_one, values).await?;
            if !found.is_empty() {
                return found.into_iter().map(|columns| series_row(columns, shard, *day)).collect();
            }
        }
        Ok(Vec::new())
    }

    /// Takes days out of the list. Their rows and series expire by themselves,
    /// but from now on nobody counts on them.
    pub async fn unlist_before(&self, database: &Database, first_day: u32) -> Result<(), StoreError> {
        for day in self.days(database).await?.into_iter().filter(|day| *day < first_day) {
            self.listed.lock().remove(&day);
            database.execute(&self.delete_day, (database.stamp(), day as i32)).await?;
        }
        Ok(())
    }

    pub async fn days(&self, database: &Database) -> Result<Vec<u32>, StoreError> {
        let days: Vec<(i32,)> = database.rows(&self.select_days, ()).await?;
        Ok(days.into_iter().map(|(day,)| day as u32).collect())
    }

    pub async fn write_metadata(
        &self,
        database: &Database,
        tenant: &TenantId,
        metadata: Vec<(String, MetricMetadata)>,
    ) -> Result<(), StoreError> {
        let write = |(metric, metadata): &(String, MetricMetadata)| {
            let (kind, unit, help) = (type_name(metadata.metric_type), metadata.unit.clone(), metadata.help.clone());
            let values = (tenant.as_str().to_owned(), metric.clone(), kind, unit, help, database.stamp());
            database.execute(&self.insert_metadata, values)
        };
        each(&metadata, database.write_concurrency, write).await.map(drop)
    }

    pub async fn read_metadata(
        &self,
        database: &Database,
        tenant: &TenantId,
    ) -> Result<Vec<(String, MetricMetadata)>, StoreError> {
        let rows: Vec<MetadataColumns> = database.rows(&self.select_metadata, (tenant.as_str(),)).await?;
        let row = |(metric, kind, unit, help): MetadataColumns| {
            let metric_type = type_of(&kind.unwrap_or_default())?;
            Ok((metric, MetricMetadata { metric_type, unit: unit.unwrap_or_default(), help: help.unwrap_or_default() }))
        };
        rows.into_iter().map(row).collect()
    }
}

fn series_row((id, tenant, kind, labels): Columns, shard: u16, day: u32) -> Result<SeriesRow, StoreError> {
    let labels = labels.ok_or_else(|| corrupt("a series has no labels"))?;
    let mut pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.sort_unstable();
    Ok(SeriesRow {
        tenant: TenantId::new(&tenant).map_err(corrupt)?,
        shard,
        day,
        metric_id: metric_id(&id)?,
        labels: Labels::from_pairs(pairs).map_err(corrupt)?,
        kind: kind_of(&kind.unwrap_or_default())?,
    })
}

const KINDS: [(SeriesKind, &str); 4] = [
    (SeriesKind::Float, "float"),
    (SeriesKind::Histogram, "histogram"),
    (SeriesKind::DeltaFloat, "delta"),
    (SeriesKind::DeltaDistribution, "distribution"),
];

fn kind_name(kind: SeriesKind) -> &'static str {
    name_in(&KINDS, kind)
}

fn kind_of(name: &str) -> Result<SeriesKind, StoreError> {
    value_in(&KINDS, name).ok_or_else(|| corrupt(format!("unknown kind of series {name:?}")))
}

const TYPES: [(MetricType, &str); 8] = [
    (MetricType::Unknown, "unknown"),
    (MetricType::Counter, "counter"),
    (MetricType::Gauge, "gauge"),
    (MetricType::Histogram, "histogram"),
    (MetricType::GaugeHistogram, "gaugehistogram"),
    (MetricType::Summary, "summary"),
    (MetricType::Info, "info"),
    (MetricType::StateSet, "stateset"),
];

fn type_name(metric_type: MetricType) -> &'static str {
    name_in(&TYPES, metric_type)
}

fn type_of(name: &str) -> Result<MetricType, StoreError> {
    value_in(&TYPES, name).ok_or_else(|| corrupt(format!("unknown type of metric {name:?}")))
}

fn name_in<T: PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(named, _)| *named == value).map_or("", |(_, name)| name)
}

fn value_in<T: Copy>(names: &[(T, &'static str)], name: &str) -> Option<T> {
    names.iter().find(|(_, named)| *named == name).map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (kind, name) in KINDS {
            assert_eq!(kind_of(kind_name(kind)).expect(name), kind);
        }
        for (metric_type, name) in TYPES {
            assert_eq!(type_of(type_name(metric_type)).expect(name), metric_type);
        }
        kind_of("other").expect_err("no such kind");
    }
}
