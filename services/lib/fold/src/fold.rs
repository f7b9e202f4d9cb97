//! The state of one partition.

use std::collections::VecDeque;

use hashbrown::HashMap;
use tidegate_model::time::{MINUTE_MS, MINUTES_PER_HOUR, minute_of};
use tidegate_model::{
    BatchId, Clock, LedgerEntry, LedgerKey, MetricId, Progress, SessionsSnapshot, Sighting, SightingsChunk, SourceId,
    TenantId, Value,
};

use crate::batches::{Admission, Batches};
use crate::closed::ClosedFragment;
use crate::fragment::{OpenFragment, Opened};
use crate::ledger::Ledger;
use crate::live::{self, LiveOut, Publisher};
use crate::rules::{self, MAX_TIME_MS, Rules};
use crate::series_table::{Kind, Large, Reading};

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Counted; the first sample of its series in the fragment.
    NewInFragment,
    /// Counted.
    Known,
    /// Of a batch that was counted before.
    Duplicate,
    /// In a fragment that is stored already: seen in a replay.
    Closed,
}

/// A partition folded up to [`Fold::next_offset`].
#[derive(Clone)]
pub struct Fold {
    source: SourceId,
    rules: Rules,
    next_offset: u64,
    clock: Clock,
    /// Where a replay begins that shall see the current record.
    here: Opened,
    /// What closes at or before this was stored before the take-over ...
    closed_through: Clock,
    /// ... by an owner that had folded up to here.
    stored_position: u64,
    /// Of the current era, all of them.
    open: Vec<OpenFragment>,
    /// (minute, fragment) → index into `open`.
    open_by_key: HashMap<(u32, u32), usize>,
    /// Of all that is open, the earliest.
    next_close_ms: i64,
    closed: VecDeque<ClosedFragment>,
    /// In open and in closed fragments that were not taken.
    samples_held: u64,
    batches: Batches,
    ledger: Ledger,
    gap: Option<Gap>,
    part: Part,
    last: Option<Last>,
    publisher: Publisher,
    /// (era, second) of the last call to `live`.
    live_at: (u32, i64),
}

#[derive(Clone)]
struct Part {
    tenant: TenantId,
    admission: Admission,
}

/// Offsets that were lost, until a fragment has taken them into its books.
#[derive(Clone, Copy)]
struct Gap {
    offsets: u64,
    opened: Opened,
}

/// Where the sample before went: most often the next one goes there too.
#[derive(Clone, Copy)]
struct Last {
    minute: u32,
    /// Index into `open`; `None` for a fragment that is stored already.
    fragment: Option<usize>,
    /// Windows of the fragment that are still published.
    publish: u16,
    slot: Option<(MetricId, u32)>,
}

impl Fold {
    /// A partition of which nothing was folded yet, from its first offset on.
    pub fn new(source: SourceId) -> Self {
        Self::starting_at(source, 0)
    }

    /// As [`Fold::new`] for a log whose first records are gone on purpose.
    pub fn starting_at(source: SourceId, offset: u64) -> Self {
        Self::resume(&rules::untouched(source, offset), Vec::new(), None)
    }

    /// Goes on where another owner left off. `sightings` are those of offsets
    /// before the resume offset, ascending, as far back as
    /// [`Horizon`](crate::Horizon) asks for; `sessions` is the latest snapshot
    /// taken at or before it.
    pub fn resume(progress: &Progress, sightings: Vec<Sighting>, sessions: Option<SessionsSnapshot>) -> Self {
        Self::resume_with(Rules::V1, progress, sightings, sessions)
    }

    /// As [`Fold::resume`] with other constants; for tests.
    pub fn resume_with(
        rules: Rules,
        progress: &Progress,
        sightings: Vec<Sighting>,
        sessions: Option<SessionsSnapshot>,
    ) -> Self {
        let clock = progress.resume_clock;
        Self {
            source: progress.source,
            rules,
            next_offset: progress.resume_offset,
            clock,
            here: Opened { offset: progress.resume_offset, clock },
            closed_through: progress.closed_through,
            stored_position: progress.position,
            open: Vec::new(),
            open_by_key: HashMap::new(),
            next_close_ms: i64::MAX,
            closed: VecDeque::new(),
            samples_held: 0,
            batches: Batches::new(progress.source, rules, clock, sightings, sessions),
            ledger: Ledger::new(progress.ledger.clone()),
            gap: None,
            part: Part { tenant: TenantId::default(), admission: Admission::New },
            last: None,
            publisher: Publisher::default(),
            live_at: (0, 0),
        }
    }

    pub fn source(&self) -> SourceId {
        self.source
    }

    /// The offset of the first record that was not folded.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// Effective time after the last record.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A record begins: time moves, and what is due closes. `offset` is at
    /// least [`Fold::next_offset`]; offsets left out held no record.
    pub fn begin_record(&mut self, offset: u64, append_time_ms: i64) {
        let before = self.clock;
        self.here = Opened { offset, clock: before };
        self.clock = self.rules.advance(before, append_time_ms);
        self.next_offset = offset + 1;
        self.last = None;
        if self.clock.era != before.era || self.next_close_ms <= self.clock.effective_ms {
            self.close_due(before.era);
        }
        self.batches.begin_record(offset, before, self.clock);
        if let Some(gap) = self.gap {
            self.book_gap(gap);
        }
    }

    /// A part of the record begins. A batch comes in one part at most of a
    /// partition; its samples are given to the fold even when it is a
    /// duplicate, which the ledger counts.
    pub fn begin_part(&mut self, batch: BatchId, tenant: &TenantId) -> Admission {
        if self.part.tenant != *tenant {
            self.part.tenant = tenant.clone();
            self.last = None;
        }
        self.part.admission = self.batches.admit(self.here.offset, batch, self.clock);
        self.part.admission
    }

    /// Places a float (or a stale marker).
    pub fn float(&mut self, id: MetricId, time_ms: i64, value: f64) -> Placed {
        self.place(id, time_ms, Kind::Float, |_| value.to_bits())
    }

    /// Places a value of any kind.
    pub fn sample(&mut self, id: MetricId, time_ms: i64, value: Value) -> Placed {
        match value {
            Value::Float(value) => self.float(id, time_ms, value),
            Value::DeltaFloat(value) => self.place(id, time_ms, Kind::DeltaFloat, |_| value.to_bits()),
            Value::Histogram(value) => {
                self.place(id, time_ms, Kind::Histogram, |fragment| fragment.large(Large::Histogram(value)))
            }
            Value::DeltaDistribution(value) => {
                self.place(id, time_ms, Kind::DeltaDistribution, |fragment| fragment.large(Large::Distribution(value)))
            }
        }
    }

    /// The current record, or a part of it, could not be read.
    pub fn poison(&mut self) {
        let minute = minute_of(self.clock.effective_ms);
        if let Some(index) = self.fragment_of(minute) {
            self.open[index].entry.poison += 1;
        }
    }

    /// The log lost `lost_offsets` records before they were read: the next
    /// record is at least as much further on. Called right after a take-over,
    /// whose sightings then reach up to the first record that is left.
    pub fn gap(&mut self, lost_offsets: u64) {
        self.note_gap(lost_offsets);
        self.next_offset += lost_offsets;
        // The best that is known of the clock where the log goes on.
        if let Some(clock) = self.batches.latest_sighting() {
            self.clock = self.clock.max(clock);
        }
        if self.stored_position <= self.next_offset {
            self.clock = self.clock.max(self.closed_through);
        }
    }

    /// An earlier log of the partition is gone, and with it an unknown number
    /// of records: one is counted, so that the ledger tells.
    pub fn gap_of_unknown_size(&mut self) {
        self.note_gap(1);
    }

    fn note_gap(&mut self, lost_offsets: u64) {
        let opened = Opened { offset: self.next_offset, clock: self.clock };
        self.gap.get_or_insert(Gap { offsets: 0, opened }).offsets += lost_offsets;
    }

    /// Whether [`Fold::take_closed`] has something to give.
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// The oldest fragment that closed. Call [`Fold::live`] before.
    pub fn take_closed(&mut self) -> Option<ClosedFragment> {
        let closed = self.closed.pop_front()?;
        self.samples_held -= closed.samples();
        Some(closed)
    }

    /// Gives out the windows that are due for publication: once a second of
    /// effective time at most, whatever the number of calls.
    pub fn live(&mut self, mut out: impl FnMut(LiveOut<'_>)) {
        let Clock { era, effective_ms } = self.clock;
        let now = (era, effective_ms / 1_000);
        if now == self.live_at {
            return;
        }
        self.live_at = now;
        for fragment in &mut self.closed {
            self.publisher.closed(fragment, effective_ms, &mut out);
        }
        for fragment in &mut self.open {
            self.publisher.open(fragment, era, effective_ms, &mut out);
        }
    }

    /// Samples in open fragments and in closed ones that were not taken.
    pub fn open_samples(&self) -> u64 {
        self.samples_held
    }

    pub fn open_fragments(&self) -> usize {
        self.open.len()
    }

    /// Batch ids and sessions that are remembered.
    pub fn known_batches(&self) -> usize {
        self.batches.len()
    }

    /// C: the first offset that anything open needs.
    pub fn resume_offset(&self) -> u64 {
        self.resume_point().offset
    }

    fn resume_point(&self) -> Opened {
        let open = self.open.iter().map(|fragment| fragment.opened);
        let next = Opened { offset: self.next_offset, clock: self.clock };
        open.chain(self.gap.map(|gap| gap.opened)).min_by_key(|opened| opened.offset).unwrap_or(next)
    }

    /// How far the partition is folded. It covers every fragment that closed,
    /// so all of these, the sightings, the sessions and the final ledger are
    /// stored before it.
    pub fn progress(&self) -> Progress {
        let resume = self.resume_point();
        Progress {
            source: self.source,
            resume_offset: resume.offset,
            resume_clock: resume.clock,
            closed_through: self.closed_through.max(self.clock),
            position: self.next_offset,
            ledger: self.ledger.entries(),
        }
    }

    /// Chunks of sightings that grew since they were taken last.
    pub fn take_sightings(&mut self) -> Vec<SightingsChunk> {
        self.batches.take_sightings()
    }

    /// Snapshots of the sessions, one for every hour that began.
    pub fn take_sessions(&mut self) -> Vec<SessionsSnapshot> {
        self.batches.take_sessions()
    }

    /// Removes the hours from the ledger that are too old to change.
    pub fn take_final_ledger(&mut self) -> Vec<(LedgerKey, LedgerEntry)> {
        self.ledger.take_before(self.clock.effective_ms - self.rules.ledger_ms)
    }

    fn place(&mut self, id: MetricId, time_ms: i64, kind: Kind, bits: impl FnOnce(&mut OpenFragment) -> u64) -> Placed {
        let time_ms = time_ms.clamp(0, MAX_TIME_MS);
        let (minute, at_ms) = ((time_ms / MINUTE_MS) as u32, (time_ms % MINUTE_MS) as u16);
        let last = match self.last {
            Some(last) if last.minute == minute => last,
            _ => self.find(minute),
        };
        let Some(index) = last.fragment else { return Placed::Closed };
        let fragment = &mut self.open[index];
        if self.part.admission == Admission::Duplicate {
            fragment.entry.duplicate += 1;
            return Placed::Duplicate;
        }
        let (slot, placed) = match last.slot {
            Some((last_id, slot)) if last_id == id => (slot, Placed::Known),
            _ => {
                let (slot, placed) = fragment.slot(id, &self.part.tenant);
                self.last = Some(Last { slot: Some((id, slot)), ..last });
                (slot, placed)
            }
        };
        let bits = bits(fragment);
        fragment.push(slot, Reading { bits, at_ms, kind }, last.publish);
        self.samples_held += 1;
        placed
    }

    fn find(&mut self, minute: u32) -> Last {
        let fragment = self.fragment_of(minute);
        let publish = !live::outdated(minute, self.clock.effective_ms);
        let last = Last { minute, fragment, publish, slot: None };
        self.last = Some(last);
        last
    }

    /// The open fragment for samples of `minute` that come now; `None` when it
    /// was stored before the take-over.
    fn fragment_of(&mut self, minute: u32) -> Option<usize> {
        let placement = self.rules.place(minute, self.clock.effective_ms);
        if let Some(index) = self.open_by_key.get(&(minute, placement.fragment)) {
            return Some(*index);
        }
        let close = Clock { era: self.clock.era, effective_ms: placement.close_ms };
        if close <= self.closed_through {
            return None;
        }
        let index = self.open.len();
        self.open.push(OpenFragment::new(minute, placement, self.here));
        self.open_by_key.insert((minute, placement.fragment), index);
        self.next_close_ms = self.next_close_ms.min(placement.close_ms);
        Some(index)
    }

    /// Lost offsets are filed under the hour at which the log goes on. Until
    /// that fragment is stored a take-over begins before the gap again.
    fn book_gap(&mut self, gap: Gap) {
        let Some(index) = self.fragment_of(minute_of(self.clock.effective_ms)) else { return };
        let fragment = &mut self.open[index];
        fragment.entry.gap += gap.offsets;
        if gap.opened.offset < fragment.opened.offset {
            fragment.opened = gap.opened;
        }
        self.gap = None;
    }

    /// Closes what is due by the clock; of an era that ended, everything.
    fn close_due(&mut self, era: u32) {
        let Clock { era: now_era, effective_ms } = self.clock;
        let due = |fragment: &mut OpenFragment| era != now_era || fragment.placement.close_ms <= effective_ms;
        let mut closed: Vec<_> = self.open.extract_if(.., due).collect();
        closed.sort_by_key(|fragment| (fragment.placement.close_ms, fragment.minute));
        for fragment in closed {
            let key = LedgerKey { era, hour: fragment.minute / MINUTES_PER_HOUR };
            self.ledger.add(key, fragment.entry);
            if fragment.entry.counted > 0 {
                self.closed.push_back(ClosedFragment::new(fragment, era));
            }
        }
        self.open_by_key.clear();
        self.next_close_ms = i64::MAX;
        for (index, fragment) in self.open.iter().enumerate() {
            self.open_by_key.insert((fragment.minute, fragment.placement.fragment), index);
            self.next_close_ms = self.next_close_ms.min(fragment.placement.close_ms);
        }
    }
}

#[cfg(test)]
mod tests;
