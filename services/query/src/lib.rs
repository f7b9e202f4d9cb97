//! Answers: PromQL over history and live data on the Prometheus HTTP API, and
//! live results as server-sent events.
//!
//! A process of this target keeps an index of all series and the windows of
//! the last minutes in memory. A query finds its series in the index, then
//! takes each hour from one place: the archive before the hot horizon, the
//! store after it and where the archive lags behind, with the live tail on top
//! of the store. Windows that come
//! from several fragments are merged in one canonical order, so an answer does
//! not depend on where its parts were read.

mod api;
mod archived;
mod cache;
mod cores;
mod error;
mod explain;
mod fragments;
mod gathered;
mod held;
mod hours;
mod index;
mod metrics;
mod places;
mod select;
mod service;
mod sse;
mod stream;
mod tail;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tidegate_coldstore::Archive;
use tidegate_eventlog::EventLog;
use tidegate_hotstore::HotStore;
use tidegate_runtime::{Health, Target, TaskError, Tasks};
use tokio::sync::mpsc;
use tower_http::cors::{self, CorsLayer};

pub use error::Error;

use crate::cache::Cache;
use crate::held::HeldHours;
use crate::hours::HourCache;
use crate::index::SeriesIndex;
use crate::metrics::Metrics;
use crate::service::Query;
use crate::tail::{Hold, Tail};

/// The section `query` of the configuration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Hours older than this are read from the archive, once they are in it. At
    /// most what the store keeps.
    pub hot_retention_hours: u32,
    /// Longest time a query may take, and the default of `timeout`.
    pub timeout_ms: u64,
    /// Queries evaluated at once; others wait.
    pub max_concurrent_queries: usize,
    /// Of them, those of one tenant.
    pub max_concurrent_queries_per_tenant: usize,
    /// Queries of a tenant that wait beside those; what comes beyond is
    /// answered 429 at once.
    pub max_waiting_queries_per_tenant: usize,
    /// Longest time a query waits for its turn before it is answered 503, or
    /// 429 where it waited for its own tenant's queries.
    pub queue_wait_ms: u64,
    /// Series that one selector may find.
    pub max_series: usize,
    /// Windows that one query may load; each takes about 250 bytes while the
    /// query runs.
    pub max_windows: usize,
    /// What the windows of all running queries may take in memory, at 250
    /// bytes each; a query that finds too little left is answered 503.
    pub max_loaded_bytes: usize,
    /// Largest answer, before it is compressed.
    pub max_answer_bytes: usize,
    /// Answers and events that clients have not taken yet, together; an answer
    /// beyond is 503 instead, a stream is ended as lagging.
    pub max_unsent_bytes: usize,
    /// Samples that an evaluation reads, and values that it computes, in all.
    pub max_samples: u64,
    /// Memory for hours of series that were read from the store or the archive.
    pub cache_bytes: usize,
    /// Steps of a range query, per series.
    pub max_points: usize,
    /// Size of a request's parameters, the expression included.
    pub max_request_bytes: usize,
    /// Series, of all tenants and retained days, that the index holds.
    pub max_index_series: usize,
    /// How often the store is asked for series that the tail did not show.
    pub index_refresh_ms: u64,
    /// Longest time that the tail holds a window the store does not have yet.
    pub tail_hold_ms: u64,
    /// Windows that the tail holds; beyond, the oldest are dropped. One of a
    /// single sample takes about 64 bytes, others 170.
    pub max_tail_windows: usize,
    /// A query that takes this long is told in the log; 0: none.
    pub slow_query_ms: u64,
    /// Web pages of these origins (`https://grafana.example.org`, or `*` for
    /// all) may ask from a browser.
    pub cors_origins: Vec<String>,
    /// Open streams of all tenants; more are answered 503.
    pub max_streams: usize,
    /// Open streams of one tenant; more are answered 429.
    pub max_streams_per_tenant: usize,
    /// Of them, those that differ in expression, step or settling time: equal
    /// ones are evaluated once and cost little.
    pub max_stream_expressions_per_tenant: usize,
    /// Steps of streams evaluated at once, beside the queries; others wait.
    pub max_concurrent_stream_steps: usize,
    /// Of them, those of one tenant.
    pub max_concurrent_stream_steps_per_tenant: usize,
    /// What the windows of these steps may take in memory, at 250 bytes each; a
    /// step that needs more alone is refused.
    pub max_stream_loaded_bytes: usize,
    /// How long a partition that stalls holds a stream back.
    pub stream_stall_ms: u64,
    /// How far back a stream starts or resumes.
    pub stream_history_ms: u64,
    /// What the latest steps may take that are kept for clients that come back,
    /// of all streams together; the last step of each is kept beyond.
    pub max_stream_history_bytes: usize,
    /// A client that takes no event for this long is cut off.
    pub stream_slow_client_ms: u64,
    /// Pause after which a stream sends a comment to show that it lives.
    pub stream_heartbeat_ms: u64,
}

/// What a loaded window takes, about.
const WINDOW_BYTES: usize = 250;
/// Likewise, of a window of one sample that was kept as that.
const POINT_BYTES: usize = 40;

impl Default for Config {
    fn default() -> Self {
        Self {
            hot_retention_hours: 7 * 24,
            timeout_ms: 120_000,
            max_concurrent_queries: 8,
            max_concurrent_queries_per_tenant: 6,
            max_waiting_queries_per_tenant: 100,
            queue_wait_ms: 10_000,
            max_series: 100_000,
            max_windows: 4_000_000,
            max_loaded_bytes: 2 << 30,
            max_answer_bytes: 256 << 20,
            max_unsent_bytes: 512 << 20,
            max_samples: 50_000_000,
            cache_bytes: 256 << 20,
            max_points: 11_000,
            max_request_bytes: 1 << 20,
            max_index_series: 5_000_000,
            index_refresh_ms: 15_000,
            tail_hold_ms: 900_000,
            max_tail_windows: 20_000_000,
            slow_query_ms: 10_000,
            cors_origins: Vec::new(),
            max_streams: 4_000,
            max_streams_per_tenant: 1_000,
            max_stream_expressions_per_tenant: 200,
            max_concurrent_stream_steps: 4,
            max_concurrent_stream_steps_per_tenant: 3,
            max_stream_loaded_bytes: 512 << 20,
            stream_stall_ms: 10_000,
            stream_history_ms: 3_600_000,
            max_stream_history_bytes: 256 << 20,
            stream_slow_client_ms: 30_000,
            stream_heartbeat_ms: 5_000,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), Error> {
        let positive = [
            ("query.timeout_ms", self.timeout_ms),
            ("query.max_concurrent_queries", self.max_concurrent_queries as u64),
            ("query.max_concurrent_queries_per_tenant", self.max_concurrent_queries_per_tenant as u64),
            ("query.max_concurrent_stream_steps", self.max_concurrent_stream_steps as u64),
            ("query.max_concurrent_stream_steps_per_tenant", self.max_concurrent_stream_steps_per_tenant as u64),
            ("query.max_samples", self.max_samples),
            ("query.max_series", self.max_series as u64),
            ("query.max_windows", self.max_windows as u64),
            ("query.max_points", self.max_points as u64),
            ("query.max_request_bytes", self.max_request_bytes as u64),
            ("query.max_index_series", self.max_index_series as u64),
            ("query.index_refresh_ms", self.index_refresh_ms),
            ("query.tail_hold_ms", self.tail_hold_ms),
            ("query.max_tail_windows", self.max_tail_windows as u64),
            ("query.max_answer_bytes", self.max_answer_bytes as u64),
            ("query.stream_heartbeat_ms", self.stream_heartbeat_ms),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::Config(key));
        }
        // One that could never be had would be answered "try again" for ever.
        if self.max_loaded_bytes / WINDOW_BYTES < self.max_windows {
            return Err(Error::TooSmall { key: "query.max_loaded_bytes", what: "250 times query.max_windows" });
        }
        if self.max_windows_of_stream_step() == 0 {
            return Err(Error::TooSmall { key: "query.max_stream_loaded_bytes", what: "250" });
        }
        if self.max_unsent_bytes < self.max_answer_bytes {
            return Err(Error::TooSmall { key: "query.max_unsent_bytes", what: "query.max_answer_bytes" });
        }
        Ok(())
    }

    fn cors(&self) -> Result<CorsLayer, Error> {
        if self.cors_origins.is_empty() {
            return Ok(CorsLayer::new());
        }
        let layer = CorsLayer::new().allow_methods([Method::GET, Method::POST]).allow_headers(cors::Any);
        if self.cors_origins.iter().any(|origin| origin == "*") {
            return Ok(layer.allow_origin(cors::Any));
        }
        let wrong = |origin: &String| Error::Origin { origin: origin.clone() };
        let origin = |origin: &String| {
            let is_origin = origin.contains("://") && !origin.ends_with('/');
            HeaderValue::from_str(origin).ok().filter(|_| is_origin).ok_or_else(|| wrong(origin))
        };
        let origins = self.cors_origins.iter().map(origin).collect::<Result<Vec<_>, _>>()?;
        Ok(layer.allow_origin(origins))
    }

    /// One that could never be had is refused as too many, not tried again.
    fn max_windows_of_stream_step(&self) -> usize {
        self.max_windows.min(self.max_stream_loaded_bytes / WINDOW_BYTES)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Starts the target. It answers at once; queries are told "not ready" until
/// the index is loaded and the tail has caught up.
pub async fn build(
    config: Config,
    log: Arc<dyn EventLog>,
    store: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    registry: &mut Registry,
    health: &Health,
    failures: mpsc::Sender<TaskError>,
) -> Result<Target, Error> {
    config.check()?;
    let cors = config.cors()?;
    let metrics = Arc::new(Metrics::register(registry));
    let mut tasks = Tasks::new(failures);
    let index = Arc::new(SeriesIndex::new(config.max_index_series, metrics.clone()));
    let tail = Arc::new(Tail::new(&*log, Hold::of(&config), metrics.clone()));
    let held = Arc::new(HeldHours::default());
    let hours = Arc::new(HourCache::new(Arc::new(Cache::new(config.cache_bytes))));
    let follower = tail::Follower {
        held: held.clone(),
        hours: hours.clone(),
        log: log.clone(),
        store: store.clone(),
        index: index.clone(),
        tail: tail.clone(),
        health: health.part("query"),
        refresh: Duration::from_millis(config.index_refresh_ms),
        hot_retention_hours: config.hot_retention_hours,
    };
    tasks.spawn("query-follow", |cancel| follower.run(cancel));
    let query =
        Arc::new(Query::new(config, log, store, archive, index, tail, held, hours, metrics, tasks.cancellation()));
    Ok(Target { name: "query", http: api::router(query, cors), tasks })
}

#[cfg(test)]
mod tests;
