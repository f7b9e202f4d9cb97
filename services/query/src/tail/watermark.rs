//! How far the partitions have come.

use tidegate_model::Clock;

/// The watermark of each partition: every window that ended a second before it
/// or earlier is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    partitions: Vec<Option<Clock>>,
    /// Everything published before the start has been read.
    pub caught_up: bool,
}

impl Watermarks {
    pub fn unknown(partitions: u16) -> Self {
        Self { partitions: vec![None; usize::from(partitions)], caught_up: false }
    }

    /// `true` when that is news. Records that an owner publishes again after a
    /// take-over do not set a watermark back.
    pub fn advance(&mut self, partition: u16, clock: Clock) -> bool {
        match self.partitions.get_mut(usize::from(partition)) {
            Some(known) if known.is_none_or(|known| known < clock) => {
                *known = Some(clock);
                true
            }
            _ => false,
        }
    }

    pub fn of(&self, partition: u16) -> Option<Clock> {
        self.partitions.get(usize::from(partition)).copied().flatten()
    }

    /// Partitions whose watermark is before `time_ms`.
    pub fn behind(&self, time_ms: i64) -> Vec<u16> {
        let behind = |clock: &Option<Clock>| clock.is_none_or(|clock| clock.effective_ms < time_ms);
        (0u16..).zip(&self.partitions).filter(|(_, clock)| behind(clock)).map(|(partition, _)| partition).collect()
    }

    /// Every partition has come to `time_ms`.
    pub fn reached(&self, time_ms: i64) -> bool {
        self.partitions.iter().all(|clock| clock.is_some_and(|clock| clock.effective_ms >= time_ms))
    }

    /// The slowest partition's; `None` while one is not known.
    pub fn lowest_ms(&self) -> Option<i64> {
        self.partitions.iter().map(|clock| clock.map(|clock| clock.effective_ms)).min().flatten()
    }

    pub fn highest_ms(&self) -> Option<i64> {
        self.partitions.iter().flatten().map(|clock| clock.effective_ms).max()
    }
}
