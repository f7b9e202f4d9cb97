//! One day or month of a shard, from what it is made of. Parts that did not
//! change, or are gone, are taken from the object as it is: a window never
//! spans two parts, so nothing is merged twice.

use std::ops::Range;
use std::time::Instant;

use tidegate_coldstore::{
    Archive, ArchiveError, Base, ObjectKey, ObjectReader, ObjectWriter, Part, Parts, Period, PutOutcome, series_order,
};
use tidegate_model::{Labels, MetricId, Window};

use crate::Error;
use crate::merge::{coarsen, merge_windows};

/// Series in memory at once: of a part at 5 s they take about 25 MB, of a day
/// at 1 min twice that.
const SERIES_AT_ONCE: usize = 256;

/// What was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub key: ObjectKey,
    pub outcome: PutOutcome,
    pub rows: u64,
    pub samples: u64,
    pub size_bytes: u64,
}

/// Puts the object as its parts are now; `None` when it is so already.
pub async fn build(archive: &Archive, key: &ObjectKey) -> Result<Option<Built>, Error> {
    let started = Instant::now();
    let existing = archive.reader(key).await?;
    let mut parts = existing.as_ref().map(|existing| existing.summary.parts.clone()).unwrap_or_default();
    let changed = changed_parts(archive, key, &mut parts).await?;
    if changed.is_empty() {
        return Ok(None);
    }
    let window_ms = key.period.tier().window_ms();
    let base = existing.as_ref().and_then(|existing| existing.summary.e_tag.clone());
    let mut sources: Vec<Source> = changed.into_iter().map(|(_, reader)| Source::new(reader, Take::Merged)).collect();
    if let Some(existing) = existing {
        let fresh = |number: &u32| parts.0.get(number) != existing.summary.parts.0.get(number);
        let kept = existing.summary.parts.0.keys().filter(|number| !fresh(number));
        let finer = key.period.tier().finer().unwrap_or(key.period.tier());
        let kept: Vec<_> = kept.map(|number| Period::of_number(finer, *number).times_ms()).collect();
        if !kept.is_empty() {
            sources.push(Source::new(existing, Take::Within(kept)));
        }
    }
    let mut writer = ObjectWriter::new(key.clone())?;
    let series = all_series(&sources);
    for batch in series.chunks(SERIES_AT_ONCE) {
        let mut windows: Vec<Vec<Window>> = vec![Vec::new(); batch.len()];
        for source in &mut sources {
            windows = source.add(batch, windows, window_ms).await?;
        }
        let (batch, tenant) = (batch.to_vec(), key.tenant.clone());
        writer = tokio::task::spawn_blocking(move || {
            for (labels, windows) in batch.iter().zip(windows) {
                // Parts come in any order, and do not meet.
                let windows = merge_windows(windows);
                if !windows.is_empty() {
                    writer.series(MetricId::of(&tenant, labels), labels, &windows)?;
                }
            }
            Ok::<_, ArchiveError>(writer)
        })
        .await??;
    }
    let object = tokio::task::spawn_blocking(move || writer.finish_parts(parts)).await??;
    let outcome = archive.put_based_on(&object, Base::Object(base.as_deref())).await?;
    tracing::info!(
        tenant = %key.tenant,
        shard = key.shard,
        period = %key.period,
        resolution = key.period.tier().name(),
        ?outcome,
        series = object.series,
        samples = object.samples,
        size_bytes = object.bytes.len(),
        took_ms = started.elapsed().as_millis() as u64,
        "built an object of longer windows"
    );
    let (rows, samples, size_bytes) = (object.rows, object.samples, object.bytes.len() as u64);
    Ok(Some(Built { key: key.clone(), outcome, rows, samples, size_bytes }))
}

/// The parts that are not in the object as they are; `parts` becomes what they
/// will be. Refuses a part that covers less than it did.
async fn changed_parts(
    archive: &Archive,
    key: &ObjectKey,
    parts: &mut Parts,
) -> Result<Vec<(u32, ObjectReader)>, Error> {
    let Some(finer) = key.period.tier().finer() else { return Ok(Vec::new()) };
    let listed = archive.list(&key.tenant, finer, key.period.hours()).await?;
    let mut changed = Vec::new();
    for finer in listed.into_iter().map(|listed| listed.key).filter(|finer| finer.shard == key.shard) {
        let number = finer.period.number();
        let Some(summary) = archive.summary(&finer).await? else { continue };
        let before = parts.0.get(&number);
        let covers = |part: &Part| summary.coverage.shrinks_to(&part.coverage).is_none();
        if before.is_some_and(|part| part.content == summary.content && covers(part)) {
            continue;
        }
        let Some(reader) = archive.reader(&finer).await? else { continue };
        let coverage = reader.summary.coverage.clone();
        if let Some(shrunk) = before.and_then(|part| part.coverage.shrinks_to(&coverage)) {
            return Err(Error::Archive(ArchiveError::FewerSamples {
                path: key.path().to_string(),
                source_id: shrunk.source,
                era: shrunk.era,
                archived: shrunk.archived,
                rebuilt: shrunk.rebuilt,
            }));
        }
        parts.0.insert(number, Part { content: reader.summary.content, coverage });
        changed.push((number, reader));
    }
    Ok(changed)
}

/// What an object gives to the one that is built.
enum Take {
    /// All its windows, made longer.
    Merged,
    /// Its windows in these times, as they are.
    Within(Vec<Range<i64>>),
}

struct Source {
    reader: ObjectReader,
    series: Vec<Labels>,
    /// Series before this place are done.
    next: usize,
    take: Take,
}

impl Source {
    fn new(reader: ObjectReader, take: Take) -> Self {
        let series = reader.series().cloned().collect();
        Self { reader, series, next: 0, take }
    }

    /// Adds the windows of the series in `batch`, which follow those of the
    /// batch before.
    async fn add(
        &mut self,
        batch: &[Labels],
        mut windows: Vec<Vec<Window>>,
        window_ms: i64,
    ) -> Result<Vec<Vec<Window>>, Error> {
        let Some(last) = batch.last() else { return Ok(windows) };
        let first = self.next;
        let in_batch = |labels: &&Labels| series_order(labels, last).is_le();
        self.next += self.series[first..].iter().take_while(in_batch).count();
        if first == self.next {
            return Ok(windows);
        }
        let read = self.reader.windows(first..self.next).await?;
        let mut places = batch.iter().enumerate();
        let place_of = |labels: &Labels| places.find(|(_, other)| *other == labels).map(|(place, _)| place);
        let places: Vec<_> = self.series[first..self.next].iter().map(place_of).collect();
        let within = match &self.take {
            Take::Merged => None,
            Take::Within(times) => Some(times.clone()),
        };
        Ok(tokio::task::spawn_blocking(move || {
            for (place, mut read) in places.into_iter().zip(read) {
                let into = place.and_then(|place| windows.get_mut(place));
                let Some(into) = into else { continue };
                match &within {
                    None => into.append(&mut coarsen(read, window_ms)),
                    Some(times) => {
                        read.retain(|window| times.iter().any(|times| times.contains(&window.start_ms)));
                        into.append(&mut read);
                    }
                }
            }
            windows
        })
        .await?)
    }
}

/// The series of all sources, each once, in the order of a file.
fn all_series(sources: &[Source]) -> Vec<Labels> {
    let mut series: Vec<Labels> = sources.iter().flat_map(|source| source.series.iter().cloned()).collect();
    series.sort_unstable_by(series_order);
    series.dedup();
    series
}
