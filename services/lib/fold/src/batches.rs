//! Which batches were counted before.
//!
//! Every sighting of a batch is kept in chunks by minute, so that a take-over
//! can rebuild exactly what was known at the offset where it starts, no more
//! and no less.

use hashbrown::HashMap;
use tidegate_model::time::{hour_of, minute_of};
use tidegate_model::{BatchId, Clock, SessionsSnapshot, Sighting, SightingsChunk, SourceId};

use crate::content_ids::{ContentIds, Seen};
use crate::rules::Rules;

/// Whether a batch is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    New,
    Duplicate,
}

/// How far back the sightings reach that a take-over needs.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    rules: Rules,
    at: Seen,
    sessions_from: u64,
}

impl Horizon {
    /// `latest` is the last sighting before the resume offset, `clock` the
    /// clock there, `sessions` the snapshot to begin with.
    pub fn new(clock: Clock, latest: &Sighting, sessions: Option<&SessionsSnapshot>) -> Self {
        let at = Seen { clock, new_ids: latest.new_ids };
        Self { rules: Rules::V1, at, sessions_from: sessions.map_or(0, |snapshot| snapshot.offset) }
    }

    /// Whether sightings before `earliest` make no difference any more.
    pub fn covered_by(&self, earliest: &Sighting) -> bool {
        let seen = Seen { clock: earliest.clock, new_ids: earliest.new_ids };
        // The chunk of the minute that goes on must be complete too.
        earliest.offset < self.sessions_from
            && forgotten(&self.rules, seen, self.at)
            && minute_key(earliest.clock) < minute_key(self.at.clock)
    }
}

#[derive(Clone)]
pub(crate) struct Batches {
    source: SourceId,
    rules: Rules,
    /// Ids that were new since the log began.
    new_ids: u64,
    content: ContentIds,
    sessions: HashMap<u128, Session>,
    minute: Minute,
    /// Chunks of minutes that ended.
    ended: Vec<SightingsChunk>,
    snapshots: Vec<SessionsSnapshot>,
}

#[derive(Clone, Copy)]
struct Session {
    highest_sequence: u64,
    offset: u64,
    seen: Seen,
}

/// The sightings of the current minute: all of them, also those before a
/// take-over, since of two versions of a chunk the longer one stays.
#[derive(Clone, Default)]
struct Minute {
    /// (era, minute of the effective time)
    key: (u32, u32),
    entries: Vec<Sighting>,
    taken: usize,
}

fn minute_key(clock: Clock) -> (u32, u32) {
    (clock.era, minute_of(clock.effective_ms))
}

/// Once this holds it holds for ever: clock and count never go back.
fn forgotten(rules: &Rules, seen: Seen, now: Seen) -> bool {
    let long_ago = seen.clock.era < now.clock.era || now.clock.effective_ms - seen.clock.effective_ms > rules.forget_ms;
    long_ago && now.new_ids.saturating_sub(seen.new_ids) > rules.forget_ids
}

impl Batches {
    /// What was known before the record at which `clock` is the clock:
    /// `sightings` are those before it, ascending.
    pub fn new(
        source: SourceId,
        rules: Rules,
        clock: Clock,
        sightings: Vec<Sighting>,
        sessions: Option<SessionsSnapshot>,
    ) -> Self {
        let mut batches = Self {
            source,
            rules,
            new_ids: 0,
            content: ContentIds::default(),
            sessions: HashMap::new(),
            minute: Minute { key: minute_key(clock), ..Minute::default() },
            ended: Vec::new(),
            snapshots: Vec::new(),
        };
        // After a gap the sightings reach beyond the clock that is known.
        if let Some(latest) = sightings.last() {
            batches.minute.key = batches.minute.key.max(minute_key(latest.clock));
        }
        let sessions_from = sessions.as_ref().map_or(0, |snapshot| snapshot.offset);
        for sighting in sessions.into_iter().flat_map(|snapshot| snapshot.entries) {
            batches.recall(sighting);
        }
        for sighting in sightings {
            let counts = match sighting.batch {
                BatchId::Content(_) => true,
                BatchId::Session { .. } => sighting.offset >= sessions_from,
            };
            if counts {
                batches.recall(sighting);
            }
            batches.new_ids = batches.new_ids.max(sighting.new_ids);
            if minute_key(sighting.clock) == batches.minute.key {
                batches.minute.entries.push(sighting);
            }
        }
        batches.minute.taken = batches.minute.entries.len();
        batches
    }

    fn recall(&mut self, sighting: Sighting) {
        let seen = Seen { clock: sighting.clock, new_ids: sighting.new_ids };
        self.new_ids = self.new_ids.max(sighting.new_ids);
        match sighting.batch {
            BatchId::Content(id) => self.content.put(id, seen),
            BatchId::Session { session, sequence } => {
                self.note_session(session, sequence, sighting.offset, seen);
            }
        }
    }

    /// A record begins: `clock` is the clock with it.
    pub fn begin_record(&mut self, offset: u64, before: Clock, clock: Clock) {
        let hour = |clock: Clock| (clock.era, hour_of(clock.effective_ms));
        if hour(before) != hour(clock) {
            self.begin_hour(offset, clock);
        }
        let key = minute_key(clock);
        if self.minute.key != key {
            let ended = std::mem::replace(&mut self.minute, Minute { key, ..Minute::default() });
            if ended.entries.len() > ended.taken {
                self.ended.push(self.chunk(ended.key, ended.entries));
            }
        }
    }

    /// Sessions are forgotten when an hour begins and at no other time, so
    /// that the snapshot taken then and the sightings since give exactly what
    /// is known. An empty snapshot is one too: it says that no sighting before
    /// it is needed for a session's sake.
    fn begin_hour(&mut self, offset: u64, clock: Clock) {
        let (rules, new_ids) = (self.rules, self.new_ids);
        self.sessions.retain(|_, session| {
            let silent_ms = clock.effective_ms - session.seen.clock.effective_ms;
            silent_ms <= rules.forget_session_ms || new_ids.saturating_sub(session.seen.new_ids) <= rules.forget_ids
        });
        let mut entries: Vec<_> = self
            .sessions
            .iter()
            .map(|(session, state)| Sighting {
                offset: state.offset,
                batch: BatchId::Session { session: *session, sequence: state.highest_sequence },
                clock: state.seen.clock,
                new_ids: state.seen.new_ids,
            })
            .collect();
        entries.sort_unstable_by_key(|sighting| sighting.batch);
        self.snapshots.push(SessionsSnapshot { source: self.source, offset, entries });
    }

    pub fn admit(&mut self, offset: u64, batch: BatchId, clock: Clock) -> Admission {
        let now = Seen { clock, new_ids: self.new_ids };
        let rules = self.rules;
        let new = match batch {
            BatchId::Content(id) => self.content.get(id).is_none_or(|seen| forgotten(&rules, seen, now)),
            BatchId::Session { session, sequence } => {
                self.sessions.get(&session).is_none_or(|known| sequence > known.highest_sequence)
            }
        };
        self.new_ids += u64::from(new);
        let seen = Seen { clock, new_ids: self.new_ids };
        match batch {
            BatchId::Content(id) => {
                self.content.put(id, seen);
                self.content.forget(|old| forgotten(&rules, old, now));
            }
            BatchId::Session { session, sequence } => self.note_session(session, sequence, offset, seen),
        }
        self.minute.entries.push(Sighting { offset, batch, clock, new_ids: self.new_ids });
        if new { Admission::New } else { Admission::Duplicate }
    }

    fn note_session(&mut self, session: u128, sequence: u64, offset: u64, seen: Seen) {
        let known = self.sessions.entry(session).or_insert(Session { highest_sequence: sequence, offset, seen });
        known.highest_sequence = known.highest_sequence.max(sequence);
        (known.offset, known.seen) = (offset, seen);
    }

    /// The clock of the latest sighting in the current minute.
    pub fn latest_sighting(&self) -> Option<Clock> {
        self.minute.entries.last().map(|sighting| sighting.clock)
    }

    /// Chunks that grew since they were taken last.
    pub fn take_sightings(&mut self) -> Vec<SightingsChunk> {
        let mut chunks = std::mem::take(&mut self.ended);
        if self.minute.entries.len() > self.minute.taken {
            self.minute.taken = self.minute.entries.len();
            chunks.push(self.chunk(self.minute.key, self.minute.entries.clone()));
        }
        chunks
    }

    pub fn take_sessions(&mut self) -> Vec<SessionsSnapshot> {
        std::mem::take(&mut self.snapshots)
    }

    /// Ids and sessions held in memory.
    pub fn len(&self) -> usize {
        self.content.len() + self.sessions.len()
    }

    fn chunk(&self, (era, minute): (u32, u32), entries: Vec<Sighting>) -> SightingsChunk {
        SightingsChunk { source: self.source, era, minute, entries }
    }
}

#[cfg(test)]
mod tests;
