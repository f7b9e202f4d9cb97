//! The recount: ledger against store against archive, hour by hour.
//!
//! Every stored row says by its key when it closed, so the rows that a saved
//! progress covers are known exactly, and a process may run, or have been
//! killed at any point, while it is verified: samples closed later are shown
//! as open and not judged.

mod archived;
mod report;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tidegate_codec::stored::decode_chunk;
use tidegate_coldstore::{Archive, ArchiveError};
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR};
use tidegate_model::{Clock, HourState, LedgerEntry, LedgerKey, Progress, Row, RowKey, SourceId};

use archived::count_archive;
use tally::{Facts, Mark, close_ms, judge};

pub use report::{DamagedObject, Line, Report, Source, TierCount, Verdict};

/// Between two lines in the log on a long recount.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The hours to verify, since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyRange {
    #[default]
    All,
    Hours(Range<u32>),
}

impl VerifyRange {
    fn contains(&self, hour: u32) -> bool {
        match self {
            Self::All => true,
            Self::Hours(hours) => hours.contains(&hour),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// A line of the ledger: source, hour and era.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineKey {
    pub hour: u32,
    pub source: SourceId,
    pub era: u32,
}

/// Recounts everything within `window`. Errors are of reading; what does not
/// add up is in the report.
pub async fn verify(
    store: &dyn HotStore,
    archive: &Archive,
    partitions: u16,
    window: VerifyRange,
) -> Result<Report, VerifyError> {
    verify_since(store, archive, partitions, window, 0).await
}

/// Likewise, where retention may have taken all that a tenant had of the hours
/// before `gone_before_hour`, see [`crate::Config::gone_before_hour`]: the
/// ledger counts all tenants together, so less than it says is no loss there.
pub async fn verify_since(
    store: &dyn HotStore,
    archive: &Archive,
    partitions: u16,
    window: VerifyRange,
    gone_before_hour: u32,
) -> Result<Report, VerifyError> {
    // Progress first: all rows that it covers are there by now, and what moves
    // from it to the final ledger meanwhile is found in both.
    let progress = store.all_progress().await?;
    let mut ledger: BTreeMap<LineKey, LedgerEntry> = BTreeMap::new();
    let mut closed: BTreeMap<SourceId, Clock> = BTreeMap::new();
    for progress in progress {
        let Progress { source, closed_through, ledger: current, .. } = progress;
        closed.insert(source, closed_through);
        // The current ones last: they are as of `closed_through`.
        for (LedgerKey { era, hour }, entry) in store.read_ledger(source).await?.into_iter().chain(current) {
            if window.contains(hour) {
                ledger.insert(LineKey { hour, source, era }, entry);
            }
        }
    }
    let marks: BTreeMap<(u32, SourceId), HourState> =
        store.read_hours().await?.into_iter().map(|row| ((row.hour, row.source), row.state)).collect();
    let mut hours: BTreeSet<u32> = ledger.keys().map(|key| key.hour).collect();
    hours.extend(marks.keys().map(|(hour, _)| *hour).filter(|hour| window.contains(*hour)));
    // Rows and series of a day leave the store together, oldest first.
    let first_day = store.series_days().await?.first().copied();
    let holds = |hour: u32| first_day.is_some_and(|first| hour / HOURS_PER_DAY >= first);

    let archived = count_archive(archive, &window).await?;
    let mut recount = Recount { store, partitions, closed, marks, facts: BTreeMap::new() };
    let mut reported = Instant::now();
    for (done, hour) in hours.iter().copied().filter(|hour| holds(*hour)).enumerate() {
        if reported.elapsed() >= REPORT_EVERY {
            tracing::info!(done, of = hours.len(), "recounting the store");
            reported = Instant::now();
        }
        for shard in 0..partitions {
            recount.add_hour(shard, hour).await?;
        }
    }
    let Recount { marks, mut facts, .. } = recount;
    for (key, entry) in ledger {
        facts.entry(key).or_default().ledger = Some(entry);
    }
    for (key, samples) in &archived.by_hour {
        facts.entry(*key).or_default().archived.samples = Some(*samples);
    }
    let days = archived.balance(&facts);
    for (key, facts) in &mut facts {
        if holds(key.hour) {
            facts.stored.get_or_insert_default();
        }
        facts.archived.day = days.get(&(key.hour / HOURS_PER_DAY, key.source, key.era)).copied();
        facts.archived.may_be_gone = key.hour < gone_before_hour;
        facts.archived.mark = match marks.get(&(key.hour, key.source)) {
            None => Mark::Absent,
            Some(HourState { shipped: None, .. }) => Mark::Touched,
            Some(_) => Mark::Shipped,
        };
    }
    let lines = facts.into_iter().map(|(key, facts)| Line::new(key, &facts, judge(&facts))).collect();
    let objects = archived.tiers.iter().map(|tier| tier.objects).sum();
    Ok(Report { lines, objects, tiers: archived.tiers, damaged: archived.damaged })
}

/// The rows of the store, added up by line.
struct Recount<'a> {
    store: &'a dyn HotStore,
    partitions: u16,
    closed: BTreeMap<SourceId, Clock>,
    marks: BTreeMap<(u32, SourceId), HourState>,
    facts: BTreeMap<LineKey, Facts>,
}

impl Recount<'_> {
    async fn add_hour(&mut self, shard: u16, hour: u32) -> Result<(), StoreError> {
        let minutes = hour * MINUTES_PER_HOUR..(hour + 1) * MINUTES_PER_HOUR;
        let mut after = None;
        loop {
            let rows = self.store.scan_rows(shard, self.partitions, minutes.clone(), after.take()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key.clone());
            rows.iter().for_each(|row| self.add(hour, row));
        }
    }

    /// By the row's own count, and by its windows.
    fn add(&mut self, hour: u32, row: &Row) {
        let RowKey { source, era, minute, fragment, .. } = row.key;
        let stored = self.facts.entry(LineKey { hour, source, era }).or_default().stored.get_or_insert_default();
        let samples = u64::from(row.samples);
        let close = Clock { era, effective_ms: close_ms(minute, fragment) };
        if self.closed.get(&source).is_some_and(|closed| close <= *closed) {
            stored.closed += samples;
        } else {
            stored.open += samples;
        }
        if self.marks.get(&(hour, source)).and_then(|mark| mark.shipped).is_some_and(|shipped| close <= shipped) {
            stored.closed_when_shipped += samples;
        }
        // A chunk that cannot be read counts nothing, and so shows up.
        if let Ok(chunk) = decode_chunk(minute, &row.chunk) {
            stored.recounted += chunk.windows.iter().map(|w| u64::from(w.value.samples())).sum::<u64>();
        }
    }
}

#[cfg(test)]
mod tests;
