//! The thread that writes: whatever waits is written together, with one fsync.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_eventlog::{Appended, LogError, Record};
use tokio::sync::oneshot;

use super::files::{Files, NewRecord};
use super::partition::Partition;
use super::{Shared, closed};
use crate::engine::EngineError;

/// Bytes after which no further appends join a group.
const GROUP_BYTES: usize = 16 << 20;

type Answer = oneshot::Sender<Result<Vec<Appended>, LogError>>;

/// An append that waits to be written.
struct Request {
    records: Vec<(u16, Bytes)>,
    caller: Caller,
}

/// Who waits for an append, and the bytes of the queue that it takes.
struct Caller {
    answer: Answer,
    place: Place,
}

impl Caller {
    /// The place is free before the answer is out: who has it may append again.
    fn answer(self, result: Result<Vec<Appended>, LogError>) {
        drop(self.place);
        // Who does not wait any more has no use for the answer.
        let _ = self.answer.send(result);
    }
}

struct Place {
    queued_bytes: Arc<AtomicUsize>,
    size_bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queued_bytes.fetch_sub(self.size_bytes, Ordering::Relaxed);
    }
}

pub(super) struct Writer {
    requests: Mutex<Option<SyncSender<Request>>>,
    queued_bytes: Arc<AtomicUsize>,
    max_queued_bytes: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub fn start(shared: Arc<Shared>) -> Result<Self, LogError> {
        let (requests, queue) = sync_channel(shared.config.queue_appends.max(1));
        let max_queued_bytes = shared.config.queue_bytes;
        let thread = std::thread::Builder::new()
            .name(format!("{}-log", shared.topic.name()))
            .spawn(move || run(&shared, &queue))
            .map_err(|error| LogError::Unavailable(format!("the log's writer: {error}")))?;
        Ok(Self {
            requests: Mutex::new(Some(requests)),
            queued_bytes: Arc::default(),
            max_queued_bytes,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues the records; never waits.
    pub fn send(&self, records: Vec<(u16, Bytes)>, answer: Answer) -> Result<(), LogError> {
        let Some(requests) = self.requests.lock().clone() else { return Err(closed()) };
        let size_bytes = records.iter().map(|(_, payload)| payload.len()).sum();
        let queued = self.queued_bytes.fetch_add(size_bytes, Ordering::Relaxed);
        let place = Place { queued_bytes: Arc::clone(&self.queued_bytes), size_bytes };
        // One append always fits, whatever its size.
        if queued > 0 && queued + size_bytes > self.max_queued_bytes {
            return Err(LogError::Overloaded);
        }
        requests.try_send(Request { records, caller: Caller { answer, place } }).map_err(|error| match error {
            TrySendError::Full(_) => LogError::Overloaded,
            TrySendError::Disconnected(_) => closed(),
        })
    }

    /// Lets the thread finish what is queued, and waits for that.
    pub fn stop(&self) {
        drop(self.requests.lock().take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

fn run(shared: &Shared, queue: &Receiver<Request>) {
    let mut ends = Ends::Known;
    while let Ok(first) = queue.recv() {
        let mut size_bytes = first.caller.place.size_bytes;
        let mut group = vec![first];
        while size_bytes < GROUP_BYTES
            && let Ok(next) = queue.try_recv()
        {
            size_bytes += next.caller.place.size_bytes;
            group.push(next);
        }
        ends = write(shared, group, ends);
    }
}

/// Whether the partitions' ends in memory are those of the files. Records of a
/// failed append may be in the files nevertheless; then their offsets are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Known,
    Uncertain,
}

/// Where each append's records are in a group's.
struct Pending {
    caller: Caller,
    records: std::ops::Range<usize>,
}

fn write(shared: &Shared, group: Vec<Request>, ends: Ends) -> Ends {
    if ends == Ends::Uncertain
        && let Err(error) = reread_ends(shared)
    {
        let error = LogError::from(error);
        for request in group {
            request.caller.answer(Err(error.clone()));
        }
        return Ends::Uncertain;
    }
    let append_time_ms = (shared.clock)();
    let mut ends: HashMap<u16, u64> = HashMap::new();
    let mut records: Vec<NewRecord> = Vec::new();
    let mut pending = Vec::with_capacity(group.len());
    for Request { records: appended, caller } in group {
        let first = records.len();
        for (partition, payload) in appended {
            let Ok(state) = shared.partition(partition) else { continue };
            let end = ends.entry(partition).or_insert_with(|| state.bounds().end);
            let record = Record { offset: *end, append_time_ms, payload };
            *end += 1;
            records.push(NewRecord { partition, record });
        }
        pending.push(Pending { caller, records: first..records.len() });
    }
    match shared.engine.write(|files| files.append(records.iter())) {
        Ok(()) => {
            let answers: Vec<Vec<Appended>> = pending
                .iter()
                .map(|pending| {
                    let records = records[pending.records.clone()].iter();
                    records.map(|new| Appended { offset: new.record.offset, append_time_ms }).collect()
                })
                .collect();
            // A client waits for its answer, nobody for what readers do: they begin after it.
            let grown = publish(shared, records);
            for (pending, appended) in pending.into_iter().zip(answers) {
                pending.caller.answer(Ok(appended));
            }
            grown.into_iter().for_each(Partition::wake);
            Ends::Known
        }
        Err(error) => {
            let error = LogError::from(error);
            tracing::error!(%error, records = records.len(), "an append failed");
            for pending in pending {
                pending.caller.answer(Err(error.clone()));
            }
            Ends::Uncertain
        }
    }
}

/// Gives the partitions whose readers are to be woken.
fn publish(shared: &Shared, records: Vec<NewRecord>) -> Vec<&Partition> {
    let mut by_partition: HashMap<u16, Vec<Record>> = HashMap::new();
    for new in records {
        by_partition.entry(new.partition).or_default().push(new.record);
    }
    let mut grown = Vec::with_capacity(by_partition.len());
    for (partition, records) in by_partition {
        if let Ok(state) = shared.partition(partition) {
            state.extend(records);
            grown.push(state);
        }
    }
    grown
}

/// As a write, so that the files are opened again where that is due.
fn reread_ends(shared: &Shared) -> Result<(), EngineError> {
    let bounds = shared.engine.write(Files::bounds)?;
    for (partition, bounds) in shared.partitions.iter().zip(bounds) {
        partition.reset_end(bounds.end);
    }
    Ok(())
}
