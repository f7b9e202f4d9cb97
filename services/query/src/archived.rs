//! Reading the archive: of every hour the finest windows that are still there.
//!
//! What is read of an object is kept under the ETag of its version: its
//! footer, the series of its row groups, their windows. Each query lists the
//! objects that it needs, with their ETags, so it never answers from a version
//! that was replaced before it began.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::future::BoxFuture;
use hashbrown::HashMap;
use tidegate_coldstore::{Archive, ArchiveError, Run, Slice, Tier, Version};
use tidegate_model::time::{hour_of, hour_start_ms};
use tidegate_model::{Labels, TenantId, Window};
use tidegate_promql::Matcher;

use crate::cache::{Cache, Entry, Key, Part};
use crate::error::Error;
use crate::hours::{KeptHour, SeriesHour};
use crate::select::{exact_name, runs};

/// How often the archive is listed anew because an object was replaced, or
/// went past its retention, between the list and its reading.
const ATTEMPTS: usize = 5;

/// Objects that a query reads at once; what is decoded at once is bounded by
/// the archive.
const OBJECTS_AT_ONCE: usize = 8;

/// Rows of an object that are fetched and decoded in one go, about.
const ROWS_AT_ONCE: usize = 256 * 1024;

/// The archive, and what is kept of it.
#[derive(Clone, Copy)]
pub(crate) struct Archives<'a> {
    pub archive: &'a Archive,
    pub cache: &'a Cache,
}

/// What a selector asks of the archive.
pub(crate) struct Wanted<'a> {
    pub tenant: &'a TenantId,
    pub matchers: &'a [Matcher],
    /// Windows that reach into these,
    pub times: Range<i64>,
    /// but those of these hours.
    pub without: &'a BTreeSet<u32>,
    /// Windows that may be read.
    pub limit: usize,
}

/// What the archive has of a selector.
#[derive(Default)]
pub(crate) struct Archived {
    /// In the order of their labels. Windows ascend; there may be longer ones
    /// before shorter ones.
    pub series: Vec<(Labels, Vec<KeptHour>)>,
    pub windows: usize,
    /// What those take.
    pub size_bytes: usize,
    /// The coarsest windows among them; `None` without any.
    pub coarsest: Option<Tier>,
    /// Objects that were looked at.
    pub objects: u64,
    /// Objects' series that were at hand.
    pub cached: u64,
}

enum Read {
    Done(Archived),
    TooMany,
    /// An object that was listed is not there any more, or not as it was.
    Gone,
}

/// Of one object.
struct Found {
    series: Vec<(SeriesAt, Arc<SeriesHour>)>,
    cached: usize,
}

/// The series of each of some row groups.
type Groups = Vec<Arc<Vec<Run>>>;

/// A series among those of its row group.
struct SeriesAt {
    group: Arc<Vec<Run>>,
    index: usize,
}

impl SeriesAt {
    fn run(&self) -> &Run {
        &self.group[self.index]
    }
}

/// How much of the hours that a query reads it holds on to.
struct Whole {
    /// Windows of whole hours, so far.
    windows: AtomicUsize,
    limit: usize,
}

impl Whole {
    /// Whether so many more are within the limit.
    fn take(&self, windows: usize) -> bool {
        self.windows.fetch_add(windows, Ordering::Relaxed).saturating_add(windows) <= self.limit
    }
}

impl Archives<'_> {
    /// `None`: more than the limit.
    pub async fn read(&self, wanted: &Wanted<'_>) -> Result<Option<Archived>, Error> {
        for _ in 0..ATTEMPTS {
            match self.try_read(wanted).await? {
                Read::Done(archived) => return Ok(Some(archived)),
                Read::TooMany => return Ok(None),
                Read::Gone => {}
            }
        }
        Err(ArchiveError::Contended(format!("of tenant {}", wanted.tenant)).into())
    }

    async fn try_read(&self, wanted: &Wanted<'_>) -> Result<Read, Error> {
        let times = &wanted.times;
        let hours = hour_of(times.start)..hour_of(times.end - 1) + 1;
        let slices = self.archive.slices(wanted.tenant, hours, wanted.without).await?;
        let whole = Whole { windows: AtomicUsize::new(0), limit: wanted.limit };
        // Boxed, as the compiler cannot see through them that they are Send.
        let mut reading: Vec<BoxFuture<'_, Result<Option<Found>, Error>>> = Vec::with_capacity(slices.len());
        for slice in &slices {
            reading.push(Box::pin(self.read_slice(slice, wanted, &whole)));
        }
        let mut reading = futures::stream::iter(reading).buffered(OBJECTS_AT_ONCE);
        let (mut archived, mut gathered) = (Archived::default(), HashMap::<Labels, Vec<KeptHour>>::new());
        for slice in &slices {
            let Some(found) = reading.next().await.transpose()?.flatten() else { return Ok(Read::Gone) };
            archived.objects += 1;
            archived.cached += found.cached as u64;
            let times = times_of(slice, times);
            for (series, hour) in found.series {
                let mut of_series = Vec::new();
                for times in &times {
                    let (windows, size_bytes) = hour.count(times.start, times.end);
                    if windows > 0 {
                        archived.windows += windows;
                        archived.size_bytes += size_bytes;
                        of_series.push((hour.clone(), times.clone()));
                    }
                }
                if archived.windows > wanted.limit {
                    return Ok(Read::TooMany);
                }
                if !of_series.is_empty() {
                    archived.coarsest = archived.coarsest.max(Some(slice.tier()));
                    gathered.entry_ref(&series.run().labels).or_default().append(&mut of_series);
                }
            }
        }
        archived.series = gathered.into_iter().collect();
        archived.series.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Read::Done(archived))
    }

    /// What the slice's object has of the series that are wanted; `None` when
    /// it is not what was listed.
    async fn read_slice(&self, slice: &Slice, wanted: &Wanted<'_>, whole: &Whole) -> Result<Option<Found>, Error> {
        let Some(object) = self.object(slice).await? else { return Ok(None) };
        let name = exact_name(wanted.matchers);
        let Some(groups) = object.series(name).await? else { return Ok(None) };
        let mut series = Vec::new();
        for group in groups {
            for index in of_metric(&group, name) {
                if wanted.matchers.iter().all(|matcher| matcher.matches(&group[index].labels)) {
                    series.push(SeriesAt { group: group.clone(), index });
                }
            }
        }
        object.windows(series, times_of(slice, &wanted.times), whole).await
    }

    /// Labels of the series in `hours` that `accepts` wants; with `name`, of
    /// that metric, and maybe others. Where only longer windows are left, all
    /// series of their day or month count.
    pub async fn series(
        &self,
        tenant: &TenantId,
        hours: Range<u32>,
        name: Option<&str>,
        accepts: &(dyn Fn(&Labels) -> bool + Sync),
    ) -> Result<BTreeSet<Labels>, Error> {
        'listing: for _ in 0..ATTEMPTS {
            let slices = self.archive.slices(tenant, hours.clone(), &BTreeSet::new()).await?;
            let mut reading: Vec<BoxFuture<'_, Result<Option<Groups>, Error>>> = Vec::new();
            for slice in &slices {
                reading.push(Box::pin(self.series_of(slice, name)));
            }
            let mut reading = futures::stream::iter(reading).buffered(OBJECTS_AT_ONCE);
            let mut found = BTreeSet::new();
            while let Some(groups) = reading.next().await.transpose()? {
                let Some(groups) = groups else { continue 'listing };
                for run in groups.iter().flat_map(|group| group.iter()).filter(|run| accepts(&run.labels)) {
                    if !found.contains(&run.labels) {
                        found.insert(run.labels.clone());
                    }
                }
            }
            return Ok(found);
        }
        Err(ArchiveError::Contended(format!("of tenant {tenant}")).into())
    }

    async fn series_of(&self, slice: &Slice, name: Option<&str>) -> Result<Option<Groups>, Error> {
        match self.object(slice).await? {
            Some(object) => object.series(name).await,
            None => Ok(None),
        }
    }

    async fn object(&self, slice: &Slice) -> Result<Option<Object<'_>>, Error> {
        let (cache, id) = (self.cache, slice.version());
        if let Some(Entry::Footer(version)) = id.and_then(|id| cache.lock().get(&Key::archived(id, Part::Footer))) {
            return Ok(Some(Object { cache, id, version }));
        }
        let Some(version) = self.archive.version(slice).await? else { return Ok(None) };
        if let Some(id) = id {
            cache.lock().put(Key::archived(id, Part::Footer), Entry::Footer(version.without_bytes()));
        }
        Ok(Some(Object { cache, id, version }))
    }
}

/// A version of an object, and what is kept of it.
struct Object<'a> {
    cache: &'a Cache,
    /// `None`: nothing is kept of it.
    id: Option<u128>,
    version: Version,
}

impl Object<'_> {
    fn key(&self, part: impl FnOnce(u32) -> Part, number: usize) -> Option<Key> {
        Some(Key::archived(self.id?, part(u32::try_from(number).ok()?)))
    }

    /// The series of the row groups that can hold the metric; `None` when the
    /// object was replaced.
    async fn series(&self, name: Option<&str>) -> Result<Option<Groups>, Error> {
        let groups = self.version.row_groups(name);
        let mut series: Vec<Option<Arc<Vec<Run>>>> = Vec::with_capacity(groups.len());
        {
            let mut cache = self.cache.lock();
            series.extend(groups.iter().map(|group| match cache.get(&self.key(Part::Series, *group)?)? {
                Entry::Series(runs) => Some(runs),
                _ => None,
            }));
        }
        let lacking = || groups.iter().zip(&series).filter(|(_, series)| series.is_none());
        let missing: Vec<usize> = lacking().map(|(group, _)| *group).collect();
        let Some(read) = unless_replaced(self.version.series(missing).await)? else { return Ok(None) };
        let mut read = read.into_iter();
        let mut cache = self.cache.lock();
        for (group, series) in groups.iter().zip(&mut series).filter(|(_, series)| series.is_none()) {
            let runs = Arc::new(read.next().unwrap_or_default());
            if let Some(key) = self.key(Part::Series, *group) {
                cache.put(key, Entry::Series(runs.clone()));
            }
            *series = Some(runs);
        }
        Ok(Some(series.into_iter().flatten().collect()))
    }

    /// The windows of series, which are in the file's order; `None` when the
    /// object was replaced. Whole hours, unless those are too many: then, of
    /// what is read, those that start in `times`.
    async fn windows(
        &self,
        series: Vec<SeriesAt>,
        times: Vec<Range<i64>>,
        whole: &Whole,
    ) -> Result<Option<Found>, Error> {
        let mut hours: Vec<Option<Arc<SeriesHour>>> = Vec::with_capacity(series.len());
        {
            let mut cache = self.cache.lock();
            hours.extend(series.iter().map(|one| match cache.get(&self.key(Part::Windows, one.run().rows.start)?)? {
                Entry::Windows(hour) => Some(hour),
                _ => None,
            }));
        }
        let missing: Vec<usize> = (0..hours.len()).filter(|index| hours[*index].is_none()).collect();
        let cached = hours.len() - missing.len();
        let times = Arc::new(times);
        for indices in in_parts(&missing, |index| series[*index].run().rows.len()) {
            let rows: Vec<Range<usize>> = indices.iter().map(|index| series[*index].run().rows.clone()).collect();
            let is_whole = whole.take(rows.iter().map(Range::len).sum());
            let times = times.clone();
            let make = move |mut windows: Vec<Window>| {
                if !is_whole {
                    windows.retain(|window| times.iter().any(|times| times.contains(&window.start_ms)));
                    windows.shrink_to_fit();
                }
                Arc::new(SeriesHour::new(0, windows))
            };
            let Some(read) = unless_replaced(self.version.windows(rows, make).await)? else { return Ok(None) };
            let mut cache = self.cache.lock();
            for (index, hour) in indices.iter().zip(read) {
                let key = self.key(Part::Windows, series[*index].run().rows.start);
                if let Some(key) = key.filter(|_| is_whole && hour.is_flat()) {
                    cache.put(key, Entry::Windows(hour.clone()));
                }
                hours[*index] = Some(hour);
            }
        }
        let series = series.into_iter().zip(hours).filter_map(|(one, hour)| Some((one, hour?))).collect();
        Ok(Some(Found { series, cached }))
    }
}

/// The places of the metric's series among those of a row group, which come in
/// the order of the metrics' names; without a name all.
fn of_metric(group: &[Run], name: Option<&str>) -> Range<usize> {
    let Some(name) = name else { return 0..group.len() };
    let start = group.partition_point(|run| run.labels.metric_name() < name);
    start..start + group[start..].partition_point(|run| run.labels.metric_name() <= name)
}

fn unless_replaced<T>(read: Result<T, ArchiveError>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ArchiveError::Replaced(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Cuts items so that each part has few rows.
fn in_parts<T>(mut items: &[T], rows: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut parts = Vec::new();
    while !items.is_empty() {
        let mut sum = 0;
        let fit = items.iter().take_while(|item| {
            sum += rows(item);
            sum <= ROWS_AT_ONCE
        });
        let (part, rest) = items.split_at(fit.count().max(1));
        parts.push(part);
        items = rest;
    }
    parts
}

/// The starts of the windows for which the slice answers and that reach into
/// `times`.
fn times_of(slice: &Slice, times: &Range<i64>) -> Vec<Range<i64>> {
    let window_ms = slice.tier().window_ms();
    let from_ms = times.start - times.start.rem_euclid(window_ms);
    let hours = slice.hours().collect();
    let of_run = |run: Range<u32>| hour_start_ms(run.start).max(from_ms)..hour_start_ms(run.end).min(times.end);
    runs(&hours).into_iter().map(of_run).filter(|times| !times.is_empty()).collect()
}

#[cfg(test)]
mod tests;
