//! Counts by the upper bits of the samples: the histogram of an open bucket.
//!
//! The keys are those of the Java daemon: sign, exponent and seven bits of the
//! mantissa, the rest cut off before anything else is asked of the value. Unlike
//! `tidegate_sketch` it keeps entries of count 0, which clients may send, and a
//! signalling NaN whose bits are cut off counts as infinity.

use std::collections::BTreeMap;

const KEY_MASK: u64 = 0xffff_e000_0000_0000;
const KEY_SHIFT: u32 = 45;
const SIGN: u32 = 1 << 18;
/// All NaN are one entry, after all others.
const NAN_RANK: i32 = i32::MAX;
/// Samples that wait unsorted before they are merged, unless there are more entries than that.
const MIN_PENDING: usize = 64;

#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// Sorted by rank, each rank once.
    entries: Vec<Entry>,
    /// Ranks of single samples that are not in `entries` yet.
    pending: Vec<i32>,
    /// Wraps as a Java `long` does.
    count: i64,
    /// Bits of the first NaN's key.
    nan_bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    rank: i32,
    count: i64,
}

impl Buckets {
    pub fn record(&mut self, value: f64) {
        let rank = self.rank(value.to_bits());
        self.pending.push(rank);
        self.count = self.count.wrapping_add(1);
        if self.pending.len() >= MIN_PENDING.max(self.entries.len()) {
            self.settle();
        }
    }

    /// Adds what a client has counted.
    pub fn add(&mut self, entries: &BTreeMap<u64, u64>) {
        self.settle();
        let mut added: Vec<Entry> = Vec::with_capacity(entries.len());
        for (bits, count) in entries {
            let (rank, count) = (self.rank(*bits), *count as i64);
            self.count = self.count.wrapping_add(count);
            added.push(Entry { rank, count });
        }
        added.sort_unstable_by_key(|entry| entry.rank);
        self.merge(&added);
    }

    /// Position among all values, which the bits can be had back from unless it is NaN.
    fn rank(&mut self, bits: u64) -> i32 {
        let key = ((bits & KEY_MASK) >> KEY_SHIFT) as u32;
        if f64::from_bits(bits & KEY_MASK).is_nan() {
            if self.nan_bits == 0 {
                self.nan_bits = bits & KEY_MASK;
            }
            NAN_RANK
        } else if key & SIGN == 0 {
            key as i32
        } else {
            -((key & !SIGN) as i32) - 1
        }
    }

    fn bits(&self, rank: i32) -> u64 {
        let key = match rank {
            NAN_RANK => return self.nan_bits,
            0.. => rank as u32,
            _ => (-(rank + 1)) as u32 | SIGN,
        };
        u64::from(key) << KEY_SHIFT
    }

    fn settle(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable();
        let runs: Vec<Entry> = pending
            .chunk_by(|one, other| one == other)
            .map(|run| Entry { rank: run[0], count: run.len() as i64 })
            .collect();
        self.merge(&runs);
        pending.clear();
        self.pending = pending;
    }

    /// `added` is sorted by rank; a rank may come twice.
    fn merge(&mut self, added: &[Entry]) {
        let mut merged: Vec<Entry> = Vec::with_capacity(self.entries.len() + added.len());
        let (mut old, mut new) = (self.entries.iter().peekable(), added.iter().peekable());
        loop {
            let next = match (old.peek(), new.peek()) {
                (Some(one), Some(other)) if one.rank <= other.rank => old.next(),
                (_, Some(_)) => new.next(),
                (_, None) => old.next(),
            };
            let Some(next) = next else { break };
            match merged.last_mut() {
                Some(last) if last.rank == next.rank => last.count = last.count.wrapping_add(next.count),
                _ => merged.push(*next),
            }
        }
        self.entries = merged;
    }

    /// What percentiles and the emitted histogram are read from.
    pub fn finish(mut self) -> Finished {
        self.settle();
        let entries = self.entries.iter().map(|entry| (self.bits(entry.rank), entry.count)).collect();
        Finished { entries, count: self.count }
    }
}

/// A histogram that takes no more samples.
#[derive(Debug)]
pub struct Finished {
    /// Bits of the bounds, in the order of the values.
    entries: Vec<(u64, i64)>,
    count: i64,
}

impl Finished {
    /// The bound of the first bucket at which the count reaches ⌈count · percentile / 100⌉.
    pub fn percentile(&self, percentile: f64) -> f64 {
        let count = self.count as f64;
        let target = i64::from((count * percentile / 100.0).ceil().min(count) as i32);
        let mut seen = 0i64;
        for (bits, count) in &self.entries {
            seen = seen.wrapping_add(*count);
            if seen >= target {
                return f64::from_bits(*bits);
            }
        }
        0.0
    }

    pub fn into_entries(self) -> BTreeMap<u64, u64> {
        self.entries.into_iter().map(|(bits, count)| (bits, count as u64)).collect()
    }
}

#[cfg(test)]
mod tests;
