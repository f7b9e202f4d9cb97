//! Section `store.cassandra` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidegate_credentials::{Password, Secret, TlsConfig};

use crate::error::OpenError;

/// Without `tls` and `user` nodes must be in a network that is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `host:port` of some nodes; they name the others. Empty: the store is not in Cassandra.
    pub contact_points: Vec<String>,
    pub keyspace: String,
    /// Copies of each row. `tidegate migrate` makes the keyspace with as many; one that has fewer is refused.
    pub replication_factor: u16,
    /// Requests go to its nodes; the keyspace is made in it. Empty: every data centre, as for tests.
    pub datacenter: String,
    pub consistency: Consistency,
    /// Empty: no log-in.
    pub user: String,
    /// Here, or better in one of the next two.
    pub password: Secret,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The variable of the environment that holds the password.
    pub password_env: String,
    pub tls: TlsConfig,
    /// The name that the certificates of all nodes have; empty: each has its node's address.
    pub certificate_name: String,
    /// Writes under way at once, in this process. More are no faster on nodes
    /// with few cores, but wait there for each other.
    pub write_concurrency: usize,
    /// Reads beside them.
    pub read_concurrency: usize,
    pub connect_timeout_ms: u64,
    /// For one request on whichever nodes the client library tries.
    pub request_timeout_ms: u64,
    /// Another replica is asked as well when one has not answered after this time; 0: never.
    pub speculative_after_ms: u64,
    /// A request that fails is made again, with growing pauses, until so long after the first try.
    pub retry_for_ms: u64,
    pub retention: Retention,
}

/// How many copies have to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    One,
    LocalOne,
    Quorum,
    LocalQuorum,
    All,
}

/// How long rows are kept, from the end of the hour that they are of. The archive is built from rows of 5 s: they stay for two
/// days after they were written at least, however old they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    pub rows_5s_days: u32,
    /// 0: none are written. Tidegate itself reads the minute's totals from the rows of 5 s.
    pub rows_1m_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contact_points: Vec::new(),
            keyspace: "tidegate".to_owned(),
            replication_factor: 3,
            datacenter: String::new(),
            consistency: Consistency::LocalQuorum,
            user: String::new(),
            password: Secret::default(),
            password_file: None,
            password_env: String::new(),
            tls: TlsConfig::default(),
            certificate_name: String::new(),
            write_concurrency: 32,
            read_concurrency: 256,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 5_000,
            speculative_after_ms: 1_000,
            retry_for_ms: 10_000,
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { rows_5s_days: 8, rows_1m_days: 91 }
    }
}

impl Config {
    /// Refuses what cannot work, by name.
    ///
    /// # Errors
    /// [`OpenError::Config`].
    pub fn check(&self) -> Result<(), OpenError> {
        let wrong = |key, why: &str| Err(OpenError::Config { key, why: why.to_owned() });
        if self.contact_points.is_empty() || self.contact_points.iter().any(|point| point.trim().is_empty()) {
            return wrong("contact_points", "at least one host:port is needed, none may be empty");
        }
        if !is_name(&self.keyspace) {
            return wrong("keyspace", "up to 48 small letters, digits and underscores, a letter first");
        }
        if self.datacenter.contains('\'') {
            return wrong("datacenter", "no quotes");
        }
        self.tls.check()?;
        if !self.certificate_name.is_empty() && !self.tls.enabled {
            return wrong("certificate_name", "it is of no use without tls.enabled: true");
        }
        self.password_source().check()?;
        if self.user.is_empty() == self.password_source().is_given() {
            return wrong("user", "user and password go together");
        }
        let positive = [
            ("replication_factor", u64::from(self.replication_factor)),
            ("write_concurrency", self.write_concurrency as u64),
            ("read_concurrency", self.read_concurrency as u64),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("retention.rows_5s_days", self.retention.rows_5s_days.into()),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => wrong(key, "must be more than 0"),
            None => Ok(()),
        }
    }

    pub(crate) fn password_source(&self) -> Password<'_> {
        Password { value: &self.password, file: self.password_file.as_deref(), variable: &self.password_env }
    }
}

fn is_name(name: &str) -> bool {
    let of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 48 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(of_name)
}

#[cfg(test)]
mod tests;
