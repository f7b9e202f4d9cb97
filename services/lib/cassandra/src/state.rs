//! Progress, the ledger, and the number of partitions.

use std::sync::OnceLock;

use scylla::statement::prepared::PreparedStatement;
use tidegate_codec::stored::rows::{decode_progress, encode_progress};
use tidegate_hotstore::StoreError;
use tidegate_model::{LedgerEntry, LedgerKey, Progress, SourceId};

use crate::database::{Database, corrupt, each};
use crate::error::OpenError;
use crate::versions;

pub(crate) struct State {
    insert_progress: PreparedStatement,
    select_progress: PreparedStatement,
    select_all_progress: PreparedStatement,
    insert_ledger: PreparedStatement,
    select_ledger: PreparedStatement,
    insert_partitions: PreparedStatement,
    select_partitions: PreparedStatement,
    /// Once it is recorded it never changes.
    partitions: OnceLock<u16>,
}

impl State {
    pub async fn prepare(database: &Database) -> Result<Self, OpenError> {
        let insert_progress = "INSERT INTO progress (bucket, source_epoch, source_partition, position, resume_offset, row) \
                               VALUES (0, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let select_progress = "SELECT row FROM progress WHERE bucket = 0";
        let of_source = "source_epoch = ? AND source_partition = ?";
        let insert_ledger = "INSERT INTO ledger (source_epoch, source_partition, era, hour, counted, duplicate, poison, gap) \
                             VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
        let select_ledger = format!("SELECT era, hour, counted, duplicate, poison, gap FROM ledger WHERE {of_source}");
        let insert_partitions = "INSERT INTO settings (name, value) VALUES ('partitions', ?) IF NOT EXISTS";
        let select_partitions = "SELECT value FROM settings WHERE name = 'partitions'";
        Ok(Self {
            insert_progress: database.prepare(insert_progress).await?,
            select_progress: database.prepare(&format!("{select_progress} AND {of_source}")).await?,
            select_all_progress: database.prepare(select_progress).await?,
            insert_ledger: database.prepare(insert_ledger).await?,
            select_ledger: database.prepare(&select_ledger).await?,
            insert_partitions: database.prepare(insert_partitions).await?,
            select_partitions: database.prepare(select_partitions).await?,
            partitions: OnceLock::new(),
        })
    }

    pub async fn save_progress(&self, database: &Database, progress: &Progress) -> Result<(), StoreError> {
        let (epoch, partition) = columns(progress.source);
        let (position, resume_offset) = (progress.position as i64, progress.resume_offset as i64);
        let row = encode_progress(progress);
        let values = (epoch, partition, position, resume_offset, row, versions::of_offset(progress.position));
        database.execute(&self.insert_progress, values).await
    }

    pub async fn load_progress(&self, database: &Database, source: SourceId) -> Result<Option<Progress>, StoreError> {
        let rows: Vec<(Vec<u8>,)> = database.rows(&self.select_progress, columns(source)).await?;
        rows.first().map(|(row,)| decode_progress(row).map_err(corrupt)).transpose()
    }

    pub async fn all_progress(&self, database: &Database) -> Result<Vec<Progress>, StoreError> {
        let rows: Vec<(Vec<u8>,)> = database.rows(&self.select_all_progress, ()).await?;
        rows.iter().map(|(row,)| decode_progress(row).map_err(corrupt)).collect()
    }

    pub async fn write_ledger(
        &self,
        database: &Database,
        source: SourceId,
        entries: &[(LedgerKey, LedgerEntry)],
    ) -> Result<(), StoreError> {
        let (epoch, partition) = columns(source);
        let stamp = database.stamp();
        let write = |(key, entry): &(LedgerKey, LedgerEntry)| {
            let [counted, duplicate, poison, gap] =
                [entry.counted, entry.duplicate, entry.poison, entry.gap].map(|count| count as i64);
            let values = (epoch, partition, key.era as i32, key.hour as i32, counted, duplicate, poison, gap, stamp);
            database.execute(&self.insert_ledger, values)
        };
        each(entries, database.write_concurrency, write).await.map(drop)
    }

    pub async fn read_ledger(
        &self,
        database: &Database,
        source: SourceId,
    ) -> Result<Vec<(LedgerKey, LedgerEntry)>, StoreError> {
        let rows: Vec<(i32, i32, i64, i64, i64, i64)> = database.rows(&self.select_ledger, columns(source)).await?;
        let entry = |(era, hour, counted, duplicate, poison, gap)| {
            let [counted, duplicate, poison, gap] = [counted, duplicate, poison, gap].map(|count: i64| count as u64);
            let key = LedgerKey { era: era as u32, hour: hour as u32 };
            (key, LedgerEntry { counted, duplicate, poison, gap })
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// The recorded number, `partitions` when there was none.
    pub async fn partition_count(&self, database: &Database, partitions: u16) -> Result<u16, StoreError> {
        if let Some(recorded) = self.recorded_partitions(database).await? {
            return Ok(recorded);
        }
        database.execute(&self.insert_partitions, (partitions.to_string(),)).await?;
        let recorded = self.recorded_partitions(database).await?;
        recorded.ok_or_else(|| StoreError::Unavailable("the number of partitions was not recorded".to_owned()))
    }

    pub async fn recorded_partitions(&self, database: &Database) -> Result<Option<u16>, StoreError> {
        if let Some(known) = self.partitions.get() {
            return Ok(Some(*known));
        }
        let rows: Vec<(Option<String>,)> = database.rows(&self.select_partitions, ()).await?;
        let Some((Some(value),)) = rows.into_iter().next() else { return Ok(None) };
        let recorded = value.parse().map_err(|_| corrupt(format!("settings: partitions is {value:?}")))?;
        Ok(Some(*self.partitions.get_or_init(|| recorded)))
    }
}

/// source_epoch, source_partition
pub(crate) fn columns(source: SourceId) -> (i64, i32) {
    (source.epoch as i64, source.partition.into())
}
