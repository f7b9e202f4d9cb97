//! When to try again after a failure, and when to stop hammering: a back-off
//! that doubles, and a breaker that opens after some failures in a row and
//! then probes by itself. Pure: time and randomness are arguments.

use serde::{Deserialize, Serialize};

/// Waits of 1, 2, 4, 8, 16 s by default; from the fifth failure in a row on the
/// breaker is open and one try is made every 30 s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Wait after the first failure.
    pub first_ms: u64,
    /// Longest wait while the breaker is closed.
    pub max_ms: u64,
    /// Failures in a row that open the breaker.
    pub breaker_failures: u32,
    /// Wait between the probes of an open breaker.
    pub probe_ms: u64,
    /// Part of a wait that is random, both ways: 0.2 gives 80 % to 120 %.
    pub jitter: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { first_ms: 1_000, max_ms: 16_000, breaker_failures: 5, probe_ms: 30_000, jitter: 0.2 }
    }
}

/// A server may ask for a longer wait than ours; not for more than this.
const LONGEST_ASKED_MS: u64 = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Tries are made as usual.
    Closed,
    /// Nothing is tried before the time given.
    Open { probe_at_ms: u64 },
    /// The one try that decides whether the breaker closes.
    Probing,
}

/// The memory of one peer's failures. Times are milliseconds of any clock
/// that does not go back.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Policy,
    failures: u32,
    not_before_ms: u64,
}

impl Backoff {
    pub fn new(policy: Policy) -> Self {
        Self { policy, failures: 0, not_before_ms: 0 }
    }

    /// How long to wait from `now_ms` until the next try.
    pub fn wait_ms(&self, now_ms: u64) -> u64 {
        self.not_before_ms.saturating_sub(now_ms)
    }

    pub fn state(&self, now_ms: u64) -> State {
        if self.failures < self.policy.breaker_failures {
            State::Closed
        } else if now_ms < self.not_before_ms {
            State::Open { probe_at_ms: self.not_before_ms }
        } else {
            State::Probing
        }
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before_ms = 0;
    }

    /// Notes a failure. `random` is uniform in 0..1; `asked_ms` is the wait
    /// that the peer asked for, if it did.
    pub fn failed(&mut self, now_ms: u64, random: f64, asked_ms: Option<u64>) {
        self.failures = self.failures.saturating_add(1);
        self.postpone(now_ms, self.base_ms(), random, asked_ms);
    }

    /// The peer is well but wants less: waits without counting a failure.
    pub fn limited(&mut self, now_ms: u64, random: f64, asked_ms: Option<u64>) {
        self.postpone(now_ms, self.policy.first_ms, random, asked_ms);
    }

    fn base_ms(&self) -> u64 {
        // The failure that opens the breaker still waits its turn in the
        // doubling row; failed probes wait for the next probe.
        if self.failures > self.policy.breaker_failures {
            return self.policy.probe_ms;
        }
        let doublings = self.failures.saturating_sub(1).min(63);
        self.policy.first_ms.saturating_mul(1 << doublings).min(self.policy.max_ms)
    }

    fn postpone(&mut self, now_ms: u64, base_ms: u64, random: f64, asked_ms: Option<u64>) {
        let factor = 1.0 + self.policy.jitter.clamp(0.0, 1.0) * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        let own_ms = (base_ms as f64 * factor).round() as u64;
        let wait_ms = own_ms.max(asked_ms.unwrap_or(0).min(LONGEST_ASKED_MS));
        self.not_before_ms = now_ms.saturating_add(wait_ms);
    }
}

#[cfg(test)]
mod tests;
