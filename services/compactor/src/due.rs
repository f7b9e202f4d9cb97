//! Which hours are to be shipped now. Pure: times are those of the log, as the
//! store has them.

use std::collections::{BTreeMap, HashMap};

use tidegate_hotstore::HourRow;
use tidegate_model::time::{HOUR_MS, hour_start_ms};
use tidegate_model::{Clock, SourceId};

/// An hour ends for a source when the fragments that close last by the clock
/// are closed.
const CLOSING_MS: i64 = 10_000;

/// When a changed hour is taken.
#[derive(Clone, Copy, Debug)]
pub struct Settle {
    /// Rest since the last change.
    pub rest_ms: i64,
    /// Without rest, time since the change was first seen.
    pub limit_ms: i64,
}

/// One (shard, hour) to ship, with the clock of every source as of which it
/// must be covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueHour {
    pub shard: u16,
    pub hour: u32,
    pub touched: BTreeMap<SourceId, Clock>,
    /// Whether the archive has an older version.
    pub rebuild: bool,
}

/// Hours that differ from what the archive covers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Ascending by hour, then shard.
    pub due: Vec<DueHour>,
    /// Not over, or still changing.
    pub waiting: usize,
    /// The oldest hour that is over and was never shipped.
    pub oldest_unshipped: Option<u32>,
}

/// Remembers since when each hour has been waiting.
#[derive(Default)]
pub struct Waiting {
    since: HashMap<(u16, u32), BTreeMap<SourceId, Clock>>,
}

impl Waiting {
    /// `closed`: how far each source is closed. Sources of other epochs than
    /// `epoch` are of logs that are gone: they stay as they are.
    pub fn pending(
        &mut self,
        rows: &[HourRow],
        closed: &BTreeMap<SourceId, Clock>,
        epoch: u64,
        settle: Settle,
    ) -> Pending {
        let mut hours: BTreeMap<(u32, u16), Vec<&HourRow>> = BTreeMap::new();
        for row in rows {
            hours.entry((row.hour, row.shard)).or_default().push(row);
        }
        let mut pending = Pending::default();
        let mut since = HashMap::new();
        for ((hour, shard), rows) in hours {
            if rows.iter().all(|row| row.state.shipped.is_some_and(|shipped| shipped >= row.state.touched)) {
                continue;
            }
            let ended_ms = hour_start_ms(hour) + HOUR_MS + CLOSING_MS;
            // A source that is gone is closed for ever.
            let closed_of = |source: SourceId| match closed.get(&source) {
                _ if source.epoch != epoch => Some(Clock { era: u32::MAX, effective_ms: i64::MAX }),
                closed => closed.copied(),
            };
            // Progress that covers the mark: every row of it is stored.
            let ended = rows
                .iter()
                .all(|row| closed_of(row.source).is_some_and(|c| c.effective_ms >= ended_ms && c >= row.state.touched));
            if !ended {
                pending.waiting += 1;
                continue;
            }
            let rebuild = rows.iter().any(|row| row.state.shipped.is_some());
            if !rebuild {
                pending.oldest_unshipped.get_or_insert(hour);
            }
            let known: BTreeMap<_, _> = rows.iter().filter_map(|r| Some((r.source, closed_of(r.source)?))).collect();
            let first_seen = self.since.remove(&(shard, hour)).unwrap_or_else(|| known.clone());
            let rested = rows.iter().all(|row| {
                let closed = known.get(&row.source);
                closed.is_some_and(|closed| passed(*closed, row.state.touched, settle.rest_ms))
            });
            let overdue = first_seen.iter().any(|(source, seen)| {
                known.get(source).is_some_and(|closed| source.epoch == epoch && passed(*closed, *seen, settle.limit_ms))
            });
            if rested || overdue {
                let touched = rows.iter().map(|row| (row.source, row.state.touched)).collect();
                pending.due.push(DueHour { shard, hour, touched, rebuild });
            } else {
                pending.waiting += 1;
            }
            since.insert((shard, hour), first_seen);
        }
        self.since = since;
        pending
    }

    /// The hour was shipped; a later change waits anew.
    pub fn shipped(&mut self, shard: u16, hour: u32) {
        self.since.remove(&(shard, hour));
    }
}

/// Whether `now` is `span_ms` after `then`; a new era is.
fn passed(now: Clock, then: Clock, span_ms: i64) -> bool {
    now.era > then.era || now.effective_ms.saturating_sub(then.effective_ms) >= span_ms
}

#[cfg(test)]
mod tests;
