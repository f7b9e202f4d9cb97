//! Reading the archive: of every hour the finest windows that are still there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures::future::BoxFuture;
use tidegate_coldstore::{Archive, ArchiveError, Tier};
use tidegate_model::time::hour_of;
use tidegate_model::{Labels, TenantId, Window};
use tidegate_promql::Matcher;

use crate::error::Error;
use crate::select::exact_name;

/// How often the archive is listed anew because an object went, past its
/// retention, between the list and its reading.
const ATTEMPTS: usize = 3;

/// What the archive has of a selector.
#[derive(Default)]
pub(crate) struct Archived {
    /// Windows ascend; there may be longer ones before shorter ones.
    pub series: BTreeMap<Labels, Vec<Window>>,
    /// The coarsest windows among them; `None` without any.
    pub coarsest: Option<Tier>,
    /// Objects that were read.
    pub objects: u64,
}

/// The windows that reach into `times`, but those of hours in `without`.
/// `limit` is the number of windows that may be read.
pub(crate) async fn read(
    archive: &Archive,
    tenant: &TenantId,
    matchers: &[Matcher],
    times: Range<i64>,
    without: &BTreeSet<u32>,
    limit: usize,
) -> Result<Option<Archived>, Error> {
    for _ in 0..ATTEMPTS {
        match try_read(archive, tenant, matchers, &times, without, limit).await? {
            Read::Done(archived) => return Ok(Some(archived)),
            Read::TooMany => return Ok(None),
            Read::Gone => {}
        }
    }
    Err(ArchiveError::Contended(format!("of tenant {tenant}")).into())
}

enum Read {
    Done(Archived),
    TooMany,
    /// An object that was listed is not there any more.
    Gone,
}

async fn try_read(
    archive: &Archive,
    tenant: &TenantId,
    matchers: &[Matcher],
    times: &Range<i64>,
    without: &BTreeSet<u32>,
    limit: usize,
) -> Result<Read, Error> {
    let hours = hour_of(times.start)..hour_of(times.end - 1) + 1;
    let keep = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels));
    let (mut archived, mut read_windows) = (Archived::default(), 0);
    for slice in archive.slices(tenant, hours, without).await? {
        let window_ms = slice.tier().window_ms();
        // Boxed: the compiler cannot see through it that it is Send.
        let reading: BoxFuture<'_, _> = Box::pin(archive.read_slice(&slice, exact_name(matchers), &keep));
        let Some(series) = reading.await? else { return Ok(Read::Gone) };
        archived.objects += 1;
        for (labels, mut windows) in series {
            windows.retain(|window| window.start_ms + window_ms > times.start && window.start_ms < times.end);
            if windows.is_empty() {
                continue;
            }
            read_windows += windows.len();
            if read_windows > limit {
                return Ok(Read::TooMany);
            }
            archived.coarsest = archived.coarsest.max(Some(slice.tier()));
            archived.series.entry(labels).or_default().append(&mut windows);
        }
    }
    Ok(Read::Done(archived))
}

/// Labels of the series in `hours` that `accepts` wants; with `name`, of that
/// metric. Where only longer windows are left, all series of their day or month
/// count.
pub(crate) async fn series(
    archive: &Archive,
    tenant: &TenantId,
    hours: Range<u32>,
    name: Option<&str>,
    accepts: &(dyn Fn(&Labels) -> bool + Sync),
) -> Result<BTreeSet<Labels>, Error> {
    for _ in 0..ATTEMPTS {
        let (mut found, mut gone) = (BTreeSet::new(), false);
        for slice in archive.slices(tenant, hours.clone(), &BTreeSet::new()).await? {
            match archive.labels(&slice.key, name).await? {
                Some(labels) => found.extend(labels.into_iter().filter(accepts)),
                None => gone = true,
            }
        }
        if !gone {
            return Ok(found);
        }
    }
    Err(ArchiveError::Contended(format!("of tenant {tenant}")).into())
}
