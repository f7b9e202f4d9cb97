//! The report, as a table for people and as JSON for programs.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidegate_coldstore::hour_text;
use tidegate_model::SourceId;

use super::LineKey;
use super::tally::Facts;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Ascending by hour, source, era.
    pub lines: Vec<Line>,
    /// Objects of the archive that were read.
    pub objects: u64,
    /// Those of each tier, the finest first.
    #[serde(default)]
    pub tiers: Vec<TierCount>,
    pub damaged: Vec<DamagedObject>,
}

/// The objects of one tier of the archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierCount {
    /// `5s`, `1m` or `1h`.
    pub resolution: String,
    pub objects: u64,
    pub rows: u64,
    pub samples: u64,
    /// Parts whose finer object has changed since, or which are not in yet.
    pub behind: u64,
}

/// An object whose rows cannot be read or do not add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedObject {
    pub path: String,
    pub reason: String,
}

/// One (hour, source, era); all counts are samples but for `poison`, which is
/// records, and `gap`, offsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Hours since the epoch.
    pub hour: u32,
    pub source: Source,
    pub era: u32,
    /// counted + open + duplicate + poison.
    pub received: u64,
    pub counted: u64,
    /// In rows that closed after the saved progress; not judged.
    pub open: u64,
    /// `None`: the store does not hold the hour any more.
    pub store: Option<u64>,
    /// In objects of 5 s, or of 1 min where those are gone; `None`: no such
    /// object covers it.
    pub archive: Option<u64>,
    pub duplicate: u64,
    pub poison: u64,
    pub gap: u64,
    pub verdict: Verdict,
}

/// A log's epoch and partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub epoch: u64,
    pub partition: u16,
}

impl From<SourceId> for Source {
    fn from(SourceId { epoch, partition }: SourceId) -> Self {
        Self { epoch, partition }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Holds,
    /// The store has all; the archive does not have the hour yet.
    NotShipped,
    /// The store has all; the archive lacks samples that came late.
    ToBeRebuilt,
    /// Neither the store nor the archive holds the hour any more.
    Expired,
    /// The archive holds the hour in windows of 1 h, which are counted by the
    /// day; the day adds up.
    HoldsByDay,
    LostInStore,
    /// Also shown, though nothing is wrong, when an hour gets samples again
    /// more than the fold's `ledger_ms` after it, within one era: its ledger
    /// entry was final, and a later one for the same key counts from zero.
    /// Adding them up would count a replay twice. Gateways refuse samples that
    /// old, so this takes brokers whose clocks run a day ahead of theirs.
    SurplusInStore,
    /// Rows say another count than their windows hold.
    Miscounted,
    LostInArchive,
    SurplusInArchive,
    /// The log lost records before they were read.
    LogGap,
}

impl Verdict {
    /// Whether Invariant I holds for the line, as far as it can be told.
    pub fn holds(self) -> bool {
        matches!(self, Self::Holds | Self::NotShipped | Self::ToBeRebuilt | Self::Expired | Self::HoldsByDay)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::NotShipped => "holds, not shipped yet",
            Self::ToBeRebuilt => "holds, archive to be rebuilt",
            Self::Expired => "expired",
            Self::HoldsByDay => "holds, counted by the day",
            Self::LostInStore => "LOST IN STORE",
            Self::SurplusInStore => "SURPLUS IN STORE",
            Self::Miscounted => "ROWS MISCOUNTED",
            Self::LostInArchive => "LOST IN ARCHIVE",
            Self::SurplusInArchive => "SURPLUS IN ARCHIVE",
            Self::LogGap => "LOST BY THE LOG",
        }
    }
}

impl Line {
    pub(super) fn new(key: LineKey, facts: &Facts, verdict: Verdict) -> Self {
        let ledger = facts.ledger.unwrap_or_default();
        let open = facts.stored.map_or(0, |stored| stored.open);
        Self {
            hour: key.hour,
            source: key.source.into(),
            era: key.era,
            received: ledger.counted + open + ledger.duplicate + ledger.poison,
            counted: ledger.counted,
            open,
            store: facts.stored.map(|stored| stored.closed),
            archive: facts.archived.samples,
            duplicate: ledger.duplicate,
            poison: ledger.poison,
            gap: ledger.gap,
            verdict,
        }
    }
}

impl Report {
    /// Whether every sample that was counted is where it should be, once.
    pub fn holds(&self) -> bool {
        self.damaged.is_empty() && self.lines.iter().all(|line| line.verdict.holds())
    }
}

const HEAD: [&str; 12] = [
    "hour (UTC)",
    "source",
    "era",
    "received",
    "counted",
    "open",
    "store",
    "archive",
    "duplicate",
    "poison",
    "gap",
    "verdict",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(self.lines.iter().map(cells));
        let widths: [usize; HEAD.len()] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0));
        for row in &rows {
            let mut text = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                // Numbers to the right; the hour and the verdict to the left.
                match column {
                    0 | 1 => text.push_str(&format!("{cell:<width$}  ")),
                    11 => text.push_str(cell),
                    _ => text.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        // The finest is counted in the lines.
        for tier in self.tiers.iter().skip(1).filter(|tier| tier.objects + tier.behind > 0) {
            let TierCount { resolution, objects, rows, samples, behind } = tier;
            write!(f, "windows of {resolution}: {samples} samples in {rows} rows of {objects} objects")?;
            match behind {
                0 => writeln!(f, ", which are as their parts are")?,
                _ => writeln!(f, "; {behind} parts are to be built in")?,
            }
        }
        for object in &self.damaged {
            writeln!(f, "DAMAGED {}: {}", object.path, object.reason)?;
        }
        let (wrong, lines) = (self.lines.iter().filter(|line| !line.verdict.holds()).count(), self.lines.len());
        let counted: u64 = self.lines.iter().map(|line| line.counted).sum();
        let objects = self.objects;
        if lines == 0 && self.holds() {
            writeln!(f, "Nothing is counted yet: what was pushed counts some seconds after its minute ended.")
        } else if self.holds() {
            writeln!(f, "Invariant I holds: {counted} samples in {lines} lines, {objects} archive objects recounted.")
        } else {
            let damaged = self.damaged.len();
            writeln!(f, "INVARIANT I DOES NOT HOLD: {wrong} of {lines} lines, {damaged} of {objects} archive objects.")
        }
    }
}

fn cells(line: &Line) -> [String; HEAD.len()] {
    let optional = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    [
        hour_text(line.hour),
        format!("{:x}/{}", line.source.epoch, line.source.partition),
        line.era.to_string(),
        line.received.to_string(),
        line.counted.to_string(),
        line.open.to_string(),
        optional(line.store),
        optional(line.archive),
        line.duplicate.to_string(),
        line.poison.to_string(),
        line.gap.to_string(),
        line.verdict.text().to_owned(),
    ]
}
