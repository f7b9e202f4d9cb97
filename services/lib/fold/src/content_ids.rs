//! Ids of batches whose clients give none: the hash of what they hold.

use std::collections::VecDeque;

use hashbrown::HashTable;
use tidegate_model::Clock;

/// The last sighting of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub clock: Clock,
    /// Ids that were new up to then.
    pub new_ids: u64,
}

/// Every id that is not forgotten, by its last sighting. Sightings stand in a
/// queue in order of the log, so what is to be forgotten is at its front;
/// a table finds the latest of an id. About 45 bytes an id.
#[derive(Clone, Default)]
pub(crate) struct ContentIds {
    queue: VecDeque<Entry>,
    /// Of the front of the queue.
    first: u32,
    /// Numbers of the entries in the queue that are the latest of their id.
    latest: HashTable<u32>,
}

#[derive(Clone, Copy)]
struct Entry {
    id: [u64; 2],
    era: u32,
    effective_ms: i64,
    new_ids: u64,
}

impl Entry {
    fn seen(&self) -> Seen {
        Seen { clock: Clock { era: self.era, effective_ms: self.effective_ms }, new_ids: self.new_ids }
    }
}

impl ContentIds {
    pub fn get(&self, id: u128) -> Option<Seen> {
        let id = halves(id);
        let number = self.latest.find(id[0], |number| self.entry(*number).id == id)?;
        Some(self.entry(*number).seen())
    }

    /// Notes a sighting, the latest of all.
    pub fn put(&mut self, id: u128, seen: Seen) {
        let id = halves(id);
        let (first, queue) = (self.first, &self.queue);
        let of = |number: u32| &queue[number.wrapping_sub(first) as usize];
        let number = first.wrapping_add(queue.len() as u32);
        match self.latest.find_mut(id[0], |number| of(*number).id == id) {
            Some(latest) => *latest = number,
            None => {
                self.latest.insert_unique(id[0], number, |number| {
                    // The entry itself is not in the queue yet.
                    queue.get(number.wrapping_sub(first) as usize).map_or(id[0], |entry| entry.id[0])
                });
            }
        }
        self.queue.push_back(Entry {
            id,
            era: seen.clock.era,
            effective_ms: seen.clock.effective_ms,
            new_ids: seen.new_ids,
        });
        // A batch sent again and again leaves entries behind that count no more.
        if self.queue.len() > 2 * self.latest.len() + 1024 {
            self.compact();
        }
    }

    /// Drops ids from the oldest sighting on, as long as `forgotten` says so.
    pub fn forget(&mut self, forgotten: impl Fn(Seen) -> bool) {
        while let Some(front) = self.queue.front() {
            if !forgotten(front.seen()) {
                return;
            }
            let (id, first) = (front.id, self.first);
            if let Ok(entry) = self.latest.find_entry(id[0], |number| *number == first) {
                entry.remove();
            }
            self.queue.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    pub fn len(&self) -> usize {
        self.latest.len()
    }

    fn entry(&self, number: u32) -> &Entry {
        &self.queue[number.wrapping_sub(self.first) as usize]
    }

    fn compact(&mut self) {
        let mut number = self.first;
        let latest = &self.latest;
        self.queue.retain(|entry| {
            let keep = latest.find(entry.id[0], |latest| *latest == number).is_some();
            number = number.wrapping_add(1);
            keep
        });
        self.latest.clear();
        let (first, queue) = (self.first, &self.queue);
        for (index, entry) in queue.iter().enumerate() {
            let number = first.wrapping_add(index as u32);
            self.latest.insert_unique(entry.id[0], number, |number| queue[number.wrapping_sub(first) as usize].id[0]);
        }
    }
}

fn halves(id: u128) -> [u64; 2] {
    [(id >> 64) as u64, id as u64]
}

#[cfg(test)]
mod tests;
