//! Loads what an expression selects, each hour from one place.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use futures::future::{BoxFuture, try_join_all};
use hashbrown::HashMap;
use parking_lot::Mutex;
use tidegate_codec::stored::decode_chunk;
use tidegate_coldstore::Archive;
use tidegate_hotstore::HotStore;
use tidegate_model::time::{
    DAY_MS, HOUR_MS, day_of, hour_of, hour_start_ms, minute_of, minute_start_ms, window_start_ms,
};
use tidegate_model::{METRIC_NAME, MetricId, Row, TenantId, Window};
use tidegate_promql::{
    Expr, MatchOp, Matcher, Range as Times, Selection, SeriesData, SeriesSource, SourceError, Workers,
};
use tidegate_runtime::{Exhausted, Reservation};
use tokio::time::Instant;

use crate::WINDOW_BYTES;
use crate::archived::{Archived, Archives, Wanted};
use crate::error::Error;
use crate::explain::{Explained, Read};
use crate::fragments::{Fragment, merge};
use crate::gathered::{Gathered, Gathering};
use crate::held::HeldHours;
use crate::hours::{HourCache, Kept, KeptHour, SeriesHour};
use crate::index::{Days, Found, SeriesIndex};
use crate::tail::Tail;

/// Rows asked of the store at once, at most; times the parts below.
const ROWS_PER_READ: usize = 125_000;
/// Parts of many series that are read side by side.
const READS_AT_ONCE: usize = 2;
/// Series of a part, at least.
const SERIES_OF_A_PART: usize = 250;
/// Below this, decoding on the spot is cheaper than handing it over.
const DECODE_IN_PLACE_ROWS: usize = 500;
/// So many are looked up on the spot.
const FEW_SERIES: usize = 64;
/// Likewise of joining.
const JOIN_IN_PLACE_WINDOWS: usize = 5_000;
/// Likewise of evaluating, which may look at each window at each step.
const LIGHT_WINDOWS: usize = 2_000;
const LIGHT_CELLS: u64 = 100_000;
const LIGHT_SELECTORS: usize = 4;
/// Samples may lie ahead of the clock a little; nothing is beyond this.
const FUTURE_MS: i64 = HOUR_MS;

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
    /// Whether evaluating takes less than handing it over does.
    pub fn is_light(&self, expr: &Expr, range: &Times) -> bool {
        let steps = (range.end_ms - range.start_ms).checked_div(range.step_ms).unwrap_or(0).unsigned_abs() + 1;
        let series = || self.selections.iter().flat_map(|(_, series)| series);
        let windows: usize = series().take(LIGHT_WINDOWS).map(|one| one.windows.len() + 1).sum();
        self.selections.len() <= LIGHT_SELECTORS
            && windows as u64 <= LIGHT_WINDOWS as u64
            && (windows as u64).saturating_mul(steps) <= LIGHT_CELLS
            && !expr.has_subquery()
    }

    /// Series and samples of all selectors.
    pub fn size(&self) -> (u64, u64) {
        let series = || self.selections.iter().flat_map(|(_, series)| series);
        (series().count() as u64, series().map(|one| one.windows.samples()).sum())
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
    pub workers: &'a Workers,
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

/// A series whose hour is to be read, whole or behind what there is.
#[derive(Clone)]
struct Lacking {
    id: MetricId,
    before: Option<Arc<SeriesHour>>,
}

/// What the index and the tail have for a selector.
struct Live {
    /// In the order of their labels.
    found: Vec<Found>,
    /// Of `found`, likewise.
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
        let mut gathered = Gathering::default();
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
        let gathered = gathered.into_series();
        let windows: usize = gathered.iter().map(|(_, gathered)| gathered.size()).sum();
        let workers = self.workers.clone();
        let join = move || {
            let joined = workers.map(gathered, windows, |(labels, gathered)| {
                Arc::new(SeriesData { labels, windows: gathered.joined() })
            });
            Ok(joined.into_iter().filter(|series| !series.windows.is_empty()).collect())
        };
        if windows <= JOIN_IN_PLACE_WINDOWS { on_the_spot(join) } else { in_background(join).await }
    }

    async fn read_archive(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        times: Range<i64>,
        without: &BTreeSet<u32>,
        gathered: &mut Gathering,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let limit = self.max_windows.saturating_sub(self.windows.load(Ordering::Relaxed));
        let archives = Archives { archive: self.archive, cache: self.hours.cache() };
        let wanted = Wanted { tenant, matchers, times, without, limit };
        let reading: BoxFuture<'_, _> = Box::pin(archives.read(&wanted));
        let read = reading.await?;
        let Archived { series, windows, size_bytes, coarsest, objects, cached } =
            read.ok_or(Error::TooManyWindows { limit: self.max_windows })?;
        self.count(windows, size_bytes)?;
        let took = began.elapsed();
        {
            let mut explained = self.explained.lock();
            let (series, windows) = (series.len() as u64, windows as u64);
            explained.archive.add(Read { series, units: objects, windows, took, ..Read::default() });
            explained.cached_archived_hours += cached;
        }
        if let Some(tier) = coarsest {
            self.coarsest_window_ms.fetch_max(tier.window_ms(), Ordering::Relaxed);
        }
        let series = series.into_iter();
        gathered.add(series.map(|(labels, kept)| (labels, Gathered { kept, ..Gathered::default() })).collect());
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
        gathered: &mut Gathering,
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
        self.count(in_tail, in_tail * WINDOW_BYTES)?;
        let kept_until_ms = kept_until_ms(&fragments).clamp(times.start, times.end);
        let kept = self.read_kept(tenant, &ids, times.start..kept_until_ms).await?;
        let fragments = self.read_store(tenant, &ids, kept_until_ms..times.end, fragments).await?;
        let in_store = fragments.iter().map(Vec::len).sum::<usize>() - in_tail;
        self.count(in_store, in_store * WINDOW_BYTES)?;
        let read = found.into_iter().zip(fragments).zip(kept);
        let series = read.map(|((Found { labels, .. }, hot), kept)| (labels, Gathered { kept, hot }));
        gathered.add(series.filter(|(_, gathered)| !gathered.is_empty()).collect());
        Ok(())
    }

    async fn read_live(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        days: Days,
        times: Range<i64>,
    ) -> Result<Live, Error> {
        let most = FEW_SERIES.min(self.max_series);
        if let Some(found) = self.index.select_at_once(tenant, matchers, days.clone(), most) {
            let (found, ids) = in_order(found);
            if let Some(fragments) = self.tail.read_at_once(tenant, &ids, &times) {
                return Ok(Live { found, ids, fragments });
            }
        }
        let (index, tail, limit) = (self.index.clone(), self.tail.clone(), self.max_series);
        let (tenant, matchers) = (tenant.clone(), matchers.to_vec());
        in_background(move || {
            let found = index.select(&tenant, &matchers, days, limit);
            let (found, ids) = in_order(found.map_err(|found| Error::TooManySeries { found, limit })?);
            let fragments = tail.read(&tenant, &ids, &times);
            Ok(Live { found, ids, fragments })
        })
        .await
    }

    /// What the store has of the series, hour by hour, in `times`, of which
    /// nothing is in the tail. What is not at hand is read from the store and
    /// kept.
    async fn read_kept(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        times: Range<i64>,
    ) -> Result<Vec<Vec<KeptHour>>, Error> {
        let mut kept: Vec<Vec<KeptHour>> = vec![Vec::new(); ids.len()];
        if times.is_empty() {
            return Ok(kept);
        }
        for hour in hour_of(times.start)..=hour_of(times.end - 1) {
            let wanted = hour_start_ms(hour).max(times.start)..hour_start_ms(hour + 1).min(times.end);
            let hours = self.read_hour(tenant, ids, hour, minute_of(wanted.start)).await?;
            // Hour by hour, so that no more is held than a query may load.
            let sizes = hours.iter().map(|hour| hour.count(wanted.start, wanted.end));
            let (windows, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
            self.count(windows, bytes)?;
            for (kept, hour) in kept.iter_mut().zip(hours).filter(|(_, hour)| !hour.is_empty()) {
                kept.push((hour, wanted.clone()));
            }
        }
        Ok(kept)
    }

    /// An hour of each series, from a minute on at least.
    async fn read_hour(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        hour: u32,
        from_minute: u32,
    ) -> Result<Vec<Arc<SeriesHour>>, Error> {
        let stamps = self.hours.stamps(hour, self.partitions);
        let mut hours: Vec<Option<Arc<SeriesHour>>> = vec![None; ids.len()];
        // Read together: of hours that lack their end, all from the first
        // minute on that one of them lacks.
        let (mut missing, mut grown, mut end_from) = (Vec::new(), Vec::new(), u32::MAX);
        for (index, kept) in self.hours.get(hour, from_minute, ids, &stamps).into_iter().enumerate() {
            match kept {
                Kept::Whole(hour) => hours[index] = Some(hour),
                Kept::Until(hour, minute) => {
                    end_from = end_from.min(minute);
                    grown.push((index, Some(hour)));
                }
                Kept::Nothing => missing.push((index, None)),
            }
        }
        self.explained.lock().cached_hours += (ids.len() - missing.len()) as u64;
        for (lacking, from_minute) in [(missing, from_minute), (grown, end_from)] {
            if lacking.is_empty() {
                continue;
            }
            let (indices, lacking): (Vec<usize>, Vec<Lacking>) =
                lacking.into_iter().map(|(index, before)| (index, Lacking { id: ids[index], before })).unzip();
            let read =
                self.read_lacking(tenant, lacking, minute_start_ms(from_minute)..hour_start_ms(hour + 1)).await?;
            self.hours.put(hour, &read, &stamps);
            for (index, (_, hour)) in indices.into_iter().zip(read) {
                hours[index] = Some(hour);
            }
        }
        Ok(hours.into_iter().flatten().collect())
    }

    /// Of an hour, what series lack, behind what there is; `times` end with
    /// the hour. Many series are read in parts side by side.
    async fn read_lacking(
        &self,
        tenant: &TenantId,
        lacking: Vec<Lacking>,
        times: Range<i64>,
    ) -> Result<Vec<(MetricId, Arc<SeriesHour>)>, Error> {
        let share = lacking.len().div_ceil(READS_AT_ONCE).max(SERIES_OF_A_PART);
        // In the store's order, so that no part reads across the others' rows.
        let mut places: Vec<usize> = (0..lacking.len()).collect();
        places.sort_unstable_by_key(|place| (lacking[*place].id.partition(self.partitions), lacking[*place].id));
        let so_far = AtomicU64::new(0);
        let mut reading: Vec<BoxFuture<'_, _>> = Vec::new();
        for part in places.chunks(share) {
            let part: Vec<Lacking> = part.iter().map(|place| lacking[*place].clone()).collect();
            reading.push(Box::pin(self.read_part(tenant, part, times.clone(), &so_far)));
        }
        let began = Instant::now();
        let (parts, reads): (Vec<Vec<Arc<SeriesHour>>>, Vec<Read>) = try_join_all(reading).await?.into_iter().unzip();
        let took = began.elapsed();
        let mut explained = self.explained.lock();
        reads.into_iter().for_each(|read| explained.store.add(read));
        explained.store.took += took;
        drop(explained);
        let mut read: Vec<(usize, Arc<SeriesHour>)> = places.into_iter().zip(parts.into_iter().flatten()).collect();
        read.sort_unstable_by_key(|(place, _)| *place);
        Ok(lacking.into_iter().zip(read).map(|(one, (_, hour))| (one.id, hour)).collect())
    }

    async fn read_part(
        &self,
        tenant: &TenantId,
        part: Vec<Lacking>,
        times: Range<i64>,
        so_far: &AtomicU64,
    ) -> Result<(Vec<Arc<SeriesHour>>, Read), Error> {
        let ids: Vec<MetricId> = part.iter().map(|one| one.id).collect();
        let from_minute = minute_of(times.start);
        let fragments = vec![Vec::new(); ids.len()];
        let (fragments, read) = self.read_rows(tenant, &ids, times, fragments, so_far).await?;
        let hours = in_background(move || {
            let hours = part.into_iter().zip(fragments).map(|(one, fragments)| {
                let windows = merge(fragments);
                Arc::new(match one.before {
                    Some(before) => before.with_end(from_minute, windows),
                    None => SeriesHour::new(from_minute, windows),
                })
            });
            Ok(hours.collect())
        });
        Ok((hours.await?, read))
    }

    /// Adds what the store has of the series `ids` to their `fragments`.
    async fn read_store(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        times: Range<i64>,
        fragments: Vec<Vec<Fragment>>,
    ) -> Result<Vec<Vec<Fragment>>, Error> {
        let began = Instant::now();
        let (fragments, read) = self.read_rows(tenant, ids, times, fragments, &AtomicU64::new(0)).await?;
        self.explained.lock().store.add(Read { took: began.elapsed(), ..read });
        Ok(fragments)
    }

    /// Likewise, and tells what that was, but for its time. `so_far` counts the
    /// windows of all that is read together with it.
    async fn read_rows(
        &self,
        tenant: &TenantId,
        ids: &[MetricId],
        times: Range<i64>,
        mut fragments: Vec<Vec<Fragment>>,
        so_far: &AtomicU64,
    ) -> Result<(Vec<Vec<Fragment>>, Read), Error> {
        if times.is_empty() || ids.is_empty() {
            return Ok((fragments, Read::default()));
        }
        let mut read = Read { series: ids.len() as u64, ..Read::default() };
        let positions: Arc<HashMap<MetricId, usize>> = Arc::new(ids.iter().copied().zip(0..).collect());
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        let last = minute_of(times.end - 1);
        let minutes_per_read = u32::try_from(ROWS_PER_READ / ids.len()).unwrap_or(u32::MAX).max(1);
        let mut minute = minute_of(times.start);
        while minute <= last {
            let until = minute.saturating_add(minutes_per_read).min(last.saturating_add(1));
            let rows = self.store.read_rows(tenant, &ids, minute..until).await?;
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
            self.fits(so_far.fetch_add(added as u64, Ordering::Relaxed) + added as u64)?;
            minute = until;
        }
        Ok((fragments, read))
    }

    /// Whether so many windows more are within the limit; does not count them.
    fn fits(&self, windows: u64) -> Result<(), Error> {
        let counted = self.windows.load(Ordering::Relaxed) as u64;
        if counted.saturating_add(windows) > self.max_windows as u64 {
            return Err(Error::TooManyWindows { limit: self.max_windows });
        }
        Ok(())
    }

    /// Windows that were loaded, and the memory that they take.
    fn count(&self, windows: usize, bytes: usize) -> Result<(), Error> {
        let before = self.windows.fetch_add(windows, Ordering::Relaxed);
        if before.saturating_add(windows) > self.max_windows {
            return Err(Error::TooManyWindows { limit: self.max_windows });
        }
        let mut memory = self.memory.lock();
        let all_bytes = memory.bytes() + bytes;
        memory.resize(all_bytes).map_err(|Exhausted { .. }| Error::MemoryTaken)
    }
}

/// Series in the order of their labels, and their ids.
fn in_order(mut found: Vec<Found>) -> (Vec<Found>, Vec<MetricId>) {
    // Stable: they mostly come in a few runs that are in order.
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    let ids = found.iter().map(|found| found.id).collect();
    (found, ids)
}

/// Minutes before this time are read by the hour and kept: nothing of them is
/// in the tail.
fn kept_until_ms(tail: &[Vec<Fragment>]) -> i64 {
    let in_tail = tail.iter().flatten().map(|fragment| fragment.start_ms).min();
    in_tail.map_or(i64::MAX, |start_ms| minute_start_ms(minute_of(start_ms)))
}

/// Hours that follow each other, as ranges.
pub(crate) fn runs(hours: &BTreeSet<u32>) -> Vec<Range<u32>> {
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

/// Does work at once that takes less than handing it over would; a panic is an
/// error there, too.
pub(crate) fn on_the_spot<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(Error::Panic("the log has where".into())))
}

/// The metric's name, where the matchers allow one only.
pub(crate) fn exact_name(matchers: &[Matcher]) -> Option<&str> {
    let exact = |matcher: &&Matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
    matchers.iter().find(exact).map(|matcher| matcher.value.as_str()).filter(|name| !name.is_empty())
}
