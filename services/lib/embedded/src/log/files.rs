//! A topic's files: keyspaces, keys, and what is done with them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use fjall::{AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tidegate_eventlog::{Bounds, Record, Topic};

use super::LogConfig;
use crate::engine::{EngineError, open_guarded};
use crate::recovery::{Opening, begin_journal, write_tables};

/// A partition's records in memory before they are written as a table.
const RAW_MEMTABLE_BYTES: u64 = 4 << 20;
const ROLLUP_MEMTABLE_BYTES: u64 = 2 << 20;
/// With more than one, fjall's first worker spins while another compacts.
const WORKERS: usize = 1;
/// Journals are replayed at the start: their size bounds how long that takes.
const MAX_JOURNAL_BYTES: u64 = 192 << 20;
const KEY_BYTES: usize = 16;
const EPOCH_KEY: &str = "epoch";
const PARTITIONS_KEY: &str = "partitions";
const COMMITTED: &str = "committed";

pub(super) struct Files {
    database: Database,
    meta: Keyspace,
    /// By partition.
    records: Vec<Keyspace>,
    /// What an append waits for.
    persist: PersistMode,
}

/// What `meta` and the records say when the log is opened.
pub(super) struct Meta {
    pub epoch: u64,
    /// By partition.
    pub bounds: Vec<Bounds>,
    /// The number of partitions that the topic was made with, if another one.
    pub other_partitions: Option<u16>,
}

/// A record to be written.
pub(super) struct NewRecord {
    pub partition: u16,
    pub record: Record,
}

impl Files {
    pub fn open(folder: &Path, topic: Topic, config: &LogConfig, opening: Opening) -> Result<Self, EngineError> {
        let database_folder = folder.join(topic.name());
        begin_journal(&database_folder, opening)?;
        let files = open_guarded(folder, || {
            let database = Database::builder(&database_folder)
                .cache_size(config.block_cache_bytes)
                .journal_compression(CompressionType::None)
                .manual_journal_persist(true)
                .max_journaling_size(MAX_JOURNAL_BYTES)
                .worker_threads(WORKERS)
                .open()?;
            let meta = database.keyspace("meta", || KeyspaceCreateOptions::default().max_memtable_size(1 << 20))?;
            let partitions = recorded_partitions(&meta)?.unwrap_or(config.partitions);
            let keyspaces = (0..partitions).map(|partition| {
                let share = f64::from(partition + 1) / f64::from(partitions);
                database.keyspace(&format!("partition-{partition}"), || options(topic, share))
            });
            let records = keyspaces.collect::<Result<Vec<_>, _>>()?;
            Ok(Self { database, meta, records, persist: persist(topic) })
        })?;
        let keyspaces = files.records.iter().chain([&files.meta]);
        write_tables(&files.database, keyspaces, opening)?;
        Ok(files)
    }

    /// Reads what is recorded, and records epoch and partitions of a new log.
    pub fn read_meta(&self, partitions: u16) -> Result<Meta, EngineError> {
        let epoch = match self.meta.get(EPOCH_KEY)? {
            Some(epoch) => u64_of(&epoch)?,
            None => {
                let epoch = rand::random::<u64>();
                let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
                batch.insert(&self.meta, EPOCH_KEY, epoch.to_be_bytes());
                batch.insert(&self.meta, PARTITIONS_KEY, partitions.to_be_bytes());
                batch.commit()?;
                epoch
            }
        };
        let other_partitions = recorded_partitions(&self.meta)?.filter(|found| *found != partitions);
        Ok(Meta { epoch, bounds: self.bounds()?, other_partitions })
    }

    pub fn bounds(&self) -> Result<Vec<Bounds>, EngineError> {
        let mut bounds = Vec::new();
        for (partition, keyspace) in self.records.iter().enumerate() {
            let start = match self.meta.get(start_key(partition as u16))? {
                Some(start) => u64_of(&start)?,
                None => 0,
            };
            let last = keyspace.last_key_value().map(fjall::Guard::key).transpose()?;
            let end = last.map(|key| parse_key(&key)).transpose()?.map_or(0, |(offset, _)| offset + 1);
            bounds.push(Bounds { start, end: end.max(start) });
        }
        Ok(bounds)
    }

    /// All or none; on disk when it returns, as far as the topic needs that.
    pub fn append<'a>(&self, records: impl Iterator<Item = &'a NewRecord>) -> Result<(), EngineError> {
        let mut batch = self.database.batch().durability(Some(self.persist));
        for NewRecord { partition, record } in records {
            let key = key(record.offset, record.append_time_ms);
            batch.insert(self.keyspace(*partition)?, key, &record.payload[..]);
        }
        Ok(batch.commit()?)
    }

    /// Records of the range from its start on, at least one if any is there.
    pub fn read(&self, partition: u16, range: Range<u64>, max_bytes: usize) -> Result<Vec<Record>, EngineError> {
        let mut records = Vec::new();
        let mut size_bytes = 0;
        for item in self.keyspace(partition)?.range(first_key(range.start)..first_key(range.end)) {
            let (key, payload) = item.into_inner()?;
            let (offset, append_time_ms) = parse_key(&key)?;
            size_bytes += payload.len().max(1);
            if !records.is_empty() && size_bytes > max_bytes {
                break;
            }
            records.push(Record { offset, append_time_ms, payload: Bytes::copy_from_slice(&payload) });
        }
        Ok(records)
    }

    /// Append time of the first record at `offset` or later.
    pub fn time_at(&self, partition: u16, offset: u64) -> Result<Option<i64>, EngineError> {
        let first = self.keyspace(partition)?.range(first_key(offset)..).next();
        let key = first.map(fjall::Guard::key).transpose()?;
        Ok(key.map(|key| parse_key(&key)).transpose()?.map(|(_, append_time_ms)| append_time_ms))
    }

    /// Bytes on disk, without what is still in a journal only.
    pub fn size_bytes(&self, partition: u16) -> Result<u64, EngineError> {
        Ok(self.keyspace(partition)?.disk_space())
    }

    /// Remembers where the partition starts, then drops the tables that hold
    /// nothing after it.
    pub fn truncate_start(&self, partition: u16, start: u64) -> Result<(), EngineError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.meta, start_key(partition), start.to_be_bytes());
        batch.commit()?;
        let keyspace = self.keyspace(partition)?;
        keyspace.tree.drop_range(..first_key(start)).map_err(|error| fjall::Error::from(error).into())
    }

    pub fn committed(&self, group: &str, partition: u16) -> Result<Option<u64>, EngineError> {
        let committed = self.meta.get(commit_key(group, partition))?;
        committed.map(|offset| u64_of(&offset)).transpose()
    }

    /// Of each partition the first record that some group still needs: all of
    /// them while there is no group, or one that has not committed there yet.
    pub fn needed_from(&self) -> Result<Vec<u64>, EngineError> {
        let partitions = self.records.len();
        let mut by_group: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let prefix = COMMITTED.to_owned() + "/";
        for item in self.meta.prefix(&prefix) {
            let (key, offset) = item.into_inner()?;
            let key = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            let Some((partition, group)) = key.split_once('/') else { continue };
            let offsets = by_group.entry(group.to_owned()).or_insert_with(|| vec![0; partitions]);
            if let Some(needed) = partition.parse::<usize>().ok().and_then(|partition| offsets.get_mut(partition)) {
                *needed = u64_of(&offset)?;
            }
        }
        let lowest = |partition| by_group.values().map(|offsets: &Vec<u64>| offsets[partition]).min().unwrap_or(0);
        Ok((0..partitions).map(lowest).collect())
    }

    pub fn commit(&self, group: &str, partition: u16, offset: u64) -> Result<(), EngineError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        batch.insert(&self.meta, commit_key(group, partition), offset.to_be_bytes());
        Ok(batch.commit()?)
    }

    fn keyspace(&self, partition: u16) -> Result<&Keyspace, EngineError> {
        let found = self.records.get(usize::from(partition));
        found.ok_or_else(|| EngineError::Corrupt(format!("the topic has no partition {partition}")))
    }
}

/// Keys only rise, so tables are disjoint and the default, leveled compaction
/// moves them without writing them again. All partitions grow alike: memtables
/// of different sizes (`share` is in 0..=1) do not become tables all at once,
/// which would hold up the appends meanwhile.
fn options(topic: Topic, share: f64) -> KeyspaceCreateOptions {
    let memtable_bytes = match topic {
        Topic::MetricsRaw => RAW_MEMTABLE_BYTES,
        Topic::MetricsRollup => ROLLUP_MEMTABLE_BYTES,
    };
    KeyspaceCreateOptions::default()
        .max_memtable_size((memtable_bytes as f64 * (1.0 + share) / 2.0) as u64)
        .expect_point_read_hits(true)
        .data_block_size_policy(fjall::config::BlockSizePolicy::all(32 << 10))
        .data_block_compression_policy(fjall::config::CompressionPolicy::all(CompressionType::Lz4))
}

/// What is acknowledged survives a power failure. Live windows need not: they
/// are published again from what is, and reading them is the most recent past.
fn persist(topic: Topic) -> PersistMode {
    match topic {
        Topic::MetricsRaw => PersistMode::SyncData,
        Topic::MetricsRollup => PersistMode::Buffer,
    }
}

fn recorded_partitions(meta: &Keyspace) -> Result<Option<u16>, fjall::Error> {
    let recorded = meta.get(PARTITIONS_KEY)?;
    Ok(recorded.and_then(|bytes| bytes[..].try_into().ok()).map(u16::from_be_bytes))
}

fn start_key(partition: u16) -> String {
    format!("start/{partition}")
}

fn commit_key(group: &str, partition: u16) -> String {
    format!("{COMMITTED}/{partition}/{group}")
}

fn key(offset: u64, append_time_ms: i64) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&offset.to_be_bytes());
    key[8..].copy_from_slice(&append_time_ms.to_be_bytes());
    key
}

/// Not after any key of `offset`, after those of all before.
fn first_key(offset: u64) -> [u8; 8] {
    offset.to_be_bytes()
}

fn parse_key(key: &[u8]) -> Result<(u64, i64), EngineError> {
    match key.split_first_chunk::<8>() {
        Some((offset, time)) if time.len() == 8 => Ok((u64::from_be_bytes(*offset), u64_of(time)? as i64)),
        _ => Err(EngineError::Corrupt(format!("the key of a record has {} bytes", key.len()))),
    }
}

fn u64_of(bytes: &[u8]) -> Result<u64, EngineError> {
    let bytes = bytes.try_into().map_err(|_| EngineError::Corrupt("a number has not eight bytes".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}
