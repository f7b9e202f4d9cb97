//! Requests: prepared once, idempotent all of them, a bounded number under
//! way, tried again for a while.

mod failure;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use prometheus_client::metrics::histogram::Histogram;
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use tidegate_hotstore::StoreError;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::Config;
use crate::error::OpenError;
use crate::metrics::Metrics;

use failure::{backoff, may_pass};

/// Milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Rows of one answer; more are fetched in pages.
const PAGE_ROWS: i32 = 2_000;

pub(crate) struct Database {
    pub session: Session,
    keyspace: String,
    /// Of writes and of reads, so that neither waits for the other.
    writes: Semaphore,
    reads: Semaphore,
    retry_for: Duration,
    clock: Clock,
    last_stamp: AtomicI64,
    pub write_concurrency: usize,
    pub read_concurrency: usize,
    pub metrics: Metrics,
}

/// The statement with its table's keyspace: Cassandra warns of prepared ones
/// that depend on what the session uses.
fn with_keyspace(text: &str, keyspace: &str) -> String {
    let after = |keyword: &str| {
        let (before, table) = text.split_once(keyword)?;
        Some(format!("{before}{keyword}{keyspace}.{table}"))
    };
    after("INTO ").or_else(|| after("FROM ")).unwrap_or_else(|| text.to_owned())
}

impl Database {
    pub fn new(session: Session, config: &Config, metrics: Metrics, clock: Clock) -> Self {
        let Config { write_concurrency, read_concurrency, .. } = *config;
        let (writes, reads) = (Semaphore::new(write_concurrency), Semaphore::new(read_concurrency));
        let retry_for = Duration::from_millis(config.retry_for_ms);
        let last_stamp = AtomicI64::new(i64::MIN);
        let keyspace = config.keyspace.clone();
        Self {
            session,
            keyspace,
            writes,
            reads,
            retry_for,
            clock,
            last_stamp,
            write_concurrency,
            read_concurrency,
            metrics,
        }
    }

    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// A timestamp for what the latest write decides: this process's clock in
    /// microseconds, never the same twice.
    pub fn stamp(&self) -> i64 {
        let now = self.now_ms().saturating_mul(1_000);
        let next = |last: i64| now.max(last.saturating_add(1));
        let last = self.last_stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        next(last.unwrap_or(now))
    }

    /// `text` names its table alone.
    pub async fn prepare(&self, text: &str) -> Result<PreparedStatement, OpenError> {
        let mut statement = self.session.prepare(with_keyspace(text, &self.keyspace)).await.map_err(Box::new)?;
        statement.set_is_idempotent(true);
        statement.set_page_size(PAGE_ROWS);
        Ok(statement)
    }

    pub async fn execute(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<(), StoreError> {
        self.persist_write(|| self.session.execute_unpaged(statement, &values)).await.map(drop)
    }

    /// As [`Database::persist`], among the writes.
    pub async fn persist_write<T, F: Future<Output = Result<T, ExecutionError>>>(
        &self,
        request: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        self.persist(&self.writes, &self.metrics.write_seconds, request).await
    }

    /// All rows, fetched in pages.
    pub async fn rows<R>(&self, statement: &PreparedStatement, values: impl SerializeRow) -> Result<Vec<R>, StoreError>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let (mut found, mut state) = (Vec::new(), PagingState::start());
        loop {
            let request = || self.session.execute_single_page(statement, &values, state.clone());
            let (answer, next): (QueryResult, _) =
                self.persist(&self.reads, &self.metrics.read_seconds, request).await?;
            let page = answer.into_rows_result().map_err(corrupt)?;
            found.reserve(page.rows_num());
            for row in page.rows::<R>().map_err(corrupt)? {
                found.push(row.map_err(corrupt)?);
            }
            match next {
                PagingStateResponse::HasMorePages { state: next } => state = next,
                PagingStateResponse::NoMorePages => return Ok(found),
            }
        }
    }

    /// Makes the request until it succeeds, fails for good, or the time for
    /// retries is over.
    async fn persist<T, F: Future<Output = Result<T, ExecutionError>>>(
        &self,
        turns: &Semaphore,
        took: &Histogram,
        mut request: impl FnMut() -> F,
    ) -> Result<T, StoreError> {
        let give_up_at = Instant::now() + self.retry_for;
        for attempt in 0.. {
            let turn = turns.acquire().await;
            let left = Instant::now();
            let answer = request().await;
            took.observe(left.elapsed().as_secs_f64());
            let failure = match answer {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // Whoever waits to try again holds nobody up.
            drop(turn);
            let wait = backoff(attempt, rand::random());
            if !may_pass(&failure) {
                self.metrics.given_up.inc();
                return Err(StoreError::Corrupt(format!("Cassandra refuses a request: {failure}")));
            }
            if Instant::now() + wait >= give_up_at {
                self.metrics.given_up.inc();
                return Err(StoreError::Unavailable(format!("Cassandra: {failure}")));
            }
            self.metrics.retries.inc();
            tokio::time::sleep(wait).await;
        }
        Err(StoreError::Unavailable("Cassandra".to_owned()))
    }
}

/// Runs a request for each item, `concurrency` of them at once; the results
/// in any order. Ends with the first error.
pub(crate) async fn each<'a, I: Sync, T, F>(
    items: &'a [I],
    concurrency: usize,
    request: impl Fn(&'a I) -> F,
) -> Result<Vec<T>, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut results = Vec::with_capacity(items.len());
    let mut waiting = items.iter();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < concurrency {
            let Some(item) = waiting.next() else { break };
            under_way.push(request(item));
        }
        match under_way.next().await {
            Some(result) => results.push(result?),
            None => return Ok(results),
        }
    }
}

/// What cannot be taken for what was written: a column of another type than
/// the migrations gave it, say.
pub(crate) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("Cassandra: {error}"))
}

#[cfg(test)]
mod tests;
