//! The series and open buckets of one set of dimensions.
//!
//! A bucket belongs to the whole set: its metrics close together, by when the
//! first of them came, and share the earliest request time.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::cell::Cell;
use super::plan::{Choice, PlanId, Plans};
use crate::{Dimensions, Kind, Metric, Periodic};

#[derive(Debug)]
pub struct Key {
    pub dimensions: Dimensions,
    /// Indices into `names`.
    by_name: HashTable<u32>,
    names: Vec<Name>,
    /// By period, then sorted by start.
    open: Vec<Vec<Open>>,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    choice: Choice,
    /// Sorted by place.
    cells: Vec<(Place, Box<Cell>)>,
    /// Whether a sample has come since the last sweep.
    heard: bool,
}

/// Which of a metric's cells: as long as its bucket is open, the place names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    period: usize,
    start_ms: i64,
    /// None where the name chooses the statistics: then all kinds are aggregated together.
    kind: Option<Kind>,
}

#[derive(Debug)]
struct Open {
    start_ms: i64,
    min_request_time_ms: Option<i64>,
    /// What has a cell here, by index into `names` and kind, in the order of arrival.
    touched: Vec<(u32, Option<Kind>)>,
}

/// A metric's index within its key.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub name: u32,
    pub is_new: bool,
}

/// Where an open bucket is until the next one is opened or closed.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    period: usize,
    position: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Added {
    pub is_new: bool,
    /// Samples refused for their unit.
    pub refused: u64,
}

impl Key {
    pub fn new(dimensions: Dimensions, periods: usize) -> Self {
        let open = (0..periods).map(|_| Vec::new()).collect();
        Self { dimensions, by_name: HashTable::new(), names: Vec::new(), open }
    }

    /// The metric of that name; a new one only if there is `room`.
    pub fn name(&mut self, text: Box<str>, plans: &Plans, hasher: &DefaultHashBuilder, room: bool) -> Option<Found> {
        let hash = hasher.hash_one(&*text);
        let names = &mut self.names;
        if let Some(index) = self.by_name.find(hash, |index| names[*index as usize].text == text) {
            names[*index as usize].heard = true;
            return Some(Found { name: *index, is_new: false });
        }
        if !room {
            return None;
        }
        let index = u32::try_from(names.len()).ok()?;
        let choice = plans.choose(&text);
        names.push(Name { text, choice, cells: Vec::new(), heard: true });
        self.by_name.insert_unique(hash, index, |index| hasher.hash_one(&*names[*index as usize].text));
        Some(Found { name: index, is_new: true })
    }

    /// The open bucket of that start.
    pub fn find(&self, period: usize, start_ms: i64) -> Option<Bucket> {
        let position = position(&self.open[period], start_ms).ok()?;
        Some(Bucket { period, position })
    }

    /// Opens a bucket that is not open.
    pub fn open(&mut self, period: usize, start_ms: i64) -> Bucket {
        let open = &mut self.open[period];
        let position = position(open, start_ms).unwrap_or_else(|position| {
            open.insert(position, Open { start_ms, min_request_time_ms: None, touched: Vec::new() });
            position
        });
        Bucket { period, position }
    }

    /// Notes when the request began that a sample in the bucket belongs to.
    pub fn requested(&mut self, bucket: Bucket, request_time_ms: Option<i64>) {
        let Some(request_time_ms) = request_time_ms else { return };
        let least = &mut self.open[bucket.period][bucket.position].min_request_time_ms;
        *least = Some(least.map_or(request_time_ms, |least| least.min(request_time_ms)));
    }

    /// Adds to a metric's cell in the bucket; makes one only if there is `room`.
    pub fn add(&mut self, name: u32, bucket: Bucket, metric: &Metric, plans: &Plans, room: bool) -> Option<Added> {
        let open = &mut self.open[bucket.period][bucket.position];
        let Name { choice, cells, .. } = &mut self.names[name as usize];
        let (plan, kind) = plan_of(*choice, metric.kind);
        let plan = plans.get(plan);
        let place = Place { period: bucket.period, start_ms: open.start_ms, kind };
        let mut is_new = false;
        let at = match cells.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => at,
            Err(_) if !room => return None,
            Err(at) => {
                is_new = true;
                cells.insert(at, (place, Box::new(Cell::new(plan))));
                open.touched.push((name, kind));
                at
            }
        };
        Some(Added { is_new, refused: cells[at].1.add(metric, plan) })
    }

    /// Closes a bucket: a result for each of its cells.
    pub fn close(&mut self, period: usize, start_ms: i64, period_ms: u64, plans: &Plans, results: &mut Vec<Periodic>) {
        let Ok(position) = position(&self.open[period], start_ms) else { return };
        let open = self.open[period].remove(position);
        for (name, kind) in open.touched {
            let Name { text, choice, cells, .. } = &mut self.names[name as usize];
            let place = Place { period, start_ms, kind };
            let Ok(at) = cells.binary_search_by_key(&place, |(place, _)| *place) else { continue };
            let (_, cell) = cells.remove(at);
            let plan = match (*choice, kind) {
                (Choice::Name(plan), _) => plan,
                (Choice::Kind, Some(kind)) => Plans::by_kind(kind),
                (Choice::Kind, None) => continue,
            };
            let finished = cell.finish(plans.get(plan));
            results.push(Periodic {
                metric: text.clone(),
                dimensions: self.dimensions.clone(),
                period_ms,
                start_ms,
                min_request_time_ms: open.min_request_time_ms,
                statistics: finished.statistics,
                unit: finished.unit,
                histogram: finished.histogram,
            });
        }
    }

    /// Forgets metrics without a sample since the last sweep and without an
    /// open bucket. Returns how many.
    pub fn sweep(&mut self, hasher: &DefaultHashBuilder) -> usize {
        let is_idle = |name: &Name| !name.heard && name.cells.is_empty();
        let before = self.names.len();
        if self.names.iter().any(is_idle) {
            let mut kept = 0;
            let renumbered: Vec<u32> = self
                .names
                .iter()
                .map(|name| {
                    let index = kept;
                    kept += u32::from(!is_idle(name));
                    index
                })
                .collect();
            self.names.retain(|name| !is_idle(name));
            for touched in self.open.iter_mut().flatten().flat_map(|open| &mut open.touched) {
                touched.0 = renumbered[touched.0 as usize];
            }
            let names = &self.names;
            let hash = |index: &u32| hasher.hash_one(&*names[*index as usize].text);
            self.by_name = HashTable::with_capacity(names.len());
            for index in 0..kept {
                self.by_name.insert_unique(hash(&index), index, hash);
            }
        }
        for name in &mut self.names {
            name.heard = false;
            name.cells.shrink_to_fit();
        }
        before - self.names.len()
    }

    /// Whether no metric is left.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Most samples are for the latest bucket.
fn position(open: &[Open], start_ms: i64) -> Result<usize, usize> {
    match open.last() {
        Some(last) if last.start_ms == start_ms => Ok(open.len() - 1),
        _ => open.binary_search_by_key(&start_ms, |open| open.start_ms),
    }
}

/// A metric's plan, and what tells its cell from those of other kinds.
fn plan_of(choice: Choice, kind: Kind) -> (PlanId, Option<Kind>) {
    match choice {
        Choice::Name(plan) => (plan, None),
        Choice::Kind => (Plans::by_kind(kind), Some(kind)),
    }
}
