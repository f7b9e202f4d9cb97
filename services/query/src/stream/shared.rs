//! The streams that are open: who has how many, and which of them are equal.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tidegate_access::Principal;
use tidegate_model::TenantId;
use tidegate_promql::Expr;
use tidegate_runtime::Budget;

use super::feed::Feed;
use crate::Config;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::service::Query;

/// All open streams of the process.
pub(crate) struct Streams {
    open: Mutex<Open>,
    /// Of the steps that their feeds keep.
    pub(super) history: Budget,
}

impl Streams {
    pub fn new(config: &Config, metrics: &Metrics) -> Self {
        let history = Budget::new(config.max_stream_history_bytes, metrics.stream_history_bytes.clone());
        Self { open: Mutex::default(), history }
    }
}

#[derive(Default)]
struct Open {
    streams: usize,
    /// Streams that were ever opened.
    opened: u64,
    tenants: HashMap<TenantId, OfTenant>,
}

#[derive(Default)]
struct OfTenant {
    streams: usize,
    /// With the number of streams that follow it.
    feeds: HashMap<Subject, (Arc<Feed>, usize)>,
}

/// What makes subscriptions of a tenant equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subject {
    /// In its canonical form.
    pub expr: String,
    pub step_ms: i64,
    pub settle_ms: i64,
}

/// A place among the open streams, until it is dropped.
pub(crate) struct Place {
    pub query: Arc<Query>,
    pub feed: Arc<Feed>,
    /// Each has another one.
    pub number: u64,
    tenant: TenantId,
    subject: Subject,
}

impl Place {
    /// Joins the streams that are equal to this one.
    ///
    /// # Errors
    /// [`Error::AllStreamsTaken`], [`Error::TooManyStreams`],
    /// [`Error::TooManySubjects`] when a limit is reached.
    pub fn take(
        query: &Arc<Query>,
        tenant: &TenantId,
        principal: Option<&Principal>,
        expr: Arc<Expr>,
        times: [i64; 2],
    ) -> Result<Self, Error> {
        let [step_ms, settle_ms] = times;
        let subject = Subject { expr: expr.to_string(), step_ms, settle_ms };
        let config = &query.config;
        let mut open = query.streams.open.lock();
        if open.streams >= config.max_streams {
            return Err(Error::AllStreamsTaken { limit: config.max_streams });
        }
        // A tenant without streams leaves no trace when it is refused.
        let of_tenant = open.tenants.get(tenant);
        if of_tenant.map_or(0, |of| of.streams) >= config.max_streams_per_tenant {
            return Err(Error::TooManyStreams { limit: config.max_streams_per_tenant });
        }
        let is_known = of_tenant.is_some_and(|of| of.feeds.contains_key(&subject));
        let limit = config.max_stream_expressions_per_tenant;
        if !is_known && of_tenant.map_or(0, |of| of.feeds.len()) >= limit {
            return Err(Error::TooManySubjects { limit });
        }
        open.streams += 1;
        open.opened += 1;
        let number = open.opened;
        query.metrics.streams.inc();
        let of_tenant = open.tenants.entry(tenant.clone()).or_default();
        of_tenant.streams += 1;
        let (feed, followers) = of_tenant.feeds.entry(subject.clone()).or_insert_with(|| {
            query.metrics.stream_expressions.inc();
            (Arc::new(Feed::new(query, tenant.clone(), principal.map(Principal::of_tenant), expr)), 0)
        });
        *followers += 1;
        Ok(Self { query: query.clone(), feed: feed.clone(), number, tenant: tenant.clone(), subject })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.query.metrics.streams.dec();
        let mut open = self.query.streams.open.lock();
        open.streams -= 1;
        let Some(of_tenant) = open.tenants.get_mut(&self.tenant) else { return };
        of_tenant.streams -= 1;
        if let Some((_, followers)) = of_tenant.feeds.get_mut(&self.subject) {
            *followers -= 1;
            if *followers == 0 {
                of_tenant.feeds.remove(&self.subject);
                self.query.metrics.stream_expressions.dec();
            }
        }
        if of_tenant.streams == 0 {
            open.tenants.remove(&self.tenant);
        }
    }
}
