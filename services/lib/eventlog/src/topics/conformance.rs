//! What all [`Topics`] must do, as checks that panic where they do not. An
//! adapter's tests give a [`Harness`] and call [`run`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Message, Outgoing, ReaderOptions, Start, TopicError, TopicReader, TopicWriter, Topics, WriterOptions};

/// Makes topics for the checks.
#[async_trait]
pub trait Harness: Send + Sync {
    fn topics(&self) -> Arc<dyn Topics>;

    fn servers(&self) -> Vec<String>;

    /// A name that no other topic and no group has.
    fn unique_name(&self) -> String;

    async fn create(&self, topic: &str, partitions: usize);
}

/// For servers that are busy, and groups that settle.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// Runs every check, each on topics of its own.
pub async fn run(harness: &dyn Harness) {
    what_is_written_is_read(harness).await;
    records_of_a_key_stay_in_order(harness).await;
    a_group_goes_on_where_it_committed(harness).await;
    what_was_not_committed_comes_again(harness).await;
    groups_are_apart(harness).await;
    a_group_that_starts_at_the_end_sees_what_comes_then(harness).await;
    members_share_the_partitions(harness).await;
    several_topics_are_read_at_once(harness).await;
    a_poll_gives_no_more_than_asked_for(harness).await;
    a_poll_without_records_waits_and_gives_up(harness).await;
    a_topic_that_does_not_exist_is_an_error(harness).await;
    too_large_records_are_refused(harness).await;
}

struct Setup<'a> {
    harness: &'a dyn Harness,
    topics: Arc<dyn Topics>,
    topic: String,
    group: String,
}

impl<'a> Setup<'a> {
    async fn new(harness: &'a dyn Harness, partitions: usize) -> Self {
        let (topic, group) = (harness.unique_name(), harness.unique_name());
        harness.create(&topic, partitions).await;
        Self { harness, topics: harness.topics(), topic, group }
    }

    fn options(&self) -> ReaderOptions {
        ReaderOptions {
            servers: self.harness.servers(),
            group: self.group.clone(),
            topics: vec![self.topic.clone()],
            start: Start::Earliest,
            max_records: 500,
            properties: BTreeMap::new(),
        }
    }

    async fn reader(&self) -> Box<dyn TopicReader> {
        self.topics.reader(self.options()).await.expect("a reader")
    }

    async fn writer(&self) -> Arc<dyn TopicWriter> {
        let options = WriterOptions { servers: self.harness.servers(), properties: BTreeMap::new() };
        self.topics.writer(options).await.expect("a writer")
    }

    async fn write(&self, records: impl IntoIterator<Item = Outgoing>) {
        self.writer().await.write(&self.topic, records.into_iter().collect()).await.expect("written");
    }
}

fn keyed(key: &str, value: &str) -> Outgoing {
    let key = Some(Bytes::copy_from_slice(key.as_bytes()));
    Outgoing { key, value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn plain(value: impl ToString) -> Outgoing {
    Outgoing { key: None, value: value.to_string().into() }
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.value.as_ref().expect("a value")).into_owned()
}

fn sorted(messages: &[Message]) -> Vec<String> {
    let mut texts: Vec<String> = messages.iter().map(text).collect();
    texts.sort();
    texts
}

/// Polls until `count` records are there.
async fn read(reader: &mut Box<dyn TopicReader>, count: usize) -> Vec<Message> {
    let began = Instant::now();
    let mut messages = Vec::new();
    while messages.len() < count {
        assert!(began.elapsed() < PATIENCE, "{} of {count} records came", messages.len());
        match reader.poll(PAUSE).await {
            Ok(more) => messages.extend(more),
            Err(TopicError::Unavailable(_)) => tokio::time::sleep(PAUSE).await,
            Err(error) => panic!("poll: {error}"),
        }
    }
    messages
}

pub async fn what_is_written_is_read(harness: &dyn Harness) {
    let setup = Setup::new(harness, 3).await;
    let bytes = Bytes::from((0..=255u8).collect::<Vec<_>>());
    let records = [Outgoing { key: Some(Bytes::from_static(b"k\0\xff")), value: bytes.clone() }];
    setup.write(records).await;
    setup.write([plain("")]).await;
    let mut reader = setup.reader().await;
    let messages = read(&mut reader, 2).await;
    assert!(messages.iter().all(|message| *message.topic == *setup.topic && message.partition < 3), "{messages:?}");
    assert!(messages.iter().all(|message| message.timestamp_ms.is_some_and(|ms| ms > 0)), "{messages:?}");
    let whole = messages.iter().find(|message| message.key.is_some()).expect("the one with a key");
    assert_eq!(whole.key.as_deref(), Some(&b"k\0\xff"[..]));
    assert_eq!(whole.value, Some(bytes));
    let empty = messages.iter().find(|message| message.key.is_none()).expect("the one without a key");
    assert_eq!(empty.value, Some(Bytes::new()), "an empty value is a value");
    reader.close().await;
}

pub async fn records_of_a_key_stay_in_order(harness: &dyn Harness) {
    let setup = Setup::new(harness, 3).await;
    let keys = ["a", "b", "c", "d", "e"];
    for round in 0..4 {
        let records = (0..25).map(|n| keyed(keys[n % keys.len()], &format!("{:03}", round * 25 + n)));
        setup.write(records).await;
    }
    let mut reader = setup.reader().await;
    let messages = read(&mut reader, 100).await;
    for key in keys {
        let of_key: Vec<&Message> = messages.iter().filter(|m| m.key.as_deref() == Some(key.as_bytes())).collect();
        assert_eq!(of_key.len(), 20);
        assert!(of_key.is_sorted_by_key(|message| text(message)), "{key} is out of order");
        let partitions: BTreeSet<u32> = of_key.iter().map(|message| message.partition).collect();
        assert_eq!(partitions.len(), 1, "{key} is in one partition");
    }
    let mut places: Vec<_> = messages.iter().map(|message| (message.partition, message.offset)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 100, "each record has a place of its own");
    reader.close().await;
}

pub async fn a_group_goes_on_where_it_committed(harness: &dyn Harness) {
    let setup = Setup::new(harness, 2).await;
    setup.write((0..10).map(plain)).await;
    let mut reader = setup.reader().await;
    read(&mut reader, 10).await;
    reader.commit().await.expect("committed");
    reader.close().await;
    setup.write((10..15).map(plain)).await;
    let mut reader = setup.reader().await;
    assert_eq!(sorted(&read(&mut reader, 5).await), ["10", "11", "12", "13", "14"]);
    reader.close().await;
}

pub async fn what_was_not_committed_comes_again(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    setup.write((0..4).map(plain)).await;
    let mut reader = setup.reader().await;
    read(&mut reader, 4).await;
    reader.commit().await.expect("committed");
    setup.write((4..6).map(plain)).await;
    assert_eq!(sorted(&read(&mut reader, 2).await), ["4", "5"]);
    reader.close().await;
    let mut reader = setup.reader().await;
    assert_eq!(sorted(&read(&mut reader, 2).await), ["4", "5"]);
    reader.close().await;
}

pub async fn groups_are_apart(harness: &dyn Harness) {
    let setup = Setup::new(harness, 2).await;
    setup.write((0..5).map(plain)).await;
    let mut one = setup.reader().await;
    read(&mut one, 5).await;
    one.commit().await.expect("committed");
    let other = ReaderOptions { group: harness.unique_name(), ..setup.options() };
    let mut other = setup.topics.reader(other).await.expect("a reader");
    assert_eq!(sorted(&read(&mut other, 5).await), ["0", "1", "2", "3", "4"]);
    one.close().await;
    other.close().await;
}

pub async fn a_group_that_starts_at_the_end_sees_what_comes_then(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    setup.write((0..5).map(|n| plain(format!("old {n}")))).await;
    let mut reader = setup.topics.reader(ReaderOptions { start: Start::Latest, ..setup.options() }).await.expect("one");
    // When it has found its place is not told: written until one is seen.
    let began = Instant::now();
    let seen = loop {
        assert!(began.elapsed() < PATIENCE, "nothing was seen");
        setup.write([plain("new")]).await;
        match reader.poll(PAUSE).await {
            Ok(messages) if !messages.is_empty() => break messages,
            Ok(_) | Err(TopicError::Unavailable(_)) => {}
            Err(error) => panic!("poll: {error}"),
        }
    };
    assert!(seen.iter().all(|message| text(message) == "new"), "{seen:?}");
    reader.close().await;
}

pub async fn members_share_the_partitions(harness: &dyn Harness) {
    let setup = Setup::new(harness, 4).await;
    let mut members = [setup.reader().await, setup.reader().await];
    let mut partitions = [BTreeSet::new(), BTreeSet::new()];
    let began = Instant::now();
    // Groups take a while to settle; then each has partitions that the other has not.
    loop {
        assert!(began.elapsed() < PATIENCE, "the partitions were not shared: {partitions:?}");
        setup.write((0..40).map(plain)).await;
        let mut latest = [BTreeSet::new(), BTreeSet::new()];
        for (member, latest) in members.iter_mut().zip(&mut latest) {
            for _ in 0..3 {
                let messages = member.poll(PAUSE).await.unwrap_or_default();
                latest.extend(messages.iter().map(|message| message.partition));
                // One that was given away in the meantime is not committed by its former owner.
                member.commit().await.ok();
            }
        }
        partitions = latest;
        if partitions.iter().all(|own| !own.is_empty()) && partitions[0].is_disjoint(&partitions[1]) {
            break;
        }
    }
    let [one, mut other] = members;
    one.close().await;
    // What the one had goes to the other.
    let began = Instant::now();
    let mut left: BTreeSet<u32> = (0..4).collect();
    while !left.is_empty() {
        assert!(began.elapsed() < PATIENCE, "{left:?} were not taken over");
        setup.write((0..40).map(plain)).await;
        for message in other.poll(PAUSE).await.unwrap_or_default() {
            left.remove(&message.partition);
        }
    }
    other.close().await;
}

pub async fn several_topics_are_read_at_once(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    let second = harness.unique_name();
    harness.create(&second, 2).await;
    setup.write([plain("one")]).await;
    setup.writer().await.write(&second, vec![plain("two"), plain("three")]).await.expect("written");
    let options = ReaderOptions { topics: vec![setup.topic.clone(), second.clone()], ..setup.options() };
    let mut reader = setup.topics.reader(options).await.expect("a reader");
    let messages = read(&mut reader, 3).await;
    let mut from: Vec<(&str, String)> = messages.iter().map(|m| (&*m.topic, text(m))).collect();
    from.sort();
    let mut expected = [
        (setup.topic.as_str(), "one".to_owned()),
        (second.as_str(), "three".to_owned()),
        (second.as_str(), "two".to_owned()),
    ];
    expected.sort();
    assert_eq!(from, expected);
    reader.close().await;
}

pub async fn a_poll_gives_no_more_than_asked_for(harness: &dyn Harness) {
    let setup = Setup::new(harness, 2).await;
    setup.write((0..20).map(plain)).await;
    let mut reader = setup.topics.reader(ReaderOptions { max_records: 3, ..setup.options() }).await.expect("a reader");
    let (began, mut count) = (Instant::now(), 0);
    while count < 20 {
        assert!(began.elapsed() < PATIENCE, "{count} of 20 records came");
        let messages = reader.poll(PAUSE).await.unwrap_or_default();
        assert!(messages.len() <= 3, "{} records", messages.len());
        count += messages.len();
    }
    reader.close().await;
}

pub async fn a_poll_without_records_waits_and_gives_up(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    setup.write([plain("one")]).await;
    let mut reader = setup.reader().await;
    read(&mut reader, 1).await;
    let began = Instant::now();
    assert_eq!(reader.poll(Duration::from_millis(80)).await.expect("a poll"), []);
    assert!(began.elapsed() >= Duration::from_millis(75), "gave up after {:?}", began.elapsed());
    reader.close().await;
}

pub async fn a_topic_that_does_not_exist_is_an_error(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    let missing = harness.unique_name();
    let written = setup.writer().await.write(&missing, vec![plain("x")]).await;
    assert!(matches!(written, Err(TopicError::Unavailable(_) | TopicError::Refused(_))), "{written:?}");
    let mut reader =
        setup.topics.reader(ReaderOptions { topics: vec![missing], ..setup.options() }).await.expect("a reader");
    let began = Instant::now();
    while reader.poll(PAUSE).await.is_ok() {
        assert!(began.elapsed() < PATIENCE, "nothing was said of the topic");
    }
    reader.close().await;
}

pub async fn too_large_records_are_refused(harness: &dyn Harness) {
    let setup = Setup::new(harness, 1).await;
    let large = Outgoing { key: None, value: Bytes::from(vec![0; 48 << 20]) };
    let written = setup.writer().await.write(&setup.topic, vec![large]).await;
    assert!(matches!(written, Err(TopicError::TooLarge { size_bytes, .. }) if size_bytes == 48 << 20), "{written:?}");
}
