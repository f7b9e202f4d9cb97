//! What an object covers, kept in its footer: per source the clock up to which
//! closed fragments are in it, and how many samples of which era.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;

use tidegate_model::{Clock, SourceId};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub sources: BTreeMap<SourceId, SourceCoverage>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCoverage {
    /// Fragments that closed at or before this are in the object.
    pub clock: Clock,
    /// Samples by era, stale markers included.
    pub samples_by_era: BTreeMap<u32, u64>,
}

/// Samples of one source and era, before and after a rebuild that lost some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shrunk {
    pub source: SourceId,
    pub era: u32,
    pub archived: u64,
    pub rebuilt: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("coverage entry {0:?} cannot be read")]
pub struct CoverageError(String);

impl CoverageError {
    pub(crate) fn of(entry: &str) -> Self {
        Self(entry.chars().take(80).collect())
    }
}

impl SourceCoverage {
    pub fn samples(&self) -> u64 {
        self.samples_by_era.values().fold(0, |sum, samples| sum.saturating_add(*samples))
    }
}

impl Coverage {
    pub fn samples(&self) -> u64 {
        self.sources.values().fold(0, |sum, source| sum.saturating_add(source.samples()))
    }

    /// Adds samples of a source and era.
    pub fn count(&mut self, source: SourceId, era: u32, samples: u64) {
        let by_era = &mut self.sources.entry(source).or_default().samples_by_era;
        let counted = by_era.entry(era).or_default();
        *counted = counted.saturating_add(samples);
    }

    /// Adds what another object covers.
    pub fn add(&mut self, other: &Coverage) {
        for (source, added) in &other.sources {
            for (era, samples) in &added.samples_by_era {
                self.count(*source, *era, *samples);
            }
            let covered = self.sources.entry(*source).or_default();
            covered.clock = covered.clock.max(added.clock);
        }
    }

    /// Whether this is as of a later time wherever it has samples that
    /// `rebuilt` lacks: then it is no loss that it stays.
    pub fn supersedes(&self, rebuilt: &Coverage) -> bool {
        self.sources.iter().all(|(id, archived)| {
            let one = |source: &SourceCoverage| Self { sources: BTreeMap::from([(*id, source.clone())]) };
            let rebuilt_clock = rebuilt.sources.get(id).map(|rebuilt| rebuilt.clock);
            one(archived).shrinks_to(rebuilt).is_none() || rebuilt_clock.is_some_and(|clock| archived.clock > clock)
        })
    }

    /// The source and era of which `rebuilt` has fewer samples than this. Rows
    /// carry their era, so none can make up for another.
    pub fn shrinks_to(&self, rebuilt: &Coverage) -> Option<Shrunk> {
        self.sources.iter().find_map(|(source, archived)| {
            let rebuilt = rebuilt.sources.get(source);
            archived.samples_by_era.iter().find_map(|(era, archived)| {
                let rebuilt = rebuilt.and_then(|rebuilt| rebuilt.samples_by_era.get(era)).copied().unwrap_or(0);
                (rebuilt < *archived).then_some(Shrunk { source: *source, era: *era, archived: *archived, rebuilt })
            })
        })
    }

    /// One entry a source, separated by spaces:
    /// `EPOCH/PARTITION@ERA:EFFECTIVE_MS=ERA:SAMPLES,ERA:SAMPLES`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (id, source) in &self.sources {
            let gap = if text.is_empty() { "" } else { " " };
            let SourceCoverage { clock, samples_by_era } = source;
            write!(text, "{gap}{}/{}@{}:{}=", id.epoch, id.partition, clock.era, clock.effective_ms).ok();
            for (index, (era, samples)) in samples_by_era.iter().enumerate() {
                write!(text, "{}{era}:{samples}", if index == 0 { "" } else { "," }).ok();
            }
        }
        text
    }

    pub fn parse(text: &str) -> Result<Self, CoverageError> {
        let sources = text
            .split(' ')
            .filter(|entry| !entry.is_empty())
            .map(|entry| parse_source(entry).ok_or_else(|| CoverageError::of(entry)));
        Ok(Self { sources: sources.collect::<Result<_, _>>()? })
    }
}

fn parse_source(entry: &str) -> Option<(SourceId, SourceCoverage)> {
    let (head, eras) = entry.split_once('=')?;
    let (id, clock) = head.split_once('@')?;
    let (epoch, partition) = pair(id, '/')?;
    let (era, effective_ms) = pair(clock, ':')?;
    let eras = eras.split(',').filter(|era| !era.is_empty());
    let samples_by_era = eras.map(|era| pair(era, ':')).collect::<Option<_>>()?;
    Some((SourceId { epoch, partition }, SourceCoverage { clock: Clock { era, effective_ms }, samples_by_era }))
}

fn pair<A: FromStr, B: FromStr>(text: &str, between: char) -> Option<(A, B)> {
    let (a, b) = text.split_once(between)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

#[cfg(test)]
mod tests;
