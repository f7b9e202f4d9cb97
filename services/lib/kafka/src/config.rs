//! Section `eventlog.kafka` of the configuration.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use serde::{Deserialize, Serialize};
use tidegate_credentials::{Password, Secret, TlsConfig};
use tidegate_eventlog::Topic;

use crate::error::OpenError;

/// Brokers answer a fetch that finds nothing after this time. A reader that
/// moves to another offset, or begins, waits for it at most.
const FETCH_WAIT_MS: u64 = 100;
/// Makes the library look where systems keep the certificates that they trust;
/// an OpenSSL that is built in knows of no such place.
pub(crate) const SYSTEM_CA: &str = "probe";
/// What a batch has besides the payloads of its records, at most.
const FRAMING_BYTES: usize = 4_096;

/// Without `tls` and `user` brokers must be in a network that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `host:port` of some brokers; they name the others. Empty: the log is
    /// not in Kafka.
    pub brokers: Vec<String>,
    /// Before the names of topics and groups.
    pub prefix: String,
    /// What brokers call this process in their logs and quotas.
    pub client_id: String,
    pub tls: TlsConfig,
    /// Empty: no log-in.
    pub user: String,
    /// Here, or better in one of the next two.
    pub password: Secret,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The variable of the environment that holds the password.
    pub password_env: String,
    /// How `user` shows that it has the password.
    pub sasl_mechanism: SaslMechanism,
    /// Partitions of each topic. Fixed once the topics are made: other ones
    /// are refused. What the store was filled from overrules it, for all but
    /// gateways, which have no store.
    pub partitions: u16,
    /// Copies of each partition. Existing topics must have as many.
    pub replication: u16,
    /// Copies that must have a record before it is acknowledged.
    pub min_insync_replicas: u16,
    /// Age at which records of metrics-raw are dropped, read or not.
    pub raw_retention_ms: u64,
    pub rollup_retention_ms: u64,
    /// Larger records are refused.
    pub max_record_bytes: usize,
    /// Measured on records of 1,000 samples (`benches/broker.rs`): bytes and
    /// CPU of the producer a sample are 34.8 and 83 ns with none, 31.7 and
    /// 150 ns with lz4, 28.4 and 267 ns with zstd.
    pub compression: Compression,
    /// How long a record waits for others of its partition to share a batch
    /// with. The gateway gathers by itself and needs none: of 1,000 appends a
    /// second the median took 0.4 ms with 0 and 3.4 ms with 1, on a machine
    /// that was busy with other things.
    pub linger_ms: u64,
    /// From append to the brokers' acknowledgement; then the append fails.
    pub delivery_timeout_ms: u64,
    /// For brokers to answer a question: bounds, committed offsets, topics.
    pub request_timeout_ms: u64,
    /// A member of a group that is not heard of for this long loses its
    /// partitions to the others.
    pub session_timeout_ms: u64,
    /// Pause between two looks at the topics: their identity, their leaders.
    pub check_interval_ms: u64,
    /// Of a topic, each with a share of its partitions and a connection of its
    /// own to each broker. A broker takes the requests of a connection one after
    /// another, and each request has the records of one partition: a single
    /// producer's appends to many partitions of a broker wait for each other.
    pub producers: u16,
    /// Records on their way to the brokers, per topic, shared out evenly among
    /// its producers; more are refused.
    pub queue_records: usize,
    /// The same in bytes. A producer's share must hold the largest record.
    pub queue_bytes: usize,
    /// Read ahead, per partition; exceeded by one batch at most.
    pub prefetch_bytes: usize,
}

/// PLAIN sends the password itself: without TLS whoever listens has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaslMechanism {
    #[serde(rename = "plain")]
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// How batches are compressed on the wire and on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Lz4,
    Zstd,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            prefix: "tidegate-".to_owned(),
            client_id: "tidegate".to_owned(),
            tls: TlsConfig::default(),
            user: String::new(),
            password: Secret::default(),
            password_file: None,
            password_env: String::new(),
            sasl_mechanism: SaslMechanism::ScramSha512,
            partitions: 12,
            replication: 3,
            min_insync_replicas: 2,
            raw_retention_ms: 24 * 3_600_000,
            rollup_retention_ms: 15 * 60_000,
            max_record_bytes: 8 << 20,
            compression: Compression::Lz4,
            linger_ms: 0,
            delivery_timeout_ms: 20_000,
            request_timeout_ms: 5_000,
            session_timeout_ms: 10_000,
            check_interval_ms: 1_000,
            producers: 3,
            queue_records: 100_000,
            queue_bytes: 64 << 20,
            prefetch_bytes: 2 << 20,
        }
    }
}

/// As the protocol names them.
impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::None => "none",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        })
    }
}

impl Config {
    /// Refuses what cannot work, by name.
    ///
    /// # Errors
    /// [`OpenError::Config`].
    pub fn check(&self) -> Result<(), OpenError> {
        let wrong = |key, why: String| Err(OpenError::Config { key, why });
        if self.brokers.is_empty() || self.brokers.iter().any(|broker| broker.trim().is_empty()) {
            return wrong("brokers", "at least one host:port is needed, none may be empty".to_owned());
        }
        self.tls.check()?;
        self.password_source().check()?;
        if self.user.is_empty() == self.password_source().is_given() {
            return wrong("user", "user and password go together".to_owned());
        }
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.prefix.len() > 100 || !self.prefix.chars().all(is_of_name) {
            return wrong("prefix", "up to 100 letters, digits, dots, underscores and dashes".to_owned());
        }
        if self.min_insync_replicas > self.replication {
            let (insync, all) = (self.min_insync_replicas, self.replication);
            return wrong("min_insync_replicas", format!("{insync} of {all} copies cannot be in sync"));
        }
        let positive = [
            ("partitions", self.partitions.into()),
            ("replication", self.replication.into()),
            ("min_insync_replicas", self.min_insync_replicas.into()),
            ("raw_retention_ms", self.raw_retention_ms),
            ("rollup_retention_ms", self.rollup_retention_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("session_timeout_ms", self.session_timeout_ms),
            ("check_interval_ms", self.check_interval_ms),
            ("producers", self.producers.into()),
            ("queue_records", self.queue_records as u64),
            ("queue_bytes", self.queue_bytes as u64),
            ("prefetch_bytes", self.prefetch_bytes as u64),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return wrong(key, "must be more than 0".to_owned());
        }
        if self.delivery_timeout_ms <= self.linger_ms {
            return wrong("delivery_timeout_ms", "must be more than linger_ms".to_owned());
        }
        if !(1_000..=512 << 20).contains(&self.max_record_bytes) {
            return wrong("max_record_bytes", "must lie between 1,000 bytes and 512 MiB".to_owned());
        }
        if self.queue_bytes / usize::from(self.producers) < self.max_record_bytes {
            return wrong("queue_bytes", "must hold a record of max_record_bytes for each of the producers".to_owned());
        }
        Ok(())
    }

    fn password_source(&self) -> Password<'_> {
        Password { value: &self.password, file: self.password_file.as_deref(), variable: &self.password_env }
    }

    /// With the password itself, wherever it was.
    pub(crate) fn with_password(mut self) -> Result<Self, OpenError> {
        self.password = self.password_source().read(|name| std::env::var_os(name))?;
        (self.password_file, self.password_env) = (None, String::new());
        if !self.user.is_empty() && !self.tls.enabled && self.sasl_mechanism == SaslMechanism::Plain {
            tracing::warn!(
                "eventlog.kafka: the password is sent in clear; sasl_mechanism: scram-sha-512 or TLS is better"
            );
        }
        Ok(self)
    }

    pub(crate) fn topic_name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    pub(crate) fn group_name(&self, group: &str) -> String {
        format!("{}{group}", self.prefix)
    }

    pub(crate) fn retention_ms(&self, topic: Topic) -> u64 {
        match topic {
            Topic::MetricsRaw => self.raw_retention_ms,
            Topic::MetricsRollup => self.rollup_retention_ms,
        }
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Largest batch: one record of the largest size fits.
    pub(crate) fn max_batch_bytes(&self) -> usize {
        self.max_record_bytes + FRAMING_BYTES
    }

    /// What all clients have in common.
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set_log_level(RDKafkaLogLevel::Info);
        set(&mut client, "bootstrap.servers", self.brokers.join(","));
        set(&mut client, "client.id", &self.client_id);
        // A broker that is back, or its successor, is found within a second.
        set(&mut client, "reconnect.backoff.max.ms", 1_000);
        set(&mut client, "topic.metadata.refresh.interval.ms", 30_000);
        // A broker that hangs is given up after this.
        set(&mut client, "socket.timeout.ms", self.request_timeout_ms.max(2_000));
        set(&mut client, "socket.keepalive.enable", true);
        set(&mut client, "allow.auto.create.topics", false);
        set(&mut client, "enable.metrics.push", false);
        self.secure(&mut client);
        client
    }

    fn secure(&self, client: &mut ClientConfig) {
        let protocol = match (self.tls.enabled, self.user.is_empty()) {
            (false, true) => "plaintext",
            (true, true) => "ssl",
            (false, false) => "sasl_plaintext",
            (true, false) => "sasl_ssl",
        };
        set(client, "security.protocol", protocol);
        if self.tls.enabled {
            let path = |path: &PathBuf| path.display().to_string();
            set(client, "ssl.endpoint.identification.algorithm", "https");
            set(client, "ssl.ca.location", self.tls.ca_path.as_ref().map_or_else(|| SYSTEM_CA.to_owned(), path));
            if let (Some(certificate), Some(key)) = (&self.tls.certificate_path, &self.tls.key_path) {
                set(client, "ssl.certificate.location", path(certificate));
                set(client, "ssl.key.location", path(key));
            }
        }
        if !self.user.is_empty() {
            set(client, "sasl.mechanism", self.sasl_mechanism);
            set(client, "sasl.username", &self.user);
            set(client, "sasl.password", self.password.reveal());
        }
    }

    pub(crate) fn admin(&self) -> ClientConfig {
        self.client()
    }

    pub(crate) fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        set(&mut client, "acks", "all");
        set(&mut client, "enable.idempotence", true);
        set(&mut client, "compression.codec", self.compression);
        set(&mut client, "linger.ms", self.linger_ms);
        set(&mut client, "delivery.timeout.ms", self.delivery_timeout_ms);
        set(&mut client, "message.max.bytes", self.max_batch_bytes());
        let producers = usize::from(self.producers);
        set(&mut client, "queue.buffering.max.messages", self.queue_records.div_ceil(producers));
        set(&mut client, "queue.buffering.max.kbytes", self.queue_bytes.div_ceil(producers * 1024));
        client
    }

    fn consumer(&self, group: &str) -> ClientConfig {
        let mut client = self.client();
        set(&mut client, "group.id", group);
        set(&mut client, "auto.offset.reset", "error");
        set(&mut client, "enable.auto.commit", false);
        set(&mut client, "enable.auto.offset.store", false);
        client
    }

    /// Of the consumer that reads; it is a member of no group, but the library
    /// wants a name.
    pub(crate) fn reader(&self) -> ClientConfig {
        let mut client = self.consumer(&self.group_name("readers"));
        set(&mut client, "enable.partition.eof", true);
        // Nothing here is written in transactions.
        set(&mut client, "isolation.level", "read_uncommitted");
        set(&mut client, "fetch.wait.max.ms", FETCH_WAIT_MS);
        set(&mut client, "fetch.error.backoff.ms", 100);
        // A full queue is looked at again soon: the default of 1 s would starve
        // readers that catch up.
        set(&mut client, "fetch.queue.backoff.ms", 10);
        set(&mut client, "queued.max.messages.kbytes", self.prefetch_bytes.div_ceil(1024));
        set(&mut client, "fetch.message.max.bytes", self.prefetch_bytes);
        let fetch_max_bytes = self.max_batch_bytes().max(16 << 20);
        set(&mut client, "fetch.max.bytes", fetch_max_bytes);
        set(&mut client, "receive.message.max.bytes", fetch_max_bytes + self.max_batch_bytes() + (1 << 20));
        client
    }

    pub(crate) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.consumer(&self.group_name(group));
        set(&mut client, "partition.assignment.strategy", "cooperative-sticky");
        set(&mut client, "session.timeout.ms", self.session_timeout_ms);
        set(&mut client, "heartbeat.interval.ms", (self.session_timeout_ms / 4).clamp(1, 3_000));
        set(&mut client, "max.poll.interval.ms", self.session_timeout_ms.max(300_000));
        client
    }
}

fn set(client: &mut ClientConfig, key: &str, value: impl ToString) {
    client.set(key, value.to_string());
}

#[cfg(test)]
mod tests;
