//! Settings of the log.

use serde::{Deserialize, Serialize};
use tidegate_eventlog::Topic;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Partitions of each topic. Fixed once the log is made.
    pub partitions: u16,
    /// Records of metrics-raw that are older are dropped, once every group
    /// that commits offsets has committed past them.
    pub raw_retention_ms: u64,
    /// Size of metrics-raw on disk, all partitions together, above which the
    /// oldest records are dropped even if they are younger. Where a group
    /// still needs them, new ones are refused instead.
    pub raw_retention_bytes: u64,
    pub rollup_retention_ms: u64,
    pub rollup_retention_bytes: u64,
    /// Larger records are refused.
    pub max_record_bytes: usize,
    /// Appends that wait for the disk, in number; more are refused.
    pub queue_appends: usize,
    /// The same in bytes of their records.
    pub queue_bytes: usize,
    /// Latest records kept in memory for readers that follow, all partitions
    /// together.
    pub tail_cache_bytes: usize,
    /// Memory for blocks read from disk.
    pub block_cache_bytes: u64,
    /// Pause between two turns of retention.
    pub retention_interval_ms: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            partitions: 12,
            raw_retention_ms: 24 * 3_600_000,
            raw_retention_bytes: 20 << 30,
            rollup_retention_ms: 15 * 60_000,
            rollup_retention_bytes: 4 << 30,
            max_record_bytes: 32 << 20,
            queue_appends: 4_096,
            queue_bytes: 64 << 20,
            tail_cache_bytes: 64 << 20,
            block_cache_bytes: 8 << 20,
            retention_interval_ms: 60_000,
        }
    }
}

impl LogConfig {
    pub(super) fn retention_ms(&self, topic: Topic) -> u64 {
        match topic {
            Topic::MetricsRaw => self.raw_retention_ms,
            Topic::MetricsRollup => self.rollup_retention_ms,
        }
    }

    /// Of all partitions together.
    pub(super) fn retention_bytes(&self, topic: Topic) -> u64 {
        match topic {
            Topic::MetricsRaw => self.raw_retention_bytes,
            Topic::MetricsRollup => self.rollup_retention_bytes,
        }
    }
}
