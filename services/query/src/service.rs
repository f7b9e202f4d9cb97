//! What the endpoints share: the parts that answers come from, and running a
//! query within its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tidegate_access::{Account, Principal, TenantLimits};
use tidegate_coldstore::Archive;
use tidegate_eventlog::{EventLog, Topic};
use tidegate_hotstore::HotStore;
use tidegate_model::TenantId;
use tidegate_model::time::{HOUR_MS, WINDOW_MS, hour_of};
use tidegate_promql::{EvalError, Evaluated, Expr, Limits, Range, Workers, evaluate, selections};
use tidegate_runtime::Budget;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::cores;
use crate::error::Error;
use crate::explain::Explained;
use crate::held::HeldHours;
use crate::hours::HourCache;
use crate::index::SeriesIndex;
use crate::metrics::Metrics;
use crate::places::{Bounds, Places};
use crate::select::{Cut, Loader, in_background, on_the_spot};
use crate::stream::Streams;
use crate::tail::Tail;

pub(crate) struct Query {
    pub config: Config,
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn HotStore>,
    pub archive: Arc<Archive>,
    pub index: Arc<SeriesIndex>,
    pub tail: Arc<Tail>,
    held: Arc<HeldHours>,
    pub hours: Arc<HourCache>,
    pub metrics: Arc<Metrics>,
    /// Cancelled when the target stops; streams end then.
    pub stopping: CancellationToken,
    pub started: Instant,
    /// Of queries.
    pub places: Arc<Places>,
    /// Of the steps of streams.
    pub stream_places: Arc<Places>,
    pub streams: Streams,
    pub pipeline: crate::api::Pipeline,
    /// Windows of running queries.
    pub loaded: Budget,
    /// Windows of steps of streams that are being evaluated.
    pub stream_loaded: Budget,
    /// What clients have not taken.
    pub unsent: Budget,
    workers: Workers,
}

/// Of a slow query's expression, in the log.
const LOGGED_QUERY_BYTES: usize = 1_000;

/// What an evaluation is for, and so whose places and memory it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Query,
    StreamStep,
}

/// An evaluation to make.
pub(crate) struct Task {
    pub purpose: Purpose,
    pub tenant: TenantId,
    pub expr: Arc<Expr>,
    pub range: Range,
    pub cut: Cut,
    pub timeout: Duration,
    /// Whose limits hold beside those of the configuration.
    pub principal: Option<Principal>,
}

impl Query {
    #[expect(clippy::too_many_arguments, reason = "the target's parts, each once")]
    pub fn new(
        config: Config,
        log: Arc<dyn EventLog>,
        store: Arc<dyn HotStore>,
        archive: Arc<Archive>,
        index: Arc<SeriesIndex>,
        tail: Arc<Tail>,
        held: Arc<HeldHours>,
        hours: Arc<HourCache>,
        metrics: Arc<Metrics>,
        stopping: CancellationToken,
    ) -> Self {
        let places = Arc::new(Places::new(Bounds::of_queries(&config)));
        let stream_places = Arc::new(Places::new(Bounds::of_streams(&config)));
        let started = Instant::now();
        let streams = Streams::new(&config, &metrics);
        let loaded = Budget::new(config.max_loaded_bytes, metrics.loaded_bytes.clone());
        let stream_loaded = Budget::new(config.max_stream_loaded_bytes, metrics.stream_loaded_bytes.clone());
        let unsent = Budget::new(config.max_unsent_bytes, metrics.unsent_bytes.clone());
        Self {
            config,
            log,
            store,
            archive,
            index,
            tail,
            held,
            hours,
            metrics,
            stopping,
            started,
            places,
            stream_places,
            streams,
            pipeline: crate::api::Pipeline::default(),
            loaded,
            stream_loaded,
            unsent,
            workers: cores::workers(),
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.log.now_ms()
    }

    /// Hours before this one come from the archive, if it has them.
    pub fn first_hot_hour(&self) -> u32 {
        hour_of(self.now_ms() - i64::from(self.config.hot_retention_hours) * HOUR_MS)
    }

    pub fn require_ready(&self) -> Result<(), Error> {
        if self.tail.is_caught_up() {
            Ok(())
        } else {
            Err(Error::NotReady("the index of series and the live tail are being loaded".into()))
        }
    }

    /// Evaluates an expression, waiting for a place first. Dropping the future
    /// ends the evaluation soon after.
    pub async fn run(&self, task: Task) -> Result<Evaluated, Error> {
        Ok(self.run_explained(task).await?.0)
    }

    /// Likewise, and tells what that took.
    pub async fn run_explained(&self, task: Task) -> Result<(Evaluated, Explained), Error> {
        self.require_ready()?;
        let began = Instant::now();
        let after = task.timeout.min(self.config.timeout());
        let (tenant, expr, principal) = (task.tenant.clone(), task.expr.clone(), task.principal.clone());
        let own = Own::of(principal.as_ref(), &self.config, after);
        let after = own.timeout_or(after);
        let max_samples = own.samples.map_or(self.config.max_samples, |(samples, _)| samples);
        let answer = tokio::time::timeout(after, self.run_within(task, max_samples, began + after)).await;
        let took = began.elapsed();
        self.metrics.duration_seconds.observe(took.as_secs_f64());
        if self.config.slow_query_ms > 0 && took >= Duration::from_millis(self.config.slow_query_ms) {
            let mut query = expr.to_string();
            query.truncate(query.floor_char_boundary(LOGGED_QUERY_BYTES));
            self.metrics.slow.inc();
            tracing::warn!(%tenant, query, took_ms = took.as_millis() as u64, "a slow query");
        }
        answer.unwrap_or(Err(Error::Timeout { after })).map_err(|error| match error {
            Error::Evaluation(EvalError::Timeout) => own.of_error(Error::Timeout { after }),
            other => own.of_error(other),
        })
    }

    /// Waits for what a request looks up, as long as configuration, token and
    /// tenant let it.
    pub async fn look_up<T>(
        &self,
        principal: Option<&Principal>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let after = self.config.timeout();
        let own = Own::of(principal, &self.config, after);
        let after = own.timeout_or(after);
        let found = tokio::time::timeout(after, work).await;
        found.unwrap_or(Err(Error::Timeout { after })).map_err(|error| own.of_error(error))
    }

    async fn run_within(
        &self,
        task: Task,
        max_samples: u64,
        deadline: Instant,
    ) -> Result<(Evaluated, Explained), Error> {
        let began = Instant::now();
        let (places, gauge, memory, max_windows) = match task.purpose {
            Purpose::Query => (&self.places, &self.metrics.running, &self.loaded, self.config.max_windows),
            Purpose::StreamStep => (
                &self.stream_places,
                &self.metrics.stream_running,
                &self.stream_loaded,
                self.config.max_windows_of_stream_step(),
            ),
        };
        let place = places.take(&task.tenant).await?;
        let waited = began.elapsed();
        let running = Running::begin(gauge.clone());
        let began = Instant::now();
        let loader = Loader {
            store: &*self.store,
            archive: &self.archive,
            index: &self.index,
            tail: &self.tail,
            held: &self.held,
            hours: &self.hours,
            workers: &self.workers,
            partitions: self.log.partitions(Topic::MetricsRaw),
            now_ms: self.now_ms(),
            first_hot_hour: self.first_hot_hour(),
            max_series: self.config.max_series,
            max_windows,
            windows: AtomicUsize::new(0),
            memory: Mutex::new(memory.open()),
            coarsest_window_ms: AtomicI64::new(0),
            explained: Mutex::default(),
        };
        let loaded = loader.load(&task.tenant, selections(&task.expr, &task.range), task.cut).await?;
        self.metrics.loaded_windows.inc_by(loader.windows.into_inner() as u64);
        let memory = loader.memory.into_inner();
        let coarsest_window_ms = loader.coarsest_window_ms.into_inner();
        let read = Explained { waited, loaded: began.elapsed(), ..loader.explained.into_inner() };

        // The place is given back when the evaluation really ends, not when
        // its client goes away.
        let abandoned = Abandoned::default();
        let flag = abandoned.0.clone();
        let limits = Limits {
            max_series: self.config.max_series,
            max_samples,
            max_steps: self.config.max_points,
            workers: self.workers.clone(),
            expired: Arc::new(move || flag.load(Ordering::Relaxed) || Instant::now() >= deadline),
            ..Limits::default()
        };
        let Task { expr, range, .. } = task;
        let is_light = loaded.is_light(&expr, &range);
        let evaluate = move || {
            let _held = (place, running, memory);
            let began = Instant::now();
            let evaluated = evaluate(&expr, &range, &loaded, &limits)?;
            let (series, samples) = loaded.size();
            Ok((evaluated, Explained { series, samples, evaluated: began.elapsed(), ..read }))
        };
        let (mut evaluated, explained) =
            if is_light { on_the_spot(evaluate)? } else { in_background(evaluate).await? };
        if coarsest_window_ms > WINDOW_MS {
            let length = if coarsest_window_ms >= HOUR_MS { "1h" } else { "1m" };
            let text = format!("of a part of the range only windows of {length} are kept: approximate below that");
            evaluated.infos.push(text);
        }
        if self.index.is_full() {
            evaluated.warnings.push("the series index is full: series may be missing".into());
        }
        Ok((evaluated, explained))
    }
}

/// Limits of a token or tenant that are below the others and so hold.
struct Own<'a> {
    samples: Option<(u64, &'a Account)>,
    /// In milliseconds.
    timeout: Option<(u64, &'a Account)>,
}

impl<'a> Own<'a> {
    fn of(principal: Option<&'a Principal>, config: &Config, timeout: Duration) -> Self {
        let least = |limit: fn(&TenantLimits) -> Option<u64>, below: u128| {
            let (limit, account) = principal?.least(limit)?;
            (u128::from(limit) < below).then_some((limit, &**account))
        };
        Self {
            samples: least(|limits| limits.samples_per_query, config.max_samples.into()),
            timeout: least(|limits| limits.query_timeout_ms, timeout.as_millis()),
        }
    }

    fn timeout_or(&self, longest: Duration) -> Duration {
        self.timeout.map_or(longest, |(own_ms, _)| Duration::from_millis(own_ms))
    }

    /// Names and counts the limit, where an evaluation ended by one of these.
    fn of_error(&self, error: Error) -> Error {
        match (error, self.samples, self.timeout) {
            (Error::Evaluation(EvalError::TooManySamples { .. }), Some((limit, account)), _) => {
                Error::TooLarge(account.over("samples_per_query", limit, None))
            }
            (Error::Timeout { .. }, _, Some((limit, account))) => {
                Error::TooSlow(account.over("query_timeout_ms", limit, None))
            }
            (other, ..) => other,
        }
    }
}

/// Set when the one who waits for the answer is gone.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Running(Gauge);

impl Running {
    fn begin(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}
