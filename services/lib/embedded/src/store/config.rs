//! Settings of the store.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Shards of a new store; one that is there keeps its own number. Without
    /// it, `partition_count` must be called before the first row is written.
    pub partitions: Option<u16>,
    /// Memory for blocks read from disk.
    pub cache_bytes: u64,
    /// What comes within this time of the one before is written together, as
    /// the partitions' rows of a minute that closed.
    pub gather_ms: u64,
    /// Longest wait for more.
    pub gather_max_ms: u64,
    /// Rows that are written together at most.
    pub gather_rows: usize,
    /// From so many rows of a day on, a group is written as a table of its own,
    /// past journal and memory.
    pub ingest_rows: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            partitions: None,
            cache_bytes: 64 << 20,
            gather_ms: 50,
            gather_max_ms: 500,
            gather_rows: 300_000,
            ingest_rows: 4_000,
        }
    }
}
