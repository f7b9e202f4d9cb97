//! The thread that writes rows and series: what comes at the same moment is
//! written together.
//!
//! Many rows of a day become a sorted table at once, past journal and memory;
//! few go through the journal, lest every flush leave a small file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidegate_model::{Row, SeriesRow};
use tokio::sync::oneshot;

use super::files::{Durability, Files};
use super::rows::{Key, day_of_key, key_of, write_value};
use super::{StoreConfig, closed, series};
use crate::engine::{Engine, EngineError};

/// Requests that wait; callers wait too when it is full.
const QUEUE_REQUESTS: usize = 64;
/// Pause of a caller that found the queue full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

pub(super) type Answer = oneshot::Sender<Result<(), EngineError>>;

pub(super) enum Request {
    Rows(Vec<Row>, Answer),
    Series(Vec<SeriesRow>, Answer),
    /// Drops rows and series of the days before. Here, so that no write is
    /// under way into what is dropped.
    Expire(u32, Answer),
}

pub(super) struct Writer {
    requests: Mutex<Option<SyncSender<Request>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How a group is gathered and written.
#[derive(Clone, Copy)]
struct Gathering {
    quiet: Duration,
    max_wait: Duration,
    max_rows: usize,
    ingest_rows: usize,
}

impl Writer {
    pub fn start(engine: Arc<Engine<Files>>, config: &StoreConfig) -> Result<Self, EngineError> {
        let (requests, queue) = sync_channel(QUEUE_REQUESTS);
        let gathering = Gathering {
            quiet: Duration::from_millis(config.gather_ms),
            max_wait: Duration::from_millis(config.gather_max_ms),
            max_rows: config.gather_rows,
            ingest_rows: config.ingest_rows,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(&engine, &queue, gathering))
            .map_err(|error| EngineError::Unavailable(format!("the store's writer: {error}")))?;
        Ok(Self { requests: Mutex::new(Some(requests)), thread: Mutex::new(Some(thread)) })
    }

    /// Queues the request; waits while the queue is full.
    pub async fn send(&self, mut request: Request) -> Result<(), EngineError> {
        loop {
            let Some(requests) = self.requests.lock().clone() else { return Err(closed()) };
            request = match requests.try_send(request) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(request)) => request,
                Err(TrySendError::Disconnected(_)) => return Err(closed()),
            };
            tokio::time::sleep(QUEUE_FULL_PAUSE).await;
        }
    }

    /// Lets the thread finish what is queued, and waits for that.
    pub fn stop(&self) {
        drop(self.requests.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    series: Vec<SeriesRow>,
    answers: Vec<Answer>,
    expire: Option<(u32, Answer)>,
}

impl Group {
    fn add(&mut self, request: Request) {
        match request {
            Request::Rows(mut rows, answer) => {
                self.rows.append(&mut rows);
                self.answers.push(answer);
            }
            Request::Series(mut rows, answer) => {
                self.series.append(&mut rows);
                self.answers.push(answer);
            }
            Request::Expire(from_day, answer) => self.expire = Some((from_day, answer)),
        }
    }

    fn is_full(&self, gathering: Gathering) -> bool {
        self.rows.len() + self.series.len() >= gathering.max_rows || self.expire.is_some()
    }
}

fn run(engine: &Engine<Files>, queue: &Receiver<Request>, gathering: Gathering) {
    while let Ok(first) = queue.recv() {
        let began = Instant::now();
        let mut wait = gathering.quiet;
        let mut group = Group::default();
        group.add(first);
        while !group.is_full(gathering) {
            match queue.recv_timeout(wait) {
                Ok(next) => {
                    group.add(next);
                    wait = gathering.quiet.min(gathering.max_wait.saturating_sub(began.elapsed()));
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        finish(engine, group, gathering);
    }
}

fn finish(engine: &Engine<Files>, group: Group, gathering: Gathering) {
    if !group.answers.is_empty() {
        let written = engine.write(|files| write(files, &group, gathering.ingest_rows));
        if let Err(error) = &written {
            tracing::error!(%error, rows = group.rows.len(), series = group.series.len(), "a write failed");
        }
        for answer in group.answers {
            // Who does not wait any more has no use for the answer.
            let _ = answer.send(written.clone());
        }
    }
    if let Some((from_day, answer)) = group.expire {
        let _ = answer.send(engine.write(|files| files.expire(from_day)));
    }
}

fn write(files: &Files, group: &Group, ingest_rows: usize) -> Result<(), EngineError> {
    let mut batch = files.batch(Durability::Synced);
    series::put(files, &mut batch, &group.series)?;
    if !group.rows.is_empty() {
        let partitions = files.partitions()?;
        let mut by_day: BTreeMap<u32, Vec<(Key, &Row)>> = BTreeMap::new();
        for row in &group.rows {
            let key = key_of(row, partitions);
            by_day.entry(day_of_key(&key)).or_default().push((key, row));
        }
        for (day, mut rows) in by_day {
            let keyspace = files.rows_of(day)?;
            if rows.len() < ingest_rows {
                for (key, row) in rows {
                    let mut value = Vec::new();
                    write_value(row, &mut value);
                    batch.insert(&keyspace, key, value);
                }
                continue;
            }
            // Flushes come as sorted runs, which this sort takes as they are.
            rows.sort_by_key(|(key, _)| *key);
            rows.dedup_by_key(|(key, _)| *key);
            let mut ingestion = keyspace.start_ingestion()?;
            let mut value = Vec::new();
            for (key, row) in rows {
                value.clear();
                write_value(row, &mut value);
                ingestion.write(key, &value[..])?;
            }
            ingestion.finish()?;
        }
    }
    Ok(batch.commit()?)
}
