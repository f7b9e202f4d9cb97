use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryTopics;
use crate::topics::conformance::{self, Harness};
use crate::topics::{Outgoing, ReaderOptions, Start, TopicError, Topics, WriterOptions};

#[derive(Default)]
struct Memory {
    topics: MemoryTopics,
    names: AtomicU32,
}

#[async_trait]
impl Harness for Memory {
    fn topics(&self) -> Arc<dyn Topics> {
        Arc::new(self.topics.clone())
    }

    fn servers(&self) -> Vec<String> {
        vec!["memory".to_owned()]
    }

    fn unique_name(&self) -> String {
        format!("n{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    async fn create(&self, topic: &str, partitions: usize) {
        self.topics.create(topic, partitions);
    }
}

fn options(group: &str) -> ReaderOptions {
    ReaderOptions {
        servers: vec!["memory".to_owned()],
        group: group.to_owned(),
        topics: vec!["t".to_owned()],
        start: Start::Earliest,
        max_records: 10,
        properties: BTreeMap::new(),
    }
}

#[tokio::test]
async fn memory_has_topics() {
    conformance::run(&Memory::default()).await;
}

#[tokio::test]
async fn every_call_fails_until_it_does_no_more() {
    let topics = MemoryTopics::default();
    topics.create("t", 1);
    let writer = WriterOptions { servers: vec!["memory".to_owned()], properties: BTreeMap::new() };
    let writer = topics.writer(writer).await.expect("a writer");
    let mut reader = topics.reader(options("g")).await.expect("a reader");
    let one = || vec![Outgoing { key: None, value: Bytes::from_static(b"x") }];
    topics.fail_with(Some(TopicError::Overloaded));
    assert!(matches!(writer.write("t", one()).await, Err(TopicError::Overloaded)));
    assert!(matches!(reader.poll(Duration::ZERO).await, Err(TopicError::Overloaded)));
    assert!(matches!(reader.commit().await, Err(TopicError::Overloaded)));
    topics.fail_with(None);
    writer.write("t", one()).await.expect("written");
    assert_eq!(reader.poll(Duration::ZERO).await.expect("read").len(), 1);
    assert_eq!(topics.committed("g", "t"), BTreeMap::new());
    reader.commit().await.expect("committed");
    assert_eq!(topics.committed("g", "t"), BTreeMap::from([(0, 1)]));
}

#[tokio::test]
async fn a_group_without_a_beginning_is_refused() {
    let topics = MemoryTopics::default();
    topics.create("t", 1);
    let mut reader = topics.reader(ReaderOptions { start: Start::Nowhere, ..options("g") }).await.expect("a reader");
    assert!(matches!(reader.poll(Duration::ZERO).await, Err(TopicError::Refused(_))));
}
