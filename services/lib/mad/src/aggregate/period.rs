//! When buckets begin and close.

/// Time to wait for what is late, at least and at most.
const MIN_TIMEOUT_MS: u64 = 1_000;
const MAX_TIMEOUT_MS: u64 = 600_000;

/// Buckets of one length, anchored at 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub length_ms: u64,
    timeout_ms: i64,
}

impl Period {
    pub fn new(length_ms: u64) -> Self {
        let timeout_ms = (length_ms / 2).clamp(MIN_TIMEOUT_MS, MAX_TIMEOUT_MS) as i64;
        Self { length_ms: length_ms.clamp(1, i64::MAX as u64), timeout_ms }
    }

    /// Start of the bucket that has `time_ms`. Before 1970 it is the later end, as in Java.
    pub fn start_ms(&self, time_ms: i64) -> i64 {
        time_ms - time_ms % (self.length_ms as i64)
    }

    /// When the bucket closes that is opened at `now_ms`: it waits for late data after
    /// its end, and as long after its first sample where that came late itself.
    pub fn closes_ms(&self, start_ms: i64, now_ms: i64) -> i64 {
        let end_ms = start_ms.saturating_add_unsigned(self.length_ms);
        end_ms.max(now_ms).saturating_add(self.timeout_ms)
    }
}

#[cfg(test)]
mod tests;
