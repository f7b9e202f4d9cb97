//! The constants of the fold and what follows from them alone.

use tidegate_model::time::{DAY_MS, MINUTE_MS};
use tidegate_model::{Clock, SourceId};

/// The fold's constants. They are part of the stored format, not of the
/// configuration: owners that disagree on one would store different rows.
/// Anything but [`Rules::V1`] is for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long after its end a minute takes samples that are on time.
    pub grace_ms: i64,
    /// How far ahead of the effective time a minute may begin to be on time.
    pub skew_ms: i64,
    /// An append time further back than this begins a new era.
    pub step_back_ms: i64,
    /// A content id is forgotten this long after its last sighting ...
    pub forget_ms: i64,
    /// ... and this many new ids later; both must hold. For sessions too.
    pub forget_ids: u64,
    /// A session is forgotten this long after its last batch.
    pub forget_session_ms: i64,
    /// Age at which an hour leaves the ledger of the progress row.
    pub ledger_ms: i64,
}

/// The fragment that a sample belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// 0: on time; else minute of arrival + 1.
    pub fragment: u32,
    /// Effective time at which the fragment closes.
    pub close_ms: i64,
}

/// The latest time that the minutes of the format can name.
pub(crate) const MAX_TIME_MS: i64 = u32::MAX as i64 * MINUTE_MS - 1;

/// Before anything has closed.
pub(crate) const NOTHING_CLOSED: Clock = Clock { era: 0, effective_ms: -1 };

impl Rules {
    pub const V1: Rules = Rules {
        grace_ms: 10_000,
        skew_ms: 5_000,
        step_back_ms: 60_000,
        forget_ms: 5 * MINUTE_MS,
        forget_ids: 50_000,
        forget_session_ms: 6 * DAY_MS,
        ledger_ms: 7 * DAY_MS,
    };

    /// The clock once a record of `append_time_ms` is read: a running maximum,
    /// but a long step back begins a new era, so that a broker's clock that
    /// jumped ahead and came back holds nothing open.
    pub fn advance(&self, clock: Clock, append_time_ms: i64) -> Clock {
        let append_time_ms = append_time_ms.clamp(0, MAX_TIME_MS);
        if append_time_ms < clock.effective_ms.saturating_sub(self.step_back_ms) {
            Clock { era: clock.era + 1, effective_ms: append_time_ms }
        } else {
            Clock { effective_ms: clock.effective_ms.max(append_time_ms), ..clock }
        }
    }

    /// Where a sample of `minute` goes that is read at `effective_ms`.
    pub fn place(&self, minute: u32, effective_ms: i64) -> Placement {
        let start_ms = i64::from(minute) * MINUTE_MS;
        let on_time_close_ms = start_ms + MINUTE_MS + self.grace_ms;
        if start_ms <= effective_ms + self.skew_ms && effective_ms < on_time_close_ms {
            return Placement { fragment: 0, close_ms: on_time_close_ms };
        }
        let arrival = effective_ms / MINUTE_MS + 1;
        Placement { fragment: arrival as u32, close_ms: arrival * MINUTE_MS }
    }
}

/// A source before anything of it was read.
pub(crate) fn untouched(source: SourceId, offset: u64) -> tidegate_model::Progress {
    tidegate_model::Progress {
        source,
        resume_offset: offset,
        resume_clock: Clock::default(),
        closed_through: NOTHING_CLOSED,
        position: offset,
        ledger: Default::default(),
    }
}

#[cfg(test)]
mod tests;
