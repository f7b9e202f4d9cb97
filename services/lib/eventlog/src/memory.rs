//! A log in memory, for tests and simulation: its clock can be set, its start
//! cut off, and it can be made to fail.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Appended, Bounds, ClockFn, EventLog, Fetched, LogError, Record, Topic, wall_clock};

/// Largest record that is taken.
pub const MAX_RECORD_BYTES: usize = 32 * 1024 * 1024;

/// Loses everything when it is dropped.
pub struct MemoryLog {
    clock: ClockFn,
    partitions: u16,
    state: Mutex<State>,
    /// Rises with every append and every change of the state; wakes readers.
    changes: watch::Sender<u64>,
    assigned: HashMap<Topic, watch::Sender<Vec<u16>>>,
}

struct State {
    topics: HashMap<Topic, TopicState>,
    committed: HashMap<(Topic, String, u16), u64>,
    failure: Option<LogError>,
    /// Partitions that take no records.
    unready: HashSet<(Topic, u16)>,
}

struct TopicState {
    epoch: u64,
    partitions: Vec<PartitionState>,
}

#[derive(Default)]
struct PartitionState {
    start: u64,
    records: VecDeque<Record>,
}

impl PartitionState {
    fn bounds(&self) -> Bounds {
        Bounds { start: self.start, end: self.start + self.records.len() as u64 }
    }

    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let bounds = self.bounds();
        if from < bounds.start || from > bounds.end {
            return Err(LogError::OutOfRange { from, bounds });
        }
        let mut size_bytes = 0;
        let later = self.records.iter().skip((from - bounds.start) as usize);
        let fitting = later.take_while(|record| {
            let first = size_bytes == 0;
            size_bytes += record.payload.len().max(1);
            first || size_bytes <= max_bytes
        });
        Ok(fitting.cloned().collect())
    }
}

impl MemoryLog {
    /// Both topics with `partitions` partitions, stamped by the wall clock.
    pub fn new(partitions: u16) -> Self {
        Self::with_clock(partitions, wall_clock())
    }

    pub fn with_clock(partitions: u16, clock: ClockFn) -> Self {
        let all: Vec<u16> = (0..partitions).collect();
        let state = State {
            topics: Topic::ALL.iter().zip(1..).map(|(topic, epoch)| (*topic, empty_topic(epoch, partitions))).collect(),
            committed: HashMap::new(),
            failure: None,
            unready: HashSet::new(),
        };
        Self {
            clock,
            partitions,
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            assigned: Topic::ALL.iter().map(|topic| (*topic, watch::Sender::new(all.clone()))).collect(),
        }
    }

    /// From now on every call fails with `failure`; `None` ends that.
    pub fn fail_with(&self, failure: Option<LogError>) {
        self.state.lock().failure = failure;
        self.wake();
    }

    /// From now on the partition takes no records, as one without a leader.
    pub fn lose_leader(&self, topic: Topic, partition: u16) {
        self.state.lock().unready.insert((topic, partition));
    }

    /// Drops the records before `start`, as retention does.
    pub fn truncate_start(&self, topic: Topic, partition: u16, start: u64) {
        if let Ok(partition) = self.state.lock().partition(topic, partition) {
            while partition.start < start && partition.records.pop_front().is_some() {
                partition.start += 1;
            }
        }
    }

    /// Drops the topic and makes it anew: no records, offsets from 0, another
    /// epoch.
    pub fn recreate(&self, topic: Topic) {
        let mut state = self.state.lock();
        let epoch = state.topics.values().map(|t| t.epoch).max().unwrap_or(0) + 1;
        state.topics.insert(topic, empty_topic(epoch, self.partitions));
        state.committed.retain(|(committed, _, _), _| *committed != topic);
        drop(state);
        self.wake();
    }

    /// Sets which partitions consumers of `topic` have.
    pub fn assign(&self, topic: Topic, partitions: Vec<u16>) {
        if let Some(assigned) = self.assigned.get(&topic) {
            assigned.send_replace(partitions);
        }
    }

    fn wake(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

fn empty_topic(epoch: u64, partitions: u16) -> TopicState {
    TopicState { epoch, partitions: (0..partitions).map(|_| PartitionState::default()).collect() }
}

impl State {
    fn available(&self) -> Result<(), LogError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn has_leader(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        if self.unready.contains(&(topic, partition)) {
            return Err(LogError::Unavailable(format!("{} {partition} has no leader", topic.name())));
        }
        Ok(())
    }

    fn partition(&mut self, topic: Topic, partition: u16) -> Result<&mut PartitionState, LogError> {
        let found = self.topics.get_mut(&topic).and_then(|t| t.partitions.get_mut(usize::from(partition)));
        found.ok_or(LogError::UnknownPartition { topic: topic.name(), partition })
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn epoch(&self, topic: Topic) -> u64 {
        self.state.lock().topics.get(&topic).map_or(0, |t| t.epoch)
    }

    fn partitions(&self, _topic: Topic) -> u16 {
        self.partitions
    }

    fn takes_records(&self, topic: Topic, partition: u16) -> Result<(), LogError> {
        self.state.lock().has_leader(topic, partition)
    }

    async fn append(&self, topic: Topic, records: Vec<(u16, Bytes)>) -> Result<Vec<Appended>, LogError> {
        let mut state = self.state.lock();
        state.available()?;
        for (partition, payload) in &records {
            state.partition(topic, *partition)?;
            state.has_leader(topic, *partition)?;
            if payload.len() > MAX_RECORD_BYTES {
                return Err(LogError::TooLarge { size_bytes: payload.len(), limit_bytes: MAX_RECORD_BYTES });
            }
        }
        let append_time_ms = (self.clock)();
        let mut appended = Vec::with_capacity(records.len());
        for (partition, payload) in records {
            let partition = state.partition(topic, partition)?;
            let offset = partition.bounds().end;
            partition.records.push_back(Record { offset, append_time_ms, payload });
            appended.push(Appended { offset, append_time_ms });
        }
        drop(state);
        self.wake();
        Ok(appended)
    }

    async fn fetch(
        &self,
        topic: Topic,
        partition: u16,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<Fetched, LogError> {
        let mut changes = self.changes.subscribe();
        let until = Instant::now() + max_wait;
        loop {
            changes.mark_unchanged();
            {
                let mut state = self.state.lock();
                state.available()?;
                let partition = state.partition(topic, partition)?;
                let (records, bounds) = (partition.read(from, max_bytes)?, partition.bounds());
                if !records.is_empty() || Instant::now() >= until {
                    return Ok(Fetched { records, bounds });
                }
            }
            // Whether woken or timed out, the loop looks again.
            let _ = tokio::time::timeout_at(until, changes.changed()).await;
        }
    }

    async fn bounds(&self, topic: Topic, partition: u16) -> Result<Bounds, LogError> {
        let mut state = self.state.lock();
        state.available()?;
        Ok(state.partition(topic, partition)?.bounds())
    }

    fn assignment(&self, topic: Topic, _group: &str) -> watch::Receiver<Vec<u16>> {
        match self.assigned.get(&topic) {
            Some(assigned) => assigned.subscribe(),
            None => watch::channel(Vec::new()).1,
        }
    }

    async fn committed(&self, topic: Topic, group: &str, partition: u16) -> Result<Option<u64>, LogError> {
        let state = self.state.lock();
        state.available()?;
        Ok(state.committed.get(&(topic, group.to_owned(), partition)).copied())
    }

    async fn commit(&self, topic: Topic, group: &str, partition: u16, offset: u64) -> Result<(), LogError> {
        let mut state = self.state.lock();
        state.available()?;
        state.partition(topic, partition)?;
        state.committed.insert((topic, group.to_owned(), partition), offset);
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        (self.clock)()
    }
}

#[cfg(test)]
mod tests;
