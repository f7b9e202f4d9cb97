//! The samples of one open fragment, by series.
//!
//! Kept sparse: late data holds a million (series, minute) pairs of a few
//! samples each open at once. A series costs 32 bytes and a table entry, a
//! sample 16 bytes. A series' samples are a linked list, newest first, because
//! live windows are read off its end.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use tidegate_model::{Distribution, Histogram, MetricId};

/// What a node holds; the order in which windows of equal start are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub(crate) enum Kind {
    Float,
    Histogram,
    DeltaFloat,
    DeltaDistribution,
}

/// A value too large for a node.
#[derive(Clone, Debug)]
pub(crate) enum Large {
    Histogram(Arc<Histogram>),
    Distribution(Arc<Distribution>),
}

/// A sample without its place in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Bits of the float, or an index into the large values.
    pub bits: u64,
    /// Milliseconds since the minute's start.
    pub at_ms: u16,
    pub kind: Kind,
}

#[derive(Clone, Copy)]
struct Node {
    bits: u64,
    /// Index of the sample that came before, or [`END`].
    before: u32,
    at_ms: u16,
    kind: Kind,
}

const END: u32 = u32::MAX;

/// A series in the fragment.
#[derive(Clone)]
pub(crate) struct Slot {
    /// The metric id in two halves: a `u128` would align the slot to 48 bytes.
    id: [u64; 2],
    newest: u32,
    /// Index into the fragment's tenants.
    pub tenant: u32,
    /// Windows with samples that were not published yet, by bit.
    pub unpublished: u16,
    newest_at_ms: u16,
    in_order: bool,
    only_floats: bool,
}

impl Slot {
    pub fn id(&self) -> MetricId {
        MetricId(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }
}

#[derive(Clone, Default)]
pub(crate) struct SeriesTable {
    by_id: HashTable<u32>,
    pub slots: Vec<Slot>,
    nodes: Vec<Node>,
    pub large: Vec<Large>,
}

/// The samples of a series in order of (time, arrival), gathered for building
/// windows; reused from series to series.
#[derive(Clone, Default)]
pub(crate) struct Gathered {
    pub readings: Vec<Reading>,
    pub only_floats: bool,
}

fn halves(id: MetricId) -> [u64; 2] {
    [(id.0 >> 64) as u64, id.0 as u64]
}

impl SeriesTable {
    /// The slot of a series; a new one gets `tenant()`.
    pub fn slot(&mut self, id: MetricId, tenant: impl FnOnce() -> u32) -> (u32, bool) {
        let id = halves(id);
        let slots = &self.slots;
        // The upper half is the hash: the lower bits are all alike within a
        // partition when the number of partitions is even.
        let found =
            self.by_id.entry(id[0], |index| slots[*index as usize].id == id, |index| slots[*index as usize].id[0]);
        match found {
            Entry::Occupied(entry) => (*entry.get(), false),
            Entry::Vacant(entry) => {
                let index = self.slots.len() as u32;
                entry.insert(index);
                grow_by_half(&mut self.slots);
                self.slots.push(Slot {
                    id,
                    newest: END,
                    tenant: tenant(),
                    unpublished: 0,
                    newest_at_ms: 0,
                    in_order: true,
                    only_floats: true,
                });
                (index, true)
            }
        }
    }

    /// Appends a sample to a series.
    pub fn push(&mut self, slot: u32, reading: Reading) -> &mut Slot {
        let slot = &mut self.slots[slot as usize];
        grow_by_half(&mut self.nodes);
        let Reading { bits, at_ms, kind } = reading;
        self.nodes.push(Node { bits, before: slot.newest, at_ms, kind });
        slot.newest = (self.nodes.len() - 1) as u32;
        slot.in_order &= slot.newest_at_ms <= at_ms;
        slot.newest_at_ms = at_ms;
        slot.only_floats &= kind == Kind::Float;
        slot
    }

    /// Collects the samples of a series that lie in `from_ms..to_ms` of the
    /// minute.
    pub fn gather(&self, slot: &Slot, from_ms: u16, to_ms: u16, into: &mut Gathered) {
        into.readings.clear();
        into.only_floats = slot.only_floats;
        let mut next = slot.newest;
        while next != END {
            let node = self.nodes[next as usize];
            if node.at_ms < from_ms && slot.in_order {
                break;
            }
            if (from_ms..to_ms).contains(&node.at_ms) {
                into.readings.push(Reading { bits: node.bits, at_ms: node.at_ms, kind: node.kind });
            }
            next = node.before;
        }
        into.readings.reverse();
        if !slot.in_order {
            // Stable: of equal times the one that arrived first stays first.
            into.readings.sort_by_key(|reading| reading.at_ms);
        }
    }

    /// Gives up what only inserting needs, and puts the series in order.
    pub fn seal(&mut self) {
        self.by_id = HashTable::new();
        self.slots.sort_unstable_by_key(|slot| slot.id);
    }
}

/// Growing by half instead of doubling keeps a million small fragments small.
fn grow_by_half<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact((items.len() / 2).max(8));
    }
}
