//! The log and the store that all owners share.

use std::collections::BTreeMap;

use tidegate_model::{
    BatchId, Clock, LedgerEntry, LedgerKey, Progress, SessionsSnapshot, Sighting, SightingsChunk, SourceId, Window,
};

pub const SOURCE: SourceId = SourceId { epoch: 1, partition: 0 };

#[derive(Clone, Debug)]
pub struct Sample {
    pub series: u8,
    pub time_ms: i64,
    /// Names the sample: 40 bits drawn by batch and index.
    pub value: f64,
}

#[derive(Clone, Debug)]
pub struct Part {
    pub batch: BatchId,
    pub samples: Vec<Sample>,
}

#[derive(Debug)]
pub enum Payload {
    Parts(Vec<Part>),
    Poison,
}

#[derive(Debug)]
pub struct Record {
    pub append_ms: i64,
    pub payload: Payload,
    /// Known to the judge only.
    pub true_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub series: u8,
    pub minute: u32,
    pub era: u32,
    pub fragment: u32,
}

#[derive(Clone, Debug)]
pub struct StoredRow {
    pub key: Key,
    pub samples: u32,
    pub windows: Vec<Window>,
    pub totals: Vec<Window>,
}

/// Whether a write respects what is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Write {
    FullerWins,
    LatestWins,
}

pub struct Cluster {
    pub log: Vec<Record>,
    /// What lies before was truncated.
    pub log_start: usize,
    pub rows: BTreeMap<Key, StoredRow>,
    pub progress: Progress,
    sightings: BTreeMap<(u32, u32), Vec<Sighting>>,
    sessions: BTreeMap<u64, SessionsSnapshot>,
    pub final_ledger: BTreeMap<LedgerKey, LedgerEntry>,
    pub longest_open_ms: i64,
}

impl Cluster {
    pub fn new() -> Self {
        Self {
            log: Vec::new(),
            log_start: 0,
            rows: BTreeMap::new(),
            progress: Progress {
                source: SOURCE,
                resume_offset: 0,
                resume_clock: Clock::default(),
                closed_through: Clock { era: 0, effective_ms: -1 },
                position: 0,
                ledger: BTreeMap::new(),
            },
            sightings: BTreeMap::new(),
            sessions: BTreeMap::new(),
            final_ledger: BTreeMap::new(),
            longest_open_ms: 0,
        }
    }

    pub fn write_row(&mut self, row: StoredRow, write: Write) {
        let stored = self.rows.get(&row.key).map_or(0, |stored| stored.samples);
        if write == Write::LatestWins || stored <= row.samples {
            self.rows.insert(row.key, row);
        }
    }

    pub fn write_sightings(&mut self, chunk: SightingsChunk) {
        let stored = self.sightings.entry((chunk.era, chunk.minute)).or_default();
        if stored.len() <= chunk.entries.len() {
            *stored = chunk.entries;
        }
    }

    pub fn write_sessions(&mut self, snapshot: SessionsSnapshot) {
        self.sessions.insert(snapshot.offset, snapshot);
    }

    pub fn sightings_before(&self, offset: u64) -> Vec<Sighting> {
        self.sightings.values().flatten().filter(|sighting| sighting.offset < offset).copied().collect()
    }

    pub fn sessions_at(&self, offset: u64) -> Option<SessionsSnapshot> {
        self.sessions.range(..=offset).next_back().map(|(_, snapshot)| snapshot.clone())
    }
}
