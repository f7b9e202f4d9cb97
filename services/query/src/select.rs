//! Loads what an expression selects, each hour from one place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;
use tidegate_codec::stored::decode_chunk;
use tidegate_coldstore::Archive;
use tidegate_hotstore::HotStore;
use tidegate_model::time::{DAY_MS, HOUR_MS, MINUTE_MS, day_of, hour_of, hour_start_ms, minute_of, window_start_ms};
use tidegate_model::{Labels, METRIC_NAME, MetricId, Row, TenantId, Window};
use tidegate_promql::{MatchOp, Matcher, Selection, SeriesData, SeriesSource, SourceError};
use tidegate_runtime::{Exhausted, Reservation};
use tokio::time::Instant;

use crate::WINDOW_BYTES;
use crate::archived::{self, Archived};
use crate::error::Error;
use crate::explain::{Explained, Read};
use crate::fragments::{Fragment, merge};
use crate::held::HeldHours;
use crate::hours::{HourCache, SeriesHour};
use crate::index::{Days, Found, SeriesIndex};
use crate::tail::Tail;

/// Rows asked of the store at once, at most.
const ROWS_PER_READ: usize = 250_000;
/// Below this, decoding on the spot is cheaper than handing it over.
const DECODE_IN_PLACE_ROWS: usize = 500;
/// Samples may lie ahead of the clock a little; nothing is beyond this.
const FUTURE_MS: i64 = HOUR_MS;

/// Late samples of an hour that is over for so long are few.
const SETTLED_MS: i64 = 15 * MINUTE_MS;

/// Which windows a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All that are there.
    None,
    /// Those that start before this time. What a step of a stream sees, so
    /// that it gives the same when it is evaluated later.
    StartsBefore(i64),
}

/// What all selectors of an expression select, as [`SeriesSource`].
pub(crate) struct Loaded {
    selections: Vec<(Selection, Vec<Arc<SeriesData>>)>,
}

impl SeriesSource for Loaded {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError> {
        let loaded = self.selections.iter().find(|(loaded, _)| loaded == selection);
        loaded.map(|(_, series)| series.clone()).ok_or_else(|| SourceError("a selection that was not announced".into()))
    }
}

impl Loaded {
    /// Series and samples of all selectors.
    pub fn size(&self) -> (u64, u64) {
        let series = || self.selections.iter().flat_map(|(_, series)| series);
        let samples = series().flat_map(|one| &one.windows).map(|window| u64::from(window.value.samples())).sum();
        (series().count() as u64, samples)
    }
}

/// Reads for one query.
pub(crate) struct Loader<'a> {
    pub store: &'a dyn HotStore,
    pub archive: &'a Archive,
    pub index: &'a Arc<SeriesIndex>,
    pub tail: &'a Arc<Tail>,
    pub held: &'a HeldHours,
    pub hours: &'a HourCache,
    /// Shards of the store.
    pub partitions: u16,
    pub now_ms: i64,
    /// Hours before this one come from the archive, but for those that the
    /// store holds back.
    pub first_hot_hour: u32,
    pub max_series: usize,
    pub max_windows: usize,
    /// So far, by this query.
    pub windows: AtomicUsize,
    /// What they take.
    pub memory: Mutex<Reservation>,
    /// Of the longest windows that were read from the archive; 0: none.
    pub coarsest_window_ms: AtomicI64,
    pub explained: Mutex<Explained>,
}

/// Windows of one series.
#[derive(Default)]
struct Gathered {
    archived: Vec<Window>,
    /// Ascending, with the times of which they count.
    kept: Vec<(Arc<SeriesHour>, Range<i64>)>,
    hot: Vec<Fragment>,
}

/// What the index and the tail have for a selector.
struct Live {
    found: Vec<Found>,
    /// Of `found`, ascending.
    ids: Vec<MetricId>,
    /// Likewise.
    fragments: Vec<Vec<Fragment>>,
}

impl Loader<'_> {
    pub async fn load(&self, tenant: &TenantId, selections: Vec<Selection>, cut: Cut) -> Result<Loaded, Error> {
        let mut loaded = Vec::with_capacity(selections.len());
        for selection in selections {
            let series = self.select(tenant, &selection, cut).await?;
            loaded.push((selection, series));
        }
        Ok(Loaded { selections: loaded })
    }

    async fn select(&self, tenant: &TenantId, selection: &Selection, cut: Cut) -> Result<Vec<Arc<SeriesData>>, Error> {
        // A window reaches into `(start, end]` from the window that holds
        // start + 1 ms on.
        let from_ms = window_start_ms(selection.start_ms.saturating_add(1)).max(0);
        let end_ms = selection.end_ms.saturating_add(1).min(self.now_ms + FUTURE_MS);
        let until_ms = match cut {
            Cut::None => end_ms,
            Cut::StartsBefore(time_ms) => end_ms.min(time_ms),
        };
        if from_ms >= until_ms {
            return Ok(Vec::new());
        }
        let mut gathered: BTreeMap<Labels, Gathered> = BTreeMap::new();
        let hot_from_ms = hour_start_ms(self.first_hot_hour);
        if from_ms < hot_from_ms {
            let times = from_ms..until_ms.min(hot_from_ms);
            let held = self.held.get(self.store).await?;
            let held: BTreeSet<u32> = held.range(hour_of(times.start)..=hour_of(times.end - 1)).copied().collect();
            for hours in runs(&held) {
                let times = hour_start_ms(hours.start).max(times.start)..hour_start_ms(hours.end).min(times.end);
                self.read_hot(tenant, &selection.matchers, times, &mut gathered).await?;
            }
            self.read_archive(tenant, &selection.matchers, times, &held, &mut gathered).await?;
        }
        if until_ms > hot_from_ms {
            self.read_hot(tenant, &selection.matchers, from_ms.max(hot_from_ms)..until_ms, &mut gathered).await?;
        }
        if gathered.len() > self.max_series {
            return Err(Error::TooManySeries { found: gathered.len(), limit: self.max_series });
        }
        in_background(move || {
            let series = gathered.into_iter().map(|(labels, gathered)| {
                let mut windows = gathered.archived;
                for (hour, times) in gathered.kept {
                    hour.append_to(&mut windows, times.start, times.end);
                }
                windows.append(&mut merge(gathered.hot));
                // Hours of the store may lie between those of the archive.
                windows.sort_by_key(|window| window.start_ms);
                Arc::new(SeriesData { labels, windows })
            });
            Ok(series.filter(|series| !series.windows.is_empty()).collect())
        })
        .await
    }

    async fn read_archive(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        times: Range<i64>,
        without: &BTreeSet<u32>,
        gathered: &mut BTreeMap<Labels, Gathered>,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let left = self.max_windows.saturating_sub(self.windows.load(Ordering::Relaxed));
        let read = archived::read(self.archive, tenant, matchers, times, without, left).await?;
        let Archived { series, coarsest, objects } = read.ok_or(Error::TooManyWindows { limit: self.max_windows })?;
        let windows = series.values().map(Vec::len).sum();
        self.count(windows)?;
        self.explained.lock().archive.add(Read {
            series: series.len() as u64,
            units: objects,
            windows: windows as u64,
            took: began.elapsed(),
            ..Read::default()
        });
        if let Some(tier) = coarsest {
            self.coarsest_window_ms.fetch_max(tier.window_ms(), Ordering::Relaxed);
        }
        for (labels, mut windows) in series {
            gathered.entry(labels).or_default().archived.append(&mut windows);
        }
        Ok(())
    }

    /// Reads the tail, then the store: a window leaves the tail once the store
    /// has it, so in this order none can slip between the two. What both have
    /// is the same fragment and counts once.
    async fn read_hot(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        times: Range<i64>,
        gathered: &mut BTreeMap<Labels, Gathered>,
    ) -> Result<(), Error> {
        // A query from 1970 on must not walk through all the years since.
        let Some(days) = self.index.known_days(tenant, day_of(times.start)..=day_of(times.end - 1)) else {
            return Ok(());
        };
        let known = i64::from(*days.start()) * DAY_MS..(i64::from(*days.end()) + 1) * DAY_MS;
        let times = times.start.max(known.start)..times.end.min(known.end);
        let began = Instant::now();
        let Live { found, ids, fragments } = self.read_live(tenant, matchers, days, times.clone()).await?;
        let in_tail: usize = fragments.iter().map(Vec::len).sum();
        let (series, took) = (found.len() as u64, began.elapsed());
        self.explained.lock().tail.add(Read { series, windows: in_tail as u64, took, ..Read::default() });
        if found.is_empty() {
            return Ok(());
        }
        self.count(in_tail)?;
        let kept_until_ms = self.kept_until_ms(&fragments).clamp(times.start, times.end);
        let kept = self.read_kept(tenant, &ids, times.start..kept_until_ms).await?;
        let fragments = self.read_store(tenant, &ids, kept_until_ms..times.end, fragments).await?;
        self.count(fragments.iter().map(Vec::len).sum::<usize>() - in_tail)?;
        for ((Found { labels, .. }, mut fragments), mut kept) in found.into_iter().zip(fragments).zip(kept) {
            if !fragments.is_empty() || !kept.is_empty() {
                let gathered = gathered.entry(labels).or_default();
                gathered.hot.append(&mut fragments);
                gathered.kept.append(&mut kept);
            }
        }
        Ok(())
    }

    async fn read_live(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        days: Days,
        times: Range<i64>,
    ) -> Result<Live, Error> {
        let (index, tail, limit) = (self.index.clone(), self.tail.clone(), self.max_series);
        let (tenant, matchers) = (tenant.clone(), matchers.to_vec());
        in_background(move || {
            let found = index.select(&tenant, &matchers, days, limit);
            let mut found = found.map_err(|found| Error::TooManySeries { found, limit })?;
            found.sort_unstable_by_key(|found| found.id);
            let ids: Vec<MetricId> = found.iter().map(|found| found.id).collect();
            let fragments = tail.read(&tenant, &ids, times.start, times.end);
            Ok(Live { found, ids, fragments })
        })
        .await
    }

    /// Hours before this time are kept: they are over for a while, and nothing
    /// of them is in the tail.
    fn kept_until_ms(&self, tail: &[Vec<Fragment>]) -> i64 {
        let in_tail = tail.iter().flatten().map(|fragment| fragment.start_ms).min();
        let settled_ms = (self.now_ms - SETTLED_MS).min(in_tail.unwrap_or(i64::MAX));
        hour_start_ms(hour_of(settled_ms))
    }

    /// The series' hours that reach into `times`, which end with an hour; those
    /// that are not at hand are read from the store and kept.
    async fn read_kept(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        times: Range<i64>,
    ) -> Result<Vec<Vec<(Arc<SeriesHour>, Range<i64>)>>, Error> {
        let mut kept: Vec<Vec<(Arc<SeriesHour>, Range<i64>)>> = vec![Vec::new(); ids.len()];
        if times.is_empty() {
            return Ok(kept);
        }
        for hour in hour_of(times.start)..=hour_of(times.end - 1) {
            let of_hour = hour_start_ms(hour)..hour_start_ms(hour + 1);
            let wanted = of_hour.start.max(times.start)..of_hour.end.min(times.end);
            let stamps = self.hours.stamps(hour, self.partitions);
            let mut hours = self.hours.get(hour, ids, &stamps);
            let missing: Vec<usize> = (0..ids.len()).filter(|index| hours[*index].is_none()).collect();
            self.explained.lock().cached_hours += (ids.len() - missing.len()) as u64;
            if !missing.is_empty() {
                let of_missing: Vec<MetricId> = missing.iter().map(|index| ids[*index]).collect();
                let fragments = vec![Vec::new(); missing.len()];
                let fragments = self.read_store(tenant, &of_missing, of_hour, fragments).await?;
                let read: Vec<(MetricId, Arc<SeriesHour>)> = in_background(move || {
                    let hours = fragments.into_iter().map(|fragments| Arc::new(SeriesHour::new(merge(fragments))));
                    Ok(of_missing.into_iter().zip(hours).collect())
                })
                .await?;
                self.hours.put(hour, &read, &stamps);
                for (index, (_, hour)) in missing.into_iter().zip(read) {
                    hours[index] = Some(hour);
                }
            }
            // Hour by hour, so that no more is held than a query may load.
            self.count(hours.iter().flatten().map(|hour| hour.count(wanted.start, wanted.end)).sum())?;
            for (kept, hour) in kept.iter_mut().zip(hours) {
                kept.extend(hour.filter(|hour| !hour.is_empty()).map(|hour| (hour, wanted.clone())));
            }
        }
        Ok(kept)
    }

    /// Adds what the store has of the series `ids` to their `fragments`.
    async fn read_store(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        times: Range<i64>,
        mut fragments: Vec<Vec<Fragment>>,
    ) -> Result<Vec<Vec<Fragment>>, Error> {
        if times.is_empty() {
            return Ok(fragments);
        }
        let began = Instant::now();
        let mut read = Read { series: ids.len() as u64, ..Read::default() };
        let positions: Arc<HashMap<MetricId, usize>> = Arc::new(ids.iter().copied().zip(0..).collect());
        let last = minute_of(times.end - 1);
        let minutes_per_read = u32::try_from(ROWS_PER_READ / ids.len()).unwrap_or(u32::MAX).max(1);
        let mut minute = minute_of(times.start);
        while minute <= last {
            let until = minute.saturating_add(minutes_per_read).min(last.saturating_add(1));
            let rows = self.store.read_rows(tenant, ids, minute..until).await?;
            read.units += rows.len() as u64;
            read.size_bytes += rows.iter().map(|row| row.chunk.len() as u64).sum::<u64>();
            let added;
            if rows.len() <= DECODE_IN_PLACE_ROWS {
                added = decode(&rows, &positions, &times, &mut fragments)?;
            } else {
                let (positions, times) = (positions.clone(), times.clone());
                (added, fragments) = in_background(move || {
                    let added = decode(&rows, &positions, &times, &mut fragments)?;
                    Ok((added, fragments))
                })
                .await?;
            }
            read.windows += added as u64;
            self.fits(read.windows)?;
            minute = until;
        }
        read.took = began.elapsed();
        self.explained.lock().store.add(read);
        Ok(fragments)
    }

    /// Whether so many windows more are within the limit; does not count them.
    fn fits(&self, windows: u64) -> Result<(), Error> {
        let counted = self.windows.load(Ordering::Relaxed) as u64;
        if counted.saturating_add(windows) > self.max_windows as u64 {
            return Err(Error::TooManyWindows { limit: self.max_windows });
        }
        Ok(())
    }

    fn count(&self, windows: usize) -> Result<(), Error> {
        let before = self.windows.fetch_add(windows, Ordering::Relaxed);
        if before.saturating_add(windows) > self.max_windows {
            return Err(Error::TooManyWindows { limit: self.max_windows });
        }
        let mut memory = self.memory.lock();
        let bytes = memory.bytes() + windows * WINDOW_BYTES;
        memory.resize(bytes).map_err(|Exhausted { .. }| Error::MemoryTaken)
    }
}

/// Hours that follow each other, as ranges.
fn runs(hours: &BTreeSet<u32>) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for hour in hours {
        match runs.last_mut() {
            Some(run) if run.end == *hour => run.end += 1,
            _ => runs.push(*hour..*hour + 1),
        }
    }
    runs
}

/// Adds the windows of stored rows that start in `times` to the fragments of
/// their series, whose places are in `positions`. Gives their number.
fn decode(
    rows: &[Row],
    positions: &HashMap<MetricId, usize>,
    times: &Range<i64>,
    fragments: &mut [Vec<Fragment>],
) -> Result<usize, Error> {
    let mut added = 0;
    for row in rows {
        let fragments = positions.get(&row.key.metric_id).and_then(|position| fragments.get_mut(*position));
        let Some(fragments) = fragments else { continue };
        let (source, era, fragment) = (row.key.source, row.key.era, row.key.fragment);
        let before = fragments.len();
        let windows = decode_chunk(row.key.minute, &row.chunk)?.windows.into_iter();
        let windows = windows.filter(|window| times.contains(&window.start_ms));
        fragments.extend(windows.map(|Window { start_ms, value }| Fragment { start_ms, source, era, fragment, value }));
        added += fragments.len() - before;
    }
    Ok(added)
}

/// Runs CPU work where it does not hold up others.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(Error::Panic(error.to_string())),
        Err(_) => Err(Error::Stopping),
    }
}

/// The metric's name, where the matchers allow one only.
pub(crate) fn exact_name(matchers: &[Matcher]) -> Option<&str> {
    let exact = |matcher: &&Matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
    matchers.iter().find(exact).map(|matcher| matcher.value.as_str()).filter(|name| !name.is_empty())
}
