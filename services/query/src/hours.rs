//! Hours of series as the store has them, kept from one query to the next.
//!
//! Rows of an hour change only when a fragment of it closes, and then the
//! store says by which clock the hour was touched, before it says that the
//! fragment is stored. The follower reads those clocks before it lets go of
//! what is stored. So a query that reads the tail first and then finds an hour
//! kept under the clocks of now misses nothing: what is newer is in the tail,
//! or the clocks differ. Hours of histograms are not kept.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use tidegate_hotstore::HourRow;
use tidegate_model::time::window_start_ms;
use tidegate_model::{Clock, FloatWindow, MetricId, SourceId, Window, WindowValue};

/// When an hour of a shard was touched, by source.
pub(crate) type Stamp = Arc<[(SourceId, Clock)]>;

pub(crate) struct HourCache {
    touched: RwLock<HashMap<(u16, u32), Stamp>>,
    generations: Mutex<Generations>,
    /// Of one generation.
    limit_bytes: usize,
}

/// What was used since the young generation began, and what was before: that
/// goes when the young one is full.
#[derive(Default)]
struct Generations {
    young: HashMap<(u32, MetricId), Entry>,
    young_bytes: usize,
    old: HashMap<(u32, MetricId), Entry>,
}

#[derive(Clone)]
struct Entry {
    stamp: Stamp,
    hour: Arc<SeriesHour>,
}

/// The windows of a series in an hour, fragments merged, ascending.
pub(crate) enum SeriesHour {
    /// Windows of one sample, which most are.
    Points(Box<[(i64, f64)]>),
    Windows(Box<[Window]>),
}

impl HourCache {
    pub fn new(limit_bytes: usize) -> Self {
        Self { touched: RwLock::default(), generations: Mutex::default(), limit_bytes: limit_bytes / 2 }
    }

    /// Takes what the store says of its hours.
    pub fn set_touched(&self, rows: &[HourRow]) {
        let mut by_hour: HashMap<(u16, u32), Vec<(SourceId, Clock)>> = HashMap::new();
        for row in rows {
            by_hour.entry((row.shard, row.hour)).or_default().push((row.source, row.state.touched));
        }
        let stamps = by_hour.into_iter().map(|(key, mut touched)| {
            touched.sort_unstable();
            (key, Stamp::from(touched))
        });
        let touched = stamps.collect();
        *self.touched.write() = touched;
    }

    /// `None` while the store has not said anything of the hour: what it has
    /// of it is not kept.
    pub fn stamps(&self, hour: u32, partitions: u16) -> Vec<Option<Stamp>> {
        let touched = self.touched.read();
        (0..partitions).map(|shard| touched.get(&(shard, hour)).cloned()).collect()
    }

    /// What is kept of each series under the stamp of its shard.
    pub fn get(&self, hour: u32, ids: &[MetricId], stamps: &[Option<Stamp>]) -> Vec<Option<Arc<SeriesHour>>> {
        let mut generations = self.generations.lock();
        let get = |id: &MetricId| {
            let stamp = stamp_of(*id, stamps)?;
            generations.get((hour, *id), stamp, self.limit_bytes)
        };
        ids.iter().map(get).collect()
    }

    /// Keeps what was read after the stamps were taken.
    pub fn put(&self, hour: u32, read: &[(MetricId, Arc<SeriesHour>)], stamps: &[Option<Stamp>]) {
        let mut generations = self.generations.lock();
        for (id, windows) in read {
            if let Some(stamp) = stamp_of(*id, stamps).filter(|_| windows.is_flat()) {
                let entry = Entry { stamp: stamp.clone(), hour: windows.clone() };
                generations.put((hour, *id), entry, self.limit_bytes);
            }
        }
    }
}

fn stamp_of(id: MetricId, stamps: &[Option<Stamp>]) -> Option<&Stamp> {
    let shards = u16::try_from(stamps.len()).ok().filter(|shards| *shards > 0)?;
    stamps[usize::from(id.partition(shards))].as_ref()
}

impl Generations {
    fn get(&mut self, key: (u32, MetricId), stamp: &Stamp, limit_bytes: usize) -> Option<Arc<SeriesHour>> {
        let is_current = |entry: &&Entry| Arc::ptr_eq(&entry.stamp, stamp) || entry.stamp == *stamp;
        if let Some(entry) = self.young.get(&key) {
            return Some(entry).filter(is_current).map(|entry| entry.hour.clone());
        }
        let entry = self.old.remove(&key).filter(|entry| is_current(&entry))?;
        let hour = entry.hour.clone();
        self.put(key, entry, limit_bytes);
        Some(hour)
    }

    fn put(&mut self, key: (u32, MetricId), entry: Entry, limit_bytes: usize) {
        self.young_bytes += entry.hour.size_bytes();
        if let Some(before) = self.young.insert(key, entry) {
            self.young_bytes -= before.hour.size_bytes();
        }
        if self.young_bytes > limit_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

impl SeriesHour {
    pub fn new(windows: Vec<Window>) -> Self {
        let point = |window: &Window| match &window.value {
            WindowValue::Float(float) => as_point(window.start_ms, float),
            _ => None,
        };
        match windows.iter().map(point).collect::<Option<Box<[_]>>>() {
            Some(points) => Self::Points(points),
            None => Self::Windows(windows.into()),
        }
    }

    /// Whether its size is what it shows: histograms have more elsewhere.
    fn is_flat(&self) -> bool {
        let is_number = |window: &Window| matches!(window.value, WindowValue::Float(_) | WindowValue::DeltaFloat(_));
        match self {
            Self::Points(_) => true,
            Self::Windows(windows) => windows.iter().all(is_number),
        }
    }

    /// Memory, about: the entry's own included.
    fn size_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 128;
        ENTRY_BYTES
            + match self {
                Self::Points(points) => size_of_val(&**points),
                Self::Windows(windows) => size_of_val(&**windows),
            }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Points(points) => points.is_empty(),
            Self::Windows(windows) => windows.is_empty(),
        }
    }

    /// Windows that start in `from_ms..until_ms`.
    pub fn count(&self, from_ms: i64, until_ms: i64) -> usize {
        match self {
            Self::Points(points) => {
                let before =
                    |bound_ms: i64| points.partition_point(|(time_ms, _)| window_start_ms(*time_ms) < bound_ms);
                before(until_ms) - before(from_ms)
            }
            Self::Windows(windows) => {
                let before = |bound_ms: i64| windows.partition_point(|window| window.start_ms < bound_ms);
                before(until_ms) - before(from_ms)
            }
        }
    }

    /// Appends the windows that start in `from_ms..until_ms`.
    pub fn append_to(&self, windows: &mut Vec<Window>, from_ms: i64, until_ms: i64) {
        windows.reserve(self.count(from_ms, until_ms));
        match self {
            Self::Points(points) => {
                let within = points.iter().map(|(time_ms, value)| (window_start_ms(*time_ms), *time_ms, *value));
                let within = within.filter(|(start_ms, ..)| (from_ms..until_ms).contains(start_ms));
                windows.extend(within.map(|(start_ms, time_ms, value)| Window {
                    start_ms,
                    value: WindowValue::Float(of_one(time_ms, value)),
                }));
            }
            Self::Windows(all) => {
                let within = all.iter().filter(|window| (from_ms..until_ms).contains(&window.start_ms));
                windows.extend(within.cloned());
            }
        }
    }
}

fn of_one(time_ms: i64, value: f64) -> FloatWindow {
    let mut window = FloatWindow::empty();
    window.push(time_ms, value);
    window
}

/// The sample of a window that is nothing but that, to the bit.
fn as_point(start_ms: i64, window: &FloatWindow) -> Option<(i64, f64)> {
    let (time_ms, value) = (window.first.time_ms, window.first.value);
    let rebuilt = of_one(time_ms, value);
    let whole = |w: &FloatWindow| (w.count, w.resets, w.changes, w.stale, w.last.time_ms);
    let bits = |w: &FloatWindow| [w.sum, w.min, w.max, w.last.value, w.increase].map(f64::to_bits);
    let is_rebuilt = whole(window) == whole(&rebuilt) && bits(window) == bits(&rebuilt);
    (is_rebuilt && window_start_ms(time_ms) == start_ms).then_some((time_ms, value))
}

#[cfg(test)]
mod tests;
