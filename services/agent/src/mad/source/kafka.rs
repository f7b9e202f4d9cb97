//! Messages of topics. What was handed to the pipeline is committed after each
//! poll, so a crash reads some again and loses none.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tidegate_eventlog::topics::{Message, ReaderOptions, Start, TopicReader, Topics};
use tidegate_mad::config::KafkaInput;
use tidegate_runtime::Tasks;
use tokio_util::sync::CancellationToken;

use super::{Reader, SourceMetrics, StartError};
use crate::clock::unix_ms;
use crate::mad::feed::Feed;

/// Of one message.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// What Java's consumer gives out at once unless it is told otherwise.
const MAX_POLL_RECORDS: usize = 500;

/// # Errors
/// When the consumer's configuration makes no sense.
pub async fn start(
    input: &KafkaInput,
    topics: &Arc<dyn Topics>,
    feed: Feed,
    metrics: SourceMetrics,
    tasks: &mut Tasks,
) -> Result<(), StartError> {
    let consumer = Consumer {
        topics: topics.reader(options(input)?).await?,
        reader: Reader::new(input.parser.clone(), MAX_MESSAGE_BYTES),
        feed,
        metrics,
        poll_time: input.poll_time,
        backoff_time: input.backoff_time,
        shutdown_await_time: input.shutdown_await_time,
    };
    tasks.spawn("agent-kafka", |cancel| consumer.run(cancel));
    Ok(())
}

/// What [`start`] makes of the configuration.
///
/// # Errors
/// When it makes no sense.
pub fn options(input: &KafkaInput) -> Result<ReaderOptions, StartError> {
    let get = |name: &'static str| input.configs.get(name).filter(|value| !value.is_empty());
    let servers = get("bootstrap.servers").ok_or(StartError::Consumer("bootstrap.servers"))?;
    let start = match get("auto.offset.reset") {
        Some("earliest") => Start::Earliest,
        Some("none") => Start::Nowhere,
        _ => Start::Latest,
    };
    let at_once = get("max.poll.records").and_then(|value| value.parse().ok()).unwrap_or(MAX_POLL_RECORDS);
    let is_ours = |name: &str| matches!(name, "bootstrap.servers" | "group.id" | "auto.offset.reset");
    let others = input.configs.iter().filter(|(name, _)| !is_ours(name));
    Ok(ReaderOptions {
        servers: servers.split(',').map(|server| server.trim().to_owned()).collect(),
        group: get("group.id").ok_or(StartError::Consumer("group.id"))?.to_owned(),
        topics: input.topics.clone(),
        start,
        max_records: at_once.clamp(1, input.buffer_size.max(1) as usize),
        properties: others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>(),
    })
}

struct Consumer {
    topics: Box<dyn TopicReader>,
    reader: Reader,
    feed: Feed,
    metrics: SourceMetrics,
    poll_time: Duration,
    backoff_time: Duration,
    shutdown_await_time: Duration,
}

impl Consumer {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        loop {
            let polled = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                polled = self.topics.poll(self.poll_time) => polled,
            };
            let done = match polled {
                Ok(messages) if messages.is_empty() => continue,
                Ok(messages) => {
                    let records = self.read(messages);
                    // One that has ended has taken nothing: the next one reads it again.
                    if self.feed.send(records).await.is_err() {
                        break;
                    }
                    self.topics.commit().await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.metrics.failures.inc();
                tracing::warn!(source = self.metrics.name(), %error, "reading topics failed, will be tried again");
                tokio::select! {
                    () = cancel.cancelled() => break,
                    () = tokio::time::sleep(self.backoff_time) => {}
                }
            }
        }
        if tokio::time::timeout(self.shutdown_await_time, self.topics.close()).await.is_err() {
            tracing::warn!(source = self.metrics.name(), "the group was not left in time");
        }
        Ok(())
    }

    /// Messages that are wrong are passed over, as are those without a value.
    fn read(&mut self, messages: Vec<Message>) -> Vec<tidegate_mad::Record> {
        let now_ms = unix_ms();
        let mut records = Vec::with_capacity(messages.len());
        for value in messages.into_iter().filter_map(|message| message.value) {
            self.metrics.received.inc();
            if let Err(error) = self.reader.read(&value, [], now_ms, &mut records) {
                self.metrics.refuse(&error);
            }
        }
        records
    }
}

#[cfg(test)]
mod tests;
