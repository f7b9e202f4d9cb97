//! What can go wrong.

use tidegate_codec::stored::StoredError;
use tidegate_coldstore::ArchiveError;
use tidegate_hotstore::StoreError;
use tidegate_model::{MetricId, TenantError, TenantId};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("hot_retention_days is {days}, at least {least} are needed: samples may be 6 days late")]
    HotRetention { days: u32, least: u32 },
    /// An hour may be built again for as long as the store has it; all hours of
    /// its day must be there then.
    #[error("retention_{finer}_days of {of} is {days}; at least {least} are needed, or 0 for ever")]
    ArchiveRetention { finer: &'static str, of: String, days: u32, least: u32 },
    #[error("tenant_retention names no tenant by {tenant:?}: {source}")]
    Tenant { tenant: String, source: TenantError },
    #[error("poll_seconds must not be 0")]
    PollZero,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("a row of series {metric_id} of tenant {tenant}, minute {minute}: {source}")]
    Chunk { tenant: TenantId, metric_id: MetricId, minute: u32, source: StoredError },
    /// Rows without labels cannot be archived; the hour waits for them.
    #[error(
        "{count} series of tenant {tenant} shard {shard} hour {hour} have rows but no labels, the first is {first}"
    )]
    UnknownSeries { tenant: TenantId, shard: u16, hour: u32, count: usize, first: MetricId },
    #[error("a worker stopped: {0}")]
    Worker(#[from] tokio::task::JoinError),
}

impl Error {
    /// Whether other hours would fail likewise, so that trying them now is of
    /// no use.
    pub(crate) fn concerns_all_hours(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_))
                | Self::Archive(ArchiveError::Unavailable(_) | ArchiveError::Put(_))
                | Self::Worker(_)
        )
    }
}
