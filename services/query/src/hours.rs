//! Hours of series as the store has them, kept from one query to the next.
//!
//! Rows of an hour change only when a fragment of it closes, and then the
//! store says by which clock the hour was touched, before it says that the
//! fragment is stored. The follower reads those clocks before it lets go of
//! what is stored. So a query that reads the tail first and then finds an hour
//! kept under the clocks of now misses nothing: what is newer is in the tail,
//! or the clocks differ. While no late samples came since, they differ by
//! minutes at the hour's end, and only those are read again: that keeps the
//! hour that is going on. Hours of histograms are not kept. What comes from the
//! archive is in the same form, and kept by `archived`.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;
use tidegate_hotstore::HourRow;
use tidegate_model::time::{MINUTE_MS, minute_start_ms, window_start_ms};
use tidegate_model::{Clock, MetricId, Point, SourceId, Window, WindowValue};
use tidegate_promql::{Windows, in_full};

use crate::cache::{Cache, Entry, Key};
use crate::tail::GRACE_MS;
use crate::{POINT_BYTES, WINDOW_BYTES};

/// When an hour of a shard was touched, by source.
pub(crate) type Stamp = Arc<[(SourceId, Touched)]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    last: Clock,
    late: Option<Clock>,
}

pub(crate) struct HourCache {
    touched: RwLock<HashMap<(u16, u32), Stamp>>,
    cache: Arc<Cache>,
}

/// The windows of a series in an hour, fragments merged, from a minute on.
pub(crate) struct SeriesHour {
    from_minute: u32,
    windows: Windows,
}

/// An hour of a series, and the starts of its windows that count.
pub(crate) type KeptHour = (Arc<SeriesHour>, Range<i64>);

/// What the cache has of an hour of a series.
pub(crate) enum Kept {
    Whole(Arc<SeriesHour>),
    /// But for the rows from this minute on.
    Until(Arc<SeriesHour>, u32),
    Nothing,
}

/// How an hour has changed from one stamp to another.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    None,
    /// In minutes from this one on.
    From(u32),
    Anywhere,
}

fn change(before: &Stamp, now: &Stamp) -> Change {
    if Arc::ptr_eq(before, now) || before == now {
        return Change::None;
    }
    let mut from = u32::MAX;
    if before.len() != now.len() {
        return Change::Anywhere;
    }
    for ((source, before), (of, now)) in before.iter().zip(now.iter()) {
        if before == now && source == of {
            continue;
        }
        let is_later = before.last.era == now.last.era && before.last < now.last;
        if source != of || before.late != now.late || !is_later {
            return Change::Anywhere;
        }
        // A minute's samples on time are stored at its end and the grace: the
        // first minute for which that is after what was known.
        let first = (before.last.effective_ms - GRACE_MS).div_euclid(MINUTE_MS);
        from = from.min(u32::try_from(first).unwrap_or(0));
    }
    Change::From(from)
}

impl HourCache {
    pub fn new(cache: Arc<Cache>) -> Self {
        Self { touched: RwLock::default(), cache }
    }

    /// What it shares with what is kept of the archive.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Takes what the store says of its hours.
    pub fn set_touched(&self, rows: &[HourRow]) {
        let mut by_hour: HashMap<(u16, u32), Vec<(SourceId, Touched)>> = HashMap::new();
        for row in rows {
            let touched = Touched { last: row.state.touched, late: row.state.late };
            by_hour.entry((row.shard, row.hour)).or_default().push((row.source, touched));
        }
        let stamps = by_hour.into_iter().map(|(key, mut touched)| {
            touched.sort_unstable_by_key(|(source, _)| *source);
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

    /// What is kept of each series from a minute of the hour on, under the
    /// stamp of its shard.
    pub fn get(&self, hour: u32, from_minute: u32, ids: &[MetricId], stamps: &[Option<Stamp>]) -> Vec<Kept> {
        let mut cache = self.cache.lock();
        let mut get = |id: &MetricId| {
            let Some(now) = stamp_of(*id, stamps) else { return Kept::Nothing };
            let Some(Entry::Stored { stamp, hour }) = cache.get(&Key::stored(*id, hour)) else { return Kept::Nothing };
            if hour.from_minute > from_minute {
                return Kept::Nothing;
            }
            match change(&stamp, now) {
                Change::None => Kept::Whole(hour),
                Change::From(minute) if minute > hour.from_minute => Kept::Until(hour, minute),
                Change::From(_) | Change::Anywhere => Kept::Nothing,
            }
        };
        ids.iter().map(&mut get).collect()
    }

    /// Keeps what was read after the stamps were taken.
    pub fn put(&self, hour: u32, read: &[(MetricId, Arc<SeriesHour>)], stamps: &[Option<Stamp>]) {
        let mut cache = self.cache.lock();
        for (id, windows) in read {
            if let Some(stamp) = stamp_of(*id, stamps).filter(|_| windows.is_flat()) {
                cache.put(Key::stored(*id, hour), Entry::Stored { stamp: stamp.clone(), hour: windows.clone() });
            }
        }
    }
}

fn stamp_of(id: MetricId, stamps: &[Option<Stamp>]) -> Option<&Stamp> {
    let shards = u16::try_from(stamps.len()).ok().filter(|shards| *shards > 0)?;
    stamps[usize::from(id.partition(shards))].as_ref()
}

impl SeriesHour {
    pub fn new(from_minute: u32, windows: Vec<Window>) -> Self {
        Self { from_minute, windows: windows.into() }
    }

    /// With other windows from `minute` on.
    pub fn with_end(&self, minute: u32, end: Vec<Window>) -> Self {
        let windows = match (&self.windows, Windows::from(end)) {
            (Windows::Points(points), Windows::Points(mut end)) => {
                let mut joined = points[..self.before(minute_start_ms(minute))].to_vec();
                joined.append(&mut end);
                Windows::Points(joined)
            }
            (Windows::Any(windows), end) => {
                let kept = &windows[..self.before(minute_start_ms(minute))];
                kept.iter().cloned().chain(end.to_vec()).collect()
            }
            (Windows::Points(points), Windows::Any(end)) => {
                let kept = &points[..self.before(minute_start_ms(minute))];
                Windows::Any(kept.iter().map(in_full).chain(end).collect())
            }
        };
        Self { from_minute: self.from_minute, windows }
    }

    /// Whether its size is what it shows: histograms have more elsewhere.
    pub fn is_flat(&self) -> bool {
        let is_number = |window: &Window| matches!(window.value, WindowValue::Float(_) | WindowValue::DeltaFloat(_));
        match &self.windows {
            Windows::Points(_) => true,
            Windows::Any(windows) => windows.iter().all(is_number),
        }
    }

    /// Memory of the windows.
    pub fn size_bytes(&self) -> usize {
        match &self.windows {
            Windows::Points(points) => size_of_val(&**points),
            Windows::Any(windows) => size_of_val(&**windows),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Windows that start before a time. Mostly none or all of them, which is
    /// seen at the ends.
    fn before(&self, time_ms: i64) -> usize {
        fn search<T>(windows: &[T], is_before: impl Fn(&T) -> bool) -> usize {
            match windows {
                [first, ..] if !is_before(first) => 0,
                [.., last] if is_before(last) => windows.len(),
                _ => windows.partition_point(is_before),
            }
        }
        match &self.windows {
            Windows::Points(points) => search(points, |point| window_start_ms(point.time_ms) < time_ms),
            Windows::Any(windows) => search(windows, |window| window.start_ms < time_ms),
        }
    }

    /// Windows that start in `from_ms..until_ms`, and what they take once a
    /// query has loaded them.
    pub fn count(&self, from_ms: i64, until_ms: i64) -> (usize, usize) {
        let windows = self.before(until_ms) - self.before(from_ms);
        match self.windows {
            Windows::Points(_) => (windows, windows * POINT_BYTES),
            Windows::Any(_) => (windows, windows * WINDOW_BYTES),
        }
    }

    /// The windows that start in `from_ms..until_ms`.
    pub fn slice(&self, from_ms: i64, until_ms: i64) -> HourSlice<'_> {
        let range = self.before(from_ms)..self.before(until_ms);
        match &self.windows {
            Windows::Points(points) => HourSlice::Points(&points[range]),
            Windows::Any(windows) => HourSlice::Any(&windows[range]),
        }
    }
}

/// Windows of an hour, where they are kept.
#[derive(Clone, Copy)]
pub(crate) enum HourSlice<'a> {
    Points(&'a [Point]),
    Any(&'a [Window]),
}

impl<'a> HourSlice<'a> {
    /// Also of windows of which there are none.
    pub fn as_points(self) -> Option<&'a [Point]> {
        match self {
            Self::Points(points) => Some(points),
            Self::Any(windows) => windows.is_empty().then_some(&[]),
        }
    }

    pub fn to_windows(self) -> Windows {
        match self {
            Self::Points(points) => Windows::Points(points.to_vec()),
            Self::Any(windows) => Windows::Any(windows.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests;
