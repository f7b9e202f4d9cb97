//! A rollup process as far as the fold is concerned: it reads, writes what
//! closed, and saves progress, and may be replaced at any moment.

use tidegate_fold::{ClosedFragment, Fold, Rules};
use tidegate_model::{Clock, LedgerEntry, LedgerKey, MetricId, Progress, SessionsSnapshot, SightingsChunk, TenantId};

use crate::cluster::{Cluster, Key, Payload, StoredRow, Write};
use crate::random::Random;
use crate::run::{Broken, RULES};

pub struct Owner {
    fold: Fold,
    tenant: TenantId,
    broken: Vec<Broken>,
    unwritten: Vec<StoredRow>,
    sightings: Vec<SightingsChunk>,
    sessions: Vec<SessionsSnapshot>,
    final_ledger: Vec<(LedgerKey, LedgerEntry)>,
    /// Records that were gone at the take-over.
    pub lost: u64,
}

fn series_id(series: u8) -> MetricId {
    MetricId(u128::from(series) << 120 | u128::from(series))
}

impl Owner {
    pub fn take_over(cluster: &Cluster, broken: &[Broken]) -> Self {
        let is_broken = |rule| broken.contains(&rule);
        let mut progress = cluster.progress.clone();
        if is_broken(Broken::Resume) {
            progress.resume_offset = progress.position;
        }
        if is_broken(Broken::Clock) {
            progress.resume_clock = Clock::default();
        }
        if is_broken(Broken::SkipClosed) {
            progress.closed_through = Clock { era: 0, effective_ms: -1 };
        }
        let rules = if is_broken(Broken::Era) { Rules { step_back_ms: i64::MAX, ..RULES } } else { RULES };
        let from = progress.resume_offset.max(cluster.log_start as u64);
        let known_before = if is_broken(Broken::Horizon) { u64::MAX } else { from };
        let (sightings, sessions) = if is_broken(Broken::Dedupe) {
            (Vec::new(), None)
        } else {
            (cluster.sightings_before(known_before), cluster.sessions_at(known_before))
        };
        let mut fold = Fold::resume_with(rules, &progress, sightings, sessions);
        let lost = from - progress.resume_offset;
        if lost > 0 {
            fold.gap(lost);
        }
        Self {
            fold,
            tenant: TenantId::default(),
            broken: broken.to_vec(),
            unwritten: Vec::new(),
            sightings: Vec::new(),
            sessions: Vec::new(),
            final_ledger: Vec::new(),
            lost,
        }
    }

    /// Reads one record; false at the end of the log.
    pub fn step(&mut self, cluster: &mut Cluster) -> bool {
        let offset = self.fold.next_offset();
        let Some(record) = cluster.log.get(offset as usize) else { return false };
        let resume = self.fold.resume_offset();
        if resume < offset && self.lost == 0 {
            let open_ms = record.true_ms - cluster.log[resume as usize].true_ms;
            cluster.longest_open_ms = cluster.longest_open_ms.max(open_ms);
        }
        self.fold.begin_record(offset, record.append_ms);
        match &record.payload {
            Payload::Poison => self.fold.poison(),
            Payload::Parts(parts) => {
                for part in parts {
                    self.fold.begin_part(part.batch, &self.tenant);
                    for sample in &part.samples {
                        self.fold.float(series_id(sample.series), sample.time_ms, sample.value);
                    }
                }
            }
        }
        self.fold.live(|_| ());
        while let Some(closed) = self.fold.take_closed() {
            rows(closed, &mut self.unwritten);
        }
        true
    }

    /// Writes some of what closed, in any order; an acknowledgement may be
    /// lost, so that a row is written again later.
    pub fn flush_some(&mut self, cluster: &mut Cluster, random: &mut Random) {
        random.shuffle(&mut self.unwritten);
        for _ in 0..random.below(self.unwritten.len() + 1) {
            let Some(row) = self.unwritten.pop() else { return };
            cluster.write_row(row.clone(), self.write());
            if random.chance(0.1) {
                self.unwritten.insert(0, row);
            }
        }
    }

    /// Writes all that progress covers and returns it, to be stored now, later
    /// or never. `None` when the owner breaks off halfway.
    pub fn save(&mut self, cluster: &mut Cluster, random: &mut Random, break_off: bool) -> Option<Progress> {
        random.shuffle(&mut self.unwritten);
        let write = self.write();
        for row in self.unwritten.drain(..) {
            cluster.write_row(row, write);
        }
        self.sightings.extend(self.fold.take_sightings());
        self.sessions.extend(self.fold.take_sessions());
        self.final_ledger.extend(self.fold.take_final_ledger());
        let stop_after = if break_off { random.below(4) } else { usize::MAX };
        if stop_after == 0 {
            return None;
        }
        self.sightings.drain(..).for_each(|chunk| cluster.write_sightings(chunk));
        if stop_after == 1 {
            return None;
        }
        self.sessions.drain(..).for_each(|snapshot| cluster.write_sessions(snapshot));
        if stop_after == 2 {
            return None;
        }
        cluster.final_ledger.extend(self.final_ledger.drain(..));
        if stop_after == 3 {
            return None;
        }
        if self.broken.contains(&Broken::Partial) {
            self.write_open(cluster);
        }
        Some(self.fold.progress())
    }

    /// What must not be done: writing what is still open.
    fn write_open(&self, cluster: &mut Cluster) {
        let mut copy = self.fold.clone();
        copy.begin_record(copy.next_offset(), copy.clock().effective_ms + 86_400_000);
        let mut open = Vec::new();
        while let Some(closed) = copy.take_closed() {
            rows(closed, &mut open);
        }
        for row in open {
            cluster.write_row(row, Write::LatestWins);
        }
    }

    fn write(&self) -> Write {
        if self.broken.contains(&Broken::FullerWins) { Write::LatestWins } else { Write::FullerWins }
    }
}

fn rows(mut closed: ClosedFragment, into: &mut Vec<StoredRow>) {
    while closed.rows(2, |row| {
        let series = (row.metric_id.0 >> 120) as u8;
        into.push(StoredRow {
            key: Key { series, minute: row.minute, era: row.era, fragment: row.fragment },
            samples: row.samples,
            windows: row.windows.to_vec(),
            totals: row.totals.to_vec(),
        });
    }) > 0
    {}
}
