//! How far a partition has been folded, and what the fold must know to go on.

use std::collections::BTreeMap;

use crate::{BatchId, SourceId};

/// Effective time: era first, then milliseconds. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clock {
    pub era: u32,
    pub effective_ms: i64,
}

/// Saved after the rows that it covers. Everything in it is a pure function of
/// the log up to `position`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub source: SourceId,
    /// C: first offset that any open fragment needs; replay starts here.
    pub resume_offset: u64,
    /// The clock before the record at `resume_offset`.
    pub resume_clock: Clock,
    /// T: fragments that close at or before this are stored.
    pub closed_through: Clock,
    /// P: next offset that was not folded yet; the version of this row.
    pub position: u64,
    /// Of every hour that may still change, as of `closed_through`.
    pub ledger: BTreeMap<LedgerKey, LedgerEntry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey {
    pub era: u32,
    /// Hours since the epoch, of the samples' own times.
    pub hour: u32,
}

/// received = counted + duplicate + poison, once all fragments are closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Samples in stored rows.
    pub counted: u64,
    /// Samples of batches that had been counted before.
    pub duplicate: u64,
    /// Records that could not be read, filed under the hour of their arrival.
    pub poison: u64,
    /// Offsets that the log lost before they were read, likewise.
    pub gap: u64,
}

/// Batch ids seen in one minute of effective time. Immutable but for growing:
/// of two versions the one with more entries is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingsChunk {
    pub source: SourceId,
    pub era: u32,
    /// ⌊effective time / 60 s⌋.
    pub minute: u32,
    pub entries: Vec<Sighting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Of the record that held the batch.
    pub offset: u64,
    pub batch: BatchId,
    pub clock: Clock,
    /// Ids that were new, counted from the log's start up to this one.
    pub new_ids: u64,
}

/// Highest sequence of every known session before the record at `offset`,
/// written once an hour of effective time so that a take-over reads one
/// snapshot and the sightings since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsSnapshot {
    pub source: SourceId,
    pub offset: u64,
    /// Each with `BatchId::Session`; `offset` is that of the session's latest
    /// batch.
    pub entries: Vec<Sighting>,
}

/// What the archive knows and needs to know of one (shard, hour, source).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourState {
    /// Clock of the latest close that wrote rows of the hour.
    pub touched: Clock,
    /// The latest of those closes that wrote late samples. After it the hour
    /// only grew at its end: see [`Touch`].
    pub late: Option<Clock>,
    /// `touched` as the last shipped object covers it.
    pub shipped: Option<Clock>,
}

/// What a flush wrote of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Since the epoch, of the samples' own times.
    pub hour: u32,
    /// The latest close that wrote rows.
    pub closed: Clock,
    /// The latest close of samples that had not come on time: their rows are
    /// of any minute. Rows of samples on time are of the minute that their
    /// close follows from.
    pub late: Option<Clock>,
}

impl Touch {
    /// By samples that came on time.
    pub fn on_time(hour: u32, closed: Clock) -> Self {
        Self { hour, closed, late: None }
    }

    /// Both together; they are of one hour.
    pub fn join(&mut self, other: Self) {
        self.closed = self.closed.max(other.closed);
        self.late = self.late.max(other.late);
    }
}
