//! Which series have samples on which day.
//!
//! A series' row is durable before any window of it can be seen. The rows of
//! the next day are written during the last hour of a day, each series at a
//! minute of its own, so that midnight brings no storm.

use std::collections::BTreeMap;

use hashbrown::HashSet;
use tidegate_model::time::{HOURS_PER_DAY, MINUTES_PER_HOUR, day_of, minute_of};
use tidegate_model::{Labels, MetricId, SeriesKind, SeriesRow, TenantId};

/// Days back for which it is remembered what was written: a day longer than
/// late samples are accepted.
const DAYS_KEPT: u32 = 8;

pub(crate) struct Registry {
    shard: u16,
    known: BTreeMap<u32, HashSet<MetricId>>,
    pending: Vec<SeriesRow>,
}

/// Where in its day an effective time lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    day: u32,
    /// Minute of the day's last hour, when it is in it.
    last_hour_minute: Option<u32>,
}

impl Moment {
    pub fn of(effective_ms: i64) -> Self {
        let day = day_of(effective_ms);
        let minute = minute_of(effective_ms) % (HOURS_PER_DAY * MINUTES_PER_HOUR);
        Self { day, last_hour_minute: minute.checked_sub((HOURS_PER_DAY - 1) * MINUTES_PER_HOUR) }
    }
}

/// Minute of the last hour in which a series' next row is due.
fn slot(id: MetricId) -> u32 {
    ((id.0 >> 64) as u64 % u64::from(MINUTES_PER_HOUR)) as u32
}

impl Registry {
    pub fn new(shard: u16) -> Self {
        Self { shard, known: BTreeMap::new(), pending: Vec::new() }
    }

    /// Takes over what is stored of a day.
    pub fn load(&mut self, day: u32, rows: Vec<SeriesRow>) {
        self.known.entry(day).or_default().extend(rows.into_iter().map(|row| row.metric_id));
    }

    /// A series has a sample in a fragment for the first time.
    ///
    /// # Errors
    /// That of `labels`, which is asked for only when a row is due.
    pub fn seen<E>(
        &mut self,
        tenant: &TenantId,
        metric_id: MetricId,
        time_ms: i64,
        now: Moment,
        kind: SeriesKind,
        labels: impl FnOnce() -> Result<Labels, E>,
    ) -> Result<(), E> {
        let day = day_of(time_ms);
        let today = !self.knows(day, metric_id);
        let next_due = now.day == day && now.last_hour_minute.is_some_and(|minute| minute >= slot(metric_id));
        let next = next_due && !self.knows(day + 1, metric_id);
        if !today && !next {
            return Ok(());
        }
        let row = SeriesRow { tenant: tenant.clone(), shard: self.shard, day, metric_id, labels: labels()?, kind };
        if next {
            self.add(SeriesRow { day: day + 1, ..row.clone() });
        }
        if today {
            self.add(row);
        }
        Ok(())
    }

    /// Rows to be written before the windows of their series.
    pub fn take_pending(&mut self) -> Vec<SeriesRow> {
        std::mem::take(&mut self.pending)
    }

    /// Forgets days that hardly any sample can be of any more; should one
    /// come, its row is written again.
    pub fn forget_before(&mut self, today: u32) {
        let keep_from = today.saturating_sub(DAYS_KEPT);
        if self.known.first_key_value().is_some_and(|(day, _)| *day < keep_from) {
            self.known = self.known.split_off(&keep_from);
        }
    }

    fn knows(&self, day: u32, id: MetricId) -> bool {
        self.known.get(&day).is_some_and(|known| known.contains(&id))
    }

    fn add(&mut self, row: SeriesRow) {
        self.known.entry(row.day).or_default().insert(row.metric_id);
        self.pending.push(row);
    }
}

#[cfg(test)]
mod tests;
