//! Topics in memory, for tests: they can be made to fail.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Message, Outgoing, ReaderOptions, Start, TopicError, TopicReader, TopicWriter, Topics, WriterOptions};
use crate::{ClockFn, wall_clock};

/// Largest value that is taken.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Clones share their topics. Readers of one group share the partitions by
/// their number.
#[derive(Clone)]
pub struct MemoryTopics {
    shared: Arc<Shared>,
}

struct Shared {
    clock: ClockFn,
    state: Mutex<State>,
    /// Rises with every change; wakes readers.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// Records of each partition, by the topic's name.
    topics: BTreeMap<String, Vec<Vec<Message>>>,
    committed: HashMap<(String, Place), u64>,
    /// Members of each group, in the order in which they joined.
    groups: HashMap<String, Vec<u64>>,
    next_member: u64,
    next_partition: usize,
    failure: Option<TopicError>,
}

type Place = (Arc<str>, u32);

impl Default for MemoryTopics {
    fn default() -> Self {
        Self::with_clock(wall_clock())
    }
}

impl MemoryTopics {
    /// No topics, stamped by `clock`.
    pub fn with_clock(clock: ClockFn) -> Self {
        let shared = Shared { clock, state: Mutex::default(), changes: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Makes a topic, or one anew.
    pub fn create(&self, topic: &str, partitions: usize) {
        self.shared.state.lock().topics.insert(topic.to_owned(), vec![Vec::new(); partitions]);
        self.wake();
    }

    /// From now on every call fails with `failure`; `None` ends that.
    pub fn fail_with(&self, failure: Option<TopicError>) {
        self.shared.state.lock().failure = failure;
        self.wake();
    }

    /// All records of a topic, partition by partition.
    pub fn records(&self, topic: &str) -> Vec<Message> {
        self.shared.state.lock().topics.get(topic).into_iter().flatten().flatten().cloned().collect()
    }

    /// Where `group` goes on in each partition that it has committed.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<u32, u64> {
        let state = self.shared.state.lock();
        let of_group = state.committed.iter().filter(|((by, (name, _)), _)| by == group && &**name == topic);
        of_group.map(|((_, (_, partition)), offset)| (*partition, *offset)).collect()
    }

    fn wake(&self) {
        self.shared.changes.send_modify(|changes| *changes += 1);
    }
}

impl State {
    fn available(&self) -> Result<(), TopicError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn partition_of(&mut self, key: Option<&Bytes>, partitions: usize) -> usize {
        match key {
            Some(key) => key.iter().fold(0usize, |hash, byte| hash.wrapping_mul(31) ^ usize::from(*byte)) % partitions,
            None => {
                self.next_partition = self.next_partition.wrapping_add(1);
                self.next_partition % partitions
            }
        }
    }

    /// Partitions that a member of a group has now.
    fn assigned(&self, group: &str, member: u64, topics: &[String]) -> Vec<Place> {
        let members = self.groups.get(group).map_or(&[][..], Vec::as_slice);
        let Some(at) = members.iter().position(|other| *other == member) else { return Vec::new() };
        let of_topic = |name: &String| {
            let partitions = self.topics.get(name).map_or(0, Vec::len);
            let name: Arc<str> = name.as_str().into();
            let own = (0..partitions).filter(move |partition| partition % members.len() == at);
            own.map(move |partition| (Arc::clone(&name), partition as u32)).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of_topic).collect()
    }
}

#[async_trait]
impl Topics for MemoryTopics {
    async fn reader(&self, options: ReaderOptions) -> Result<Box<dyn TopicReader>, TopicError> {
        if options.servers.is_empty() || options.group.is_empty() || options.max_records == 0 {
            return Err(TopicError::Refused("a reader needs servers, a group and room for a record".to_owned()));
        }
        let mut state = self.shared.state.lock();
        let member = state.next_member;
        state.next_member += 1;
        state.groups.entry(options.group.clone()).or_default().push(member);
        drop(state);
        self.wake();
        Ok(Box::new(Reader { topics: self.clone(), options, member, positions: BTreeMap::new() }))
    }

    async fn writer(&self, options: WriterOptions) -> Result<Arc<dyn TopicWriter>, TopicError> {
        if options.servers.is_empty() {
            return Err(TopicError::Refused("a writer needs servers".to_owned()));
        }
        Ok(Arc::new(Writer { topics: self.clone() }))
    }
}

struct Writer {
    topics: MemoryTopics,
}

#[async_trait]
impl TopicWriter for Writer {
    async fn write(&self, topic: &str, records: Vec<Outgoing>) -> Result<(), TopicError> {
        let shared = &self.topics.shared;
        let mut state = shared.state.lock();
        state.available()?;
        if let Some(large) = records.iter().find(|record| record.value.len() > MAX_VALUE_BYTES) {
            return Err(TopicError::TooLarge { topic: topic.to_owned(), size_bytes: large.value.len() });
        }
        let name: Arc<str> = topic.into();
        let partitions = state.topics.get(topic).map_or(0, Vec::len);
        if partitions == 0 {
            return Err(TopicError::Unavailable(format!("topic {topic} does not exist")));
        }
        for record in records {
            let partition = state.partition_of(record.key.as_ref(), partitions);
            if let Some(messages) = state.topics.get_mut(topic).and_then(|all| all.get_mut(partition)) {
                messages.push(Message {
                    topic: Arc::clone(&name),
                    partition: partition as u32,
                    offset: messages.len() as u64,
                    timestamp_ms: Some((shared.clock)()),
                    key: record.key,
                    value: Some(record.value),
                });
            }
        }
        drop(state);
        self.topics.wake();
        Ok(())
    }
}

struct Reader {
    topics: MemoryTopics,
    options: ReaderOptions,
    member: u64,
    /// What comes next in each partition that is ours.
    positions: BTreeMap<Place, u64>,
}

impl Reader {
    fn take(&mut self) -> Result<Vec<Message>, TopicError> {
        let state = self.topics.shared.state.lock();
        state.available()?;
        let options = &self.options;
        if let Some(missing) = options.topics.iter().find(|name| !state.topics.contains_key(*name)) {
            return Err(TopicError::Unavailable(format!("topic {missing} does not exist")));
        }
        let assigned = state.assigned(&options.group, self.member, &options.topics);
        self.positions.retain(|place, _| assigned.contains(place));
        let mut taken = Vec::new();
        for place in assigned {
            let Some(messages) = state.topics.get(&*place.0).and_then(|all| all.get(place.1 as usize)) else {
                continue;
            };
            let committed = state.committed.get(&(options.group.clone(), place.clone()));
            let position = match self.positions.get(&place).or(committed) {
                Some(position) => *position,
                None => match options.start {
                    Start::Earliest => 0,
                    Start::Latest => messages.len() as u64,
                    Start::Nowhere => {
                        return Err(TopicError::Refused(format!("group {} has committed nothing", options.group)));
                    }
                },
            };
            let room = options.max_records - taken.len();
            taken.extend(messages.iter().skip(position as usize).take(room).cloned());
            let end = taken.last().filter(|last| (&last.topic, last.partition) == (&place.0, place.1));
            self.positions.insert(place, end.map_or(position, |last| last.offset + 1));
        }
        Ok(taken)
    }

    fn leave(&self) {
        if let Some(members) = self.topics.shared.state.lock().groups.get_mut(&self.options.group) {
            members.retain(|member| *member != self.member);
        }
        self.topics.wake();
    }
}

#[async_trait]
impl TopicReader for Reader {
    async fn poll(&mut self, max_wait: Duration) -> Result<Vec<Message>, TopicError> {
        let until = Instant::now() + max_wait;
        let mut changes = self.topics.shared.changes.subscribe();
        loop {
            let taken = self.take()?;
            if !taken.is_empty() || Instant::now() >= until {
                return Ok(taken);
            }
            // Whether woken or timed out, the loop looks again.
            let _ = tokio::time::timeout_at(until, changes.changed()).await;
        }
    }

    async fn commit(&mut self) -> Result<(), TopicError> {
        let mut state = self.topics.shared.state.lock();
        state.available()?;
        let assigned = state.assigned(&self.options.group, self.member, &self.options.topics);
        for (place, position) in self.positions.iter().filter(|(place, _)| assigned.contains(place)) {
            state.committed.insert((self.options.group.clone(), place.clone()), *position);
        }
        Ok(())
    }

    async fn close(self: Box<Self>) {
        self.leave();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
