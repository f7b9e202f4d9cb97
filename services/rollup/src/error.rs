//! What ends the target. All that may pass by itself is tried again instead.

use tidegate_eventlog::LogError;
use tidegate_hotstore::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log has {found} partitions, the store was filled from {recorded}; their number is fixed")]
    PartitionCount { found: u16, recorded: u16 },
    /// Offsets will be given again to other records: nothing that is stored
    /// about them would hold.
    #[error("partition {partition} was folded up to offset {needed}, but the log ends at {end}: records were lost")]
    LogBehind { partition: u16, needed: u64, end: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogError),
    /// Asked to stop while something had to be tried again; not a failure.
    #[error("stopped")]
    Stopped,
}
