//! The topic under a fleet, touched from outside as an operator or an accident would: other bytes in it, records deleted
//! before they are read, the topic made anew or with other partitions.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;
use tidegate_codec::stored::Record;
use tidegate_model::Value;

use crate::tally::{Cell, Tally};

const TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);

pub struct Topic {
    name: String,
    client: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
}

impl Topic {
    pub fn connect(brokers: &[String], name: &str) -> anyhow::Result<Self> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", brokers.join(",")).set("allow.auto.create.topics", "false");
        let admin = client.create().context("connecting to Kafka")?;
        Ok(Self { name: name.to_owned(), client, admin })
    }

    pub async fn append(&self, partition: i32, bytes: &[u8]) -> anyhow::Result<()> {
        let producer: FutureProducer = self.client.create()?;
        let record = FutureRecord::<(), _>::to(&self.name).partition(partition).payload(bytes);
        producer.send(record, TIMEOUT).await.map_err(|(error, _)| error).context("appending a record")?;
        Ok(())
    }

    /// Offsets of the first record that is there and of the next one to come.
    pub fn bounds(&self, partition: i32) -> anyhow::Result<(i64, i64)> {
        Ok(self.admin.inner().fetch_watermarks(&self.name, partition, TIMEOUT)?)
    }

    /// Deletes each partition's records before an offset, as retention does.
    pub async fn delete_before(&self, offsets: &[(i32, i64)]) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(&self.name, *partition, Offset::Offset(*offset))?;
        }
        let deleted = self.admin.delete_records(&list, &options()).await?;
        deleted.elements().iter().try_for_each(|element| element.error()).context("deleting records")
    }

    /// The clients' samples in the records of a partition from an offset to before another one. This is read by the
    /// product's own decoder: it tells what may be missing, not what is there.
    pub fn samples(&self, partition: i32, from: i64, to: i64) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        if from >= to {
            return Ok(tally);
        }
        let consumer: BaseConsumer =
            self.client.clone().set("group.id", "chaos").set("enable.auto.commit", "false").create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(from))?;
        consumer.assign(&list)?;
        loop {
            let message = consumer.poll(TIMEOUT).context("records do not come")??;
            if message.offset() < to {
                add(&mut tally, message.payload().unwrap_or_default())?;
            }
            if message.offset() + 1 >= to {
                return Ok(tally);
            }
        }
    }

    pub async fn add_partitions(&self, count: u16) -> anyhow::Result<()> {
        let more = NewPartitions::new(&self.name, count.into());
        let results = self.admin.create_partitions([&more], &options()).await?;
        self.check(results)
    }

    /// Deletes the topic and makes it under the same name, with the same settings and so many partitions.
    pub async fn make_anew(&self, partitions: u16, replication: u16) -> anyhow::Result<()> {
        let resource = ResourceSpecifier::Topic(&self.name);
        let mut described = self.admin.describe_configs([&resource], &options()).await?;
        let described = described.pop().context("no answer")?.map_err(|code| anyhow::anyhow!("{code}"))?;
        let of_it = described.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let settings: Vec<(&str, &str)> =
            of_it.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?))).collect();
        self.check(self.admin.delete_topics(&[&self.name], &options()).await?)?;
        let new = NewTopic::new(&self.name, partitions.into(), TopicReplication::Fixed(replication.into()));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        // The name is free when the brokers have let go of it.
        for _ in 0..100 {
            let mut results = self.admin.create_topics([&new], &options()).await?;
            match results.pop() {
                Some(Ok(_)) => return Ok(()),
                Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => tokio::time::sleep(PAUSE).await,
                Some(Err((name, code))) => bail!("making {name}: {code}"),
                None => bail!("no answer"),
            }
        }
        bail!("{} is still there", self.name)
    }

    fn check(&self, results: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> anyhow::Result<()> {
        ensure!(!results.is_empty(), "no answer about {}", self.name);
        results
            .into_iter()
            .try_for_each(|result| result.map(|_| ()).map_err(|(name, code)| anyhow::anyhow!("{name}: {code}")))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

fn add(tally: &mut Tally, payload: &[u8]) -> anyhow::Result<()> {
    for part in Record::parse(payload)?.parts() {
        let part = part?;
        for series in part.series() {
            let series = series?;
            let labels = series.labels()?;
            let Some((_, id)) = labels.iter().find(|(name, _)| *name == "id") else { continue };
            for sample in series.samples() {
                if let (time_ms, Value::Float(value)) = sample? {
                    tally.add(id, time_ms, Cell { samples: 1, sum: value as i64 });
                }
            }
        }
    }
    Ok(())
}
