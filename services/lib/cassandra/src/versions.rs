//! Timestamps that make the right one of two versions stay, whoever writes
//! last: pure functions of what is written, in microseconds, never far in the
//! future, which ScyllaDB refuses. At one timestamp Cassandra keeps the greater
//! value, so all copies agree on one.

use tidegate_model::time::minute_start_ms;
use tidegate_model::{Clock, RowKey, SightingsChunk};

/// Of rows under one key the one with more samples. Near to the time of the
/// samples, so that tables whose files are cut by time can tell which hold old
/// rows only.
pub fn of_row(key: &RowKey, samples: u32) -> i64 {
    of_minute(key.minute, samples as usize)
}

/// Of sightings of a minute those with more entries.
pub fn of_sightings(chunk: &SightingsChunk) -> i64 {
    of_minute(chunk.minute, chunk.entries.len())
}

/// After all that [`of_sightings`] gives for minutes of the hour.
pub fn after_sightings(hour: u32) -> i64 {
    of_minute(hour.saturating_add(1).saturating_mul(60), 0) + 1_000_000_000
}

/// The higher position or offset.
pub fn of_offset(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

/// Within an era the later time; the era is in the key.
pub fn within_era(clock: Clock) -> i64 {
    clock.effective_ms.saturating_mul(1_000)
}

fn of_minute(minute: u32, content: usize) -> i64 {
    minute_start_ms(minute) * 1_000 + i64::try_from(content).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
