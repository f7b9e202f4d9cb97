//! The series that `series`, `labels` and `label/…/values` speak of.

use std::collections::BTreeSet;
use std::ops::Range;

use futures::future::BoxFuture;
use roaring::RoaringBitmap;
use tidegate_model::time::{day_of, hour_of};
use tidegate_model::{Labels, TenantId};
use tidegate_promql::Matcher;

use super::Ask;
use crate::archived::Archives;
use crate::error::Error;
use crate::index::{Days, TenantIndex};
use crate::select::{exact_name, in_background};
use crate::service::Query;

/// `start`, `end` and `match[]`. Times count by whole days in the store and by
/// whole hours in the archive. Without `start` the archive is not asked.
pub(super) struct Within {
    pub selectors: Vec<Vec<Matcher>>,
    pub days: Days,
    archived_hours: Range<u32>,
}

impl Within {
    pub fn read(query: &Query, ask: &Ask) -> Result<Self, Error> {
        query.require_ready()?;
        let selectors = ask.selectors()?;
        let start_ms = ask.time_ms("start")?;
        let end_ms = ask.time_ms("end")?.unwrap_or(i64::MAX);
        if start_ms.is_some_and(|start_ms| start_ms > end_ms) {
            return Err(Error::Parameter { name: "end", reason: "it lies before start".into() });
        }
        let first_hot_hour = query.first_hot_hour();
        let first_archived = start_ms.map_or(first_hot_hour, hour_of).min(first_hot_hour);
        let after_archived = hour_of(end_ms).saturating_add(1).min(first_hot_hour);
        Ok(Self {
            selectors,
            days: day_of(start_ms.unwrap_or(0))..=day_of(end_ms),
            archived_hours: first_archived..after_archived,
        })
    }

    /// What `work` makes of the series that the archive has, beside those of the
    /// index. The place among the queries is held until the work ends, whether
    /// or not somebody still waits for it.
    pub async fn look_up<T: Send + 'static>(
        self,
        query: &Query,
        ask: &Ask,
        work: impl FnOnce(&Self, BTreeSet<Labels>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let looking_up = async {
            let held = ask.begin_query()?;
            let archived = self.archived(query, &ask.tenant).await?;
            in_background(move || {
                let _held = held;
                work(&self, archived)
            })
            .await
        };
        query.look_up(ask.principal.as_ref(), looking_up).await
    }

    /// Indexed series that one selector accepts; all, when there is none.
    pub fn indexed(&self, index: &TenantIndex) -> RoaringBitmap {
        if self.selectors.is_empty() {
            return index.seen_on(self.days.clone());
        }
        let mut found = RoaringBitmap::new();
        for matchers in &self.selectors {
            found |= index.select(matchers, self.days.clone());
        }
        found
    }

    /// Likewise, those that the archive holds.
    async fn archived(&self, query: &Query, tenant: &TenantId) -> Result<BTreeSet<Labels>, Error> {
        if self.archived_hours.is_empty() {
            return Ok(BTreeSet::new());
        }
        let accepts = |labels: &Labels| {
            self.selectors.is_empty() || self.selectors.iter().any(|m| m.iter().all(|matcher| matcher.matches(labels)))
        };
        let name = match &self.selectors[..] {
            [matchers] => exact_name(matchers),
            _ => None,
        };
        let archives = Archives { archive: &query.archive, cache: query.hours.cache() };
        let reading: BoxFuture<'_, _> = Box::pin(archives.series(tenant, self.archived_hours.clone(), name, &accepts));
        reading.await
    }
}
