//! When rows expire. Pure.

use tidegate_model::time::{DAY_MS, HOUR_MS, HOURS_PER_DAY, hour_start_ms};

use crate::config::Retention;

/// However late a row comes, the compactor has so long to ship it.
const LEAST_MS: i64 = 2 * DAY_MS;
/// What says that there are rows outlives them by this.
const MARGIN_SECONDS: i32 = 86_400;
/// Cassandra's limit is 20 years.
const MOST_SECONDS: i64 = 19 * 365 * 86_400;

impl Retention {
    /// Seconds that a row of 5 s windows of this hour, written at `now_ms`, is kept.
    pub(crate) fn rows_5s_seconds(&self, hour: u32, now_ms: i64) -> i32 {
        seconds((end_ms(hour, self.rows_5s_days) - now_ms).max(LEAST_MS))
    }

    pub(crate) fn rows_1m_seconds(&self, hour: u32, now_ms: i64) -> i32 {
        seconds((end_ms(hour, self.rows_1m_days) - now_ms).max(LEAST_MS))
    }

    /// Of the note that a series has rows in this hour.
    pub(crate) fn note_seconds(&self, hour: u32, now_ms: i64) -> i32 {
        self.rows_5s_seconds(hour, now_ms).saturating_add(MARGIN_SECONDS)
    }

    /// Whether one note covers all rows of the hour to come. Of an hour that
    /// is nearly over, later rows outlive a note that was made earlier.
    pub(crate) fn noted_once(&self, hour: u32, now_ms: i64) -> bool {
        end_ms(hour, self.rows_5s_days) - now_ms > LEAST_MS
    }

    /// How long a day is listed: until its first rows expire, as what is listed
    /// is taken for whole. `None`: no more.
    pub(crate) fn listed_seconds(&self, day: u32, now_ms: i64) -> Option<i32> {
        let first_hour = day.saturating_mul(HOURS_PER_DAY);
        let left_ms = end_ms(first_hour, self.rows_5s_days) - HOUR_MS - now_ms;
        (left_ms >= 1_000).then(|| seconds(left_ms))
    }

    /// What a take-over or the compactor needs as long as there are rows.
    pub(crate) fn state_seconds(&self) -> i32 {
        seconds(i64::from(self.rows_5s_days) * DAY_MS + LEAST_MS).saturating_add(MARGIN_SECONDS)
    }
}

fn end_ms(hour: u32, days: u32) -> i64 {
    hour_start_ms(hour) + HOUR_MS + i64::from(days) * DAY_MS
}

fn seconds(ms: i64) -> i32 {
    (ms / 1_000).min(MOST_SECONDS) as i32
}

#[cfg(test)]
mod tests;
