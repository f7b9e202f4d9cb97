//! The store's files: keyspaces, and those that come and go with the days.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, CompressionPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use parking_lot::{Mutex, RwLock};

use super::StoreConfig;
use crate::engine::{EngineError, open_guarded};
use crate::recovery::{Opening, begin_journal, write_tables};

const ROWS: &str = "rows-";
const SERIES: &str = "series-";
/// With more than one, fjall's first worker spins while another compacts.
const WORKERS: usize = 1;
/// Journals are replayed at the start: their size bounds how long that takes.
const MAX_JOURNAL_BYTES: u64 = 128 << 20;
const PARTITIONS_KEY: &str = "partitions";

pub(super) struct Files {
    database: Database,
    /// Number of shards, metadata, and all that `state.rs` keeps.
    pub meta: Keyspace,
    pub state: Keyspace,
    pub sightings: Keyspace,
    rows: RwLock<BTreeMap<u32, Keyspace>>,
    series: RwLock<BTreeMap<u32, Keyspace>>,
    partitions: Mutex<Option<u16>>,
    /// Held from reading a value until a changed one is written.
    pub update: Mutex<()>,
}

impl Files {
    pub fn open(folder: &Path, config: &StoreConfig, opening: Opening) -> Result<Self, EngineError> {
        let database_folder = folder.join("db");
        begin_journal(&database_folder, opening)?;
        let files = open_guarded(folder, || {
            let database = Database::builder(&database_folder)
                .cache_size(config.cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(MAX_JOURNAL_BYTES)
                .worker_threads(WORKERS)
                .open()?;
            let small = || KeyspaceCreateOptions::default().max_memtable_size(4 << 20);
            let (rows, series) = (days(&database, ROWS, row_options)?, days(&database, SERIES, series_options)?);
            Ok(Self {
                meta: database.keyspace("meta", small)?,
                state: database.keyspace("state", small)?,
                sightings: database.keyspace("sightings", series_options)?,
                rows: RwLock::new(rows),
                series: RwLock::new(series),
                partitions: Mutex::new(None),
                update: Mutex::new(()),
                database,
            })
        })?;
        {
            let (rows, series) = (files.rows.read(), files.series.read());
            let keyspaces = rows.values().chain(series.values()).chain([&files.meta, &files.state, &files.sightings]);
            write_tables(&files.database, keyspaces, opening)?;
        }
        let recorded = files.meta.get(PARTITIONS_KEY)?;
        let recorded = recorded.and_then(|bytes| bytes[..].try_into().ok()).map(u16::from_be_bytes);
        *files.partitions.lock() = recorded;
        if let Some(partitions) = config.partitions {
            files.record_partitions(partitions)?;
        }
        Ok(files)
    }

    /// The recorded number of shards, `partitions` if none was recorded yet.
    pub fn record_partitions(&self, partitions: u16) -> Result<u16, EngineError> {
        let mut recorded = self.partitions.lock();
        if let Some(recorded) = *recorded {
            return Ok(recorded);
        }
        let mut batch = self.batch(Durability::Synced);
        batch.insert(&self.meta, PARTITIONS_KEY, partitions.to_be_bytes());
        batch.commit()?;
        *recorded = Some(partitions);
        Ok(partitions)
    }

    pub fn partitions(&self) -> Result<u16, EngineError> {
        let unknown = || EngineError::Refused("the number of partitions is not recorded yet".to_owned());
        self.partitions.lock().ok_or_else(unknown)
    }

    pub fn batch(&self, durability: Durability) -> OwnedWriteBatch {
        self.database.batch().durability(Some(match durability {
            Durability::Synced => PersistMode::SyncData,
            Durability::Process => PersistMode::Buffer,
        }))
    }

    /// Keyspaces of rows that are there, by day.
    pub fn row_days(&self, days: RangeInclusive<u32>) -> Vec<(u32, Keyspace)> {
        in_days(&self.rows, days)
    }

    pub fn series_day(&self, day: u32) -> Option<Keyspace> {
        self.series.read().get(&day).cloned()
    }

    pub fn series_days_in(&self, days: RangeInclusive<u32>) -> Vec<(u32, Keyspace)> {
        in_days(&self.series, days)
    }

    pub fn series_days(&self) -> Vec<u32> {
        self.series.read().keys().copied().collect()
    }

    /// The keyspace of a day's rows, made if it is not there.
    pub fn rows_of(&self, day: u32) -> Result<Keyspace, EngineError> {
        self.of_day(&self.rows, ROWS, day, row_options)
    }

    pub fn series_of(&self, day: u32) -> Result<Keyspace, EngineError> {
        self.of_day(&self.series, SERIES, day, series_options)
    }

    fn of_day(
        &self,
        days: &RwLock<BTreeMap<u32, Keyspace>>,
        prefix: &str,
        day: u32,
        options: fn() -> KeyspaceCreateOptions,
    ) -> Result<Keyspace, EngineError> {
        if let Some(keyspace) = days.read().get(&day) {
            return Ok(keyspace.clone());
        }
        let keyspace = self.database.keyspace(&format!("{prefix}{day}"), options)?;
        days.write().insert(day, keyspace.clone());
        Ok(keyspace)
    }

    /// Drops rows and series of the days before. Reads that are under way
    /// finish with what they have.
    pub fn expire(&self, from_day: u32) -> Result<(), EngineError> {
        for days in [&self.rows, &self.series] {
            let expired = {
                let mut days = days.write();
                let kept = days.split_off(&from_day);
                std::mem::replace(&mut *days, kept)
            };
            for keyspace in expired.into_values() {
                tracing::info!(keyspace = &**keyspace.name(), "expired");
                self.database.delete_keyspace(keyspace)?;
            }
        }
        Ok(())
    }
}

/// What a write has survived once it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// A power failure.
    Synced,
    /// The end of the process. After a power failure later synced writes are
    /// not there without this one: the journal is one.
    Process,
}

fn in_days(keyspaces: &RwLock<BTreeMap<u32, Keyspace>>, days: RangeInclusive<u32>) -> Vec<(u32, Keyspace)> {
    if days.is_empty() {
        return Vec::new();
    }
    keyspaces.read().range(days).map(|(day, keyspace)| (*day, keyspace.clone())).collect()
}

fn days(
    database: &Database,
    prefix: &str,
    options: fn() -> KeyspaceCreateOptions,
) -> Result<BTreeMap<u32, Keyspace>, fjall::Error> {
    let names = database.list_keyspace_names();
    let of_days = names.iter().filter_map(|name| Some((name, name.strip_prefix(prefix)?.parse::<u32>().ok()?)));
    of_days.map(|(name, day)| Ok((day, database.keyspace(name, options)?))).collect()
}

/// Tables in level 0 that are merged into what they overlap. Each holds the
/// rows of a minute; fjall holds writes up from 20 on.
const LATE_TABLES: u8 = 12;

/// Keys begin with the minute, so tables of later minutes lie behind those
/// of earlier ones and are moved down without being written again. Late rows
/// overlap much of what is there: they are left to gather first.
fn row_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(LATE_TABLES)))
        .max_memtable_size(8 << 20)
        .expect_point_read_hits(true)
        .data_block_size_policy(BlockSizePolicy::all(16 << 10))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
}

fn series_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(8 << 20)
        .data_block_size_policy(BlockSizePolicy::all(16 << 10))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
}
