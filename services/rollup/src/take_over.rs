//! Going on where the last owner of a partition left off.

use tidegate_eventlog::{Bounds, EventLog, Topic};
use tidegate_fold::{Fold, Horizon};
use tidegate_hotstore::HotStore;
use tidegate_model::time::{DAY_MS, HOUR_MS, day_of};
use tidegate_model::{Progress, SessionsSnapshot, Sighting, SourceId};

use crate::registry::Registry;
use crate::retry::Retry;
use crate::{Context, Error};

/// Chunks of sightings read at a time.
const CHUNKS: usize = 32;

pub(crate) struct TakenOver {
    pub fold: Fold,
    pub registry: Registry,
    /// End of the log at this moment.
    pub log_end: u64,
}

/// Rebuilds the fold as it was at the resume offset.
pub(crate) async fn take_over(retry: &Retry) -> Result<TakenOver, Error> {
    let (context, partition) = (&retry.context, retry.partition);
    let source = SourceId { epoch: context.log.epoch(Topic::MetricsRaw), partition };
    let read = || context.log.bounds(Topic::MetricsRaw, partition);
    let bounds = retry.run("reading the log's bounds", read).await?;
    let load = || context.store.load_progress(source);
    let fold = match retry.run("loading progress", load).await? {
        Some(progress) => resume(retry, &progress, bounds).await?,
        None => begin(retry, source, bounds).await?,
    };
    let mut registry = Registry::new(partition);
    for day in days_to_load(fold.clock().effective_ms.max(context.log.now_ms())) {
        let rows = retry.run("loading series", || context.store.read_series(partition, day)).await?;
        registry.load(day, rows);
    }
    let clock = fold.clock();
    let to_replay = bounds.end.saturating_sub(fold.next_offset());
    if to_replay > 0 {
        tracing::info!(partition, to_replay, era = clock.era, effective_ms = clock.effective_ms, "replaying the log");
    } else {
        tracing::debug!(partition, era = clock.era, effective_ms = clock.effective_ms, "partition taken over");
    }
    Ok(TakenOver { fold, registry, log_end: bounds.end })
}

/// Refuses a log that ends before what is folded of it. Asked before anything
/// else of the process starts: appends that bring the log back to where it was
/// would give the offsets to records that are then taken for folded ones.
/// A log that does not answer is waited for when its partitions are taken over.
pub(crate) async fn refuse_log_behind(log: &dyn EventLog, store: &dyn HotStore) -> Result<(), Error> {
    let epoch = log.epoch(Topic::MetricsRaw);
    for progress in store.all_progress().await?.iter().filter(|progress| progress.source.epoch == epoch) {
        if let Ok(bounds) = log.bounds(Topic::MetricsRaw, progress.source.partition).await {
            check_end(progress, bounds)?;
        }
    }
    Ok(())
}

fn check_end(progress: &Progress, bounds: Bounds) -> Result<(), Error> {
    let (partition, needed, end) = (progress.source.partition, progress.position, bounds.end);
    if needed > end { Err(Error::LogBehind { partition, needed, end }) } else { Ok(()) }
}

/// Today, and tomorrow when its rows are being written. On other days a row is
/// written once more than needed.
fn days_to_load(now_ms: i64) -> Vec<u32> {
    let mut days = vec![day_of(now_ms)];
    if day_of(now_ms + HOUR_MS) != days[0] {
        days.push(day_of(now_ms + DAY_MS));
    }
    days
}

/// A source that has no progress: new, or forgotten by the store.
async fn begin(retry: &Retry, source: SourceId, bounds: Bounds) -> Result<Fold, Error> {
    let context = &retry.context;
    let mut fold = Fold::new(source);
    let known = retry.run("loading progress", || context.store.all_progress()).await?;
    let former = known
        .iter()
        .find(|progress| progress.source.partition == source.partition && progress.source.epoch != source.epoch);
    if let Some(former) = former {
        tracing::error!(
            partition = source.partition,
            epoch = source.epoch,
            former_epoch = former.source.epoch,
            former_position = former.position,
            "the log was created anew: records of the former one that were not folded are lost"
        );
        fold.gap_of_unknown_size();
        context.metrics.lost_records.inc();
    }
    if bounds.start > 0 {
        note_gap(context, &mut fold, bounds.start);
    }
    Ok(fold)
}

async fn resume(retry: &Retry, progress: &Progress, bounds: Bounds) -> Result<Fold, Error> {
    let context = &retry.context;
    let (source, resume_offset) = (progress.source, progress.resume_offset);
    check_end(progress, bounds)?;
    let from = resume_offset.max(bounds.start);
    let read = || context.store.read_sessions(source, from);
    let sessions = retry.run("reading sessions", read).await?;
    let sightings = sightings_before(retry, progress, from, sessions.as_ref()).await?;
    let mut fold = Fold::resume(progress, sightings, sessions);
    if from > resume_offset {
        note_gap(context, &mut fold, from - resume_offset);
    }
    Ok(fold)
}

/// The sightings of offsets before `from`, ascending, as far back as they make
/// a difference.
async fn sightings_before(
    retry: &Retry,
    progress: &Progress,
    from: u64,
    sessions: Option<&SessionsSnapshot>,
) -> Result<Vec<Sighting>, Error> {
    let store = &retry.context.store;
    let mut chunks: Vec<Vec<Sighting>> = Vec::new();
    let mut before = from;
    let mut horizon = None;
    loop {
        let read = || store.read_sightings(progress.source, before, CHUNKS);
        let older = retry.run("reading sightings", read).await?;
        let complete = older.len() < CHUNKS;
        for chunk in older {
            let entries: Vec<_> = chunk.entries.into_iter().filter(|sighting| sighting.offset < from).collect();
            let (Some(earliest), Some(latest)) = (entries.first().copied(), entries.last()) else { continue };
            let horizon = horizon.get_or_insert_with(|| Horizon::new(progress.resume_clock, latest, sessions));
            before = earliest.offset;
            chunks.push(entries);
            if horizon.covered_by(&earliest) {
                return Ok(chunks.into_iter().rev().flatten().collect());
            }
        }
        if complete {
            return Ok(chunks.into_iter().rev().flatten().collect());
        }
    }
}

/// Records are gone that nobody has folded to the end: the log was cut off too
/// early, or the rollup was away for longer than the log keeps records.
pub(crate) fn note_gap(context: &Context, fold: &mut Fold, lost_records: u64) {
    tracing::error!(
        partition = fold.source().partition,
        from = fold.next_offset(),
        lost_records,
        "the log has dropped records that were not folded yet"
    );
    fold.gap(lost_records);
    context.metrics.lost_records.inc_by(lost_records);
}
