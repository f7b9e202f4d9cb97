//! The brokers' clock, estimated from what they stamp.
//!
//! A record that was handed over at `sent` and acknowledged at `answered`, by
//! this machine's clock, was stamped in between: its stamp bounds how far the
//! broker's clock is ahead. Bounds of a partition that agree are intersected,
//! for half a minute; then, or when they disagree, the latest alone counts: a
//! clock was set. Of what is left for a partition the value nearest to 0 is
//! taken, so that clocks that agree to within the latency are taken for equal;
//! of the partitions, whose leaders may have clocks of their own, the median.
//! Where nothing is known it is this machine's clock.
//!
//! A record that was only read gives a lower bound alone: a process that never
//! appends notices brokers that are ahead of it, not those that are behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use tidegate_eventlog::{ClockFn, Topic};

/// Observations are held together for this long.
const WINDOW_MS: i64 = 30_000;
/// What was observed before this no longer counts, if anything does.
const FORGET_MS: i64 = 120_000;

pub(crate) struct BrokerClock {
    local: ClockFn,
    ahead_ms: AtomicI64,
    seen: Mutex<BTreeMap<(&'static str, u16), Seen>>,
}

/// How far a broker's clock is ahead of ours, in ms: at least, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ahead {
    least: i64,
    most: i64,
}

struct Seen {
    ahead: Ahead,
    since_ms: i64,
    latest_ms: i64,
}

impl Ahead {
    fn and(self, other: Self) -> Option<Self> {
        let (least, most) = (self.least.max(other.least), self.most.min(other.most));
        (least <= most).then_some(Self { least, most })
    }

    fn nearest_to_zero(self) -> i64 {
        0i64.clamp(self.least, self.most)
    }
}

impl BrokerClock {
    pub fn new(local: ClockFn) -> Self {
        Self { local, ahead_ms: AtomicI64::new(0), seen: Mutex::default() }
    }

    pub fn now_ms(&self) -> i64 {
        self.local_ms().saturating_add(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// This machine's.
    pub fn local_ms(&self) -> i64 {
        (self.local)()
    }

    /// A record was stamped between `sent_ms` and now.
    pub fn appended(&self, topic: Topic, partition: u16, sent_ms: i64, stamp_ms: i64) {
        let now_ms = self.local_ms();
        // Stamps are cut off to whole milliseconds, as both readings are.
        let ahead = Ahead {
            least: stamp_ms.saturating_sub(now_ms.saturating_add(1)),
            most: stamp_ms.saturating_add(1).saturating_sub(sent_ms),
        };
        self.observe(topic, partition, ahead, now_ms);
    }

    /// A record that was stamped some time ago was read.
    pub fn read(&self, topic: Topic, partition: u16, stamp_ms: i64) {
        let now_ms = self.local_ms();
        let ahead = Ahead { least: stamp_ms.saturating_sub(now_ms.saturating_add(1)), most: i64::MAX };
        self.observe(topic, partition, ahead, now_ms);
    }

    fn observe(&self, topic: Topic, partition: u16, ahead: Ahead, now_ms: i64) {
        // Our own clock was set back between two readings: says nothing.
        if ahead.least > ahead.most {
            return;
        }
        let mut seen = self.seen.lock();
        let fresh = Seen { ahead, since_ms: now_ms, latest_ms: now_ms };
        match seen.get_mut(&(topic.name(), partition)) {
            Some(before) if (0..WINDOW_MS).contains(&(now_ms - before.since_ms)) => match before.ahead.and(ahead) {
                Some(both) => {
                    before.latest_ms = now_ms;
                    if both == before.ahead {
                        return;
                    }
                    before.ahead = both;
                }
                None => *before = fresh,
            },
            _ => {
                seen.insert((topic.name(), partition), fresh);
            }
        }
        if let Some(ahead_ms) = median(&seen, now_ms) {
            self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        }
    }
}

fn median(seen: &BTreeMap<(&'static str, u16), Seen>, now_ms: i64) -> Option<i64> {
    let recent = seen.values().filter(|seen| (0..FORGET_MS).contains(&(now_ms - seen.latest_ms)));
    let mut ahead: Vec<i64> = recent.map(|seen| seen.ahead.nearest_to_zero()).collect();
    ahead.sort_unstable();
    ahead.get(ahead.len() / 2).copied()
}

#[cfg(test)]
mod tests;
