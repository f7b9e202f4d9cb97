//! The real servers that tests run against. `infra/stack/up` starts them and says where they are in variables; without
//! those the test is listed as skipped. One stack serves all tests at once, so each takes names of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::skipped::skip;

/// What a user types to have the servers.
const INSTALL: &str = "make stack, then source target/stack/env";

/// `host:port` of the Kafka brokers.
pub fn kafka(test: &str) -> Option<Vec<String>> {
    list("TIDEGATE_TEST_KAFKA", test)
}

/// Kafka's ports that are secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecureKafka {
    /// `host:port` for TLS; a client shows a certificate.
    pub tls: Vec<String>,
    /// `host:port` for TLS and a log-in by PLAIN or SCRAM.
    pub login: Vec<String>,
    pub user: String,
    pub password: String,
    /// Folder of the certificates: `ca.pem`, `client.pem`, `client.key`. Servers are certified by address.
    pub certificates: PathBuf,
}

/// Folder of the stack's certificates, as in [`SecureKafka`].
pub fn certificates(test: &str) -> Option<PathBuf> {
    Some(variable("TIDEGATE_TEST_CERTIFICATES", test)?.into())
}

pub fn secure_kafka(test: &str) -> Option<SecureKafka> {
    Some(SecureKafka {
        tls: list("TIDEGATE_TEST_KAFKA_TLS", test)?,
        login: list("TIDEGATE_TEST_KAFKA_LOGIN", test)?,
        user: variable("TIDEGATE_TEST_USER", test)?,
        password: variable("TIDEGATE_TEST_PASSWORD", test)?,
        certificates: certificates(test)?,
    })
}

/// `host:port` of the Cassandra nodes.
pub fn cassandra(test: &str) -> Option<Vec<String>> {
    list("TIDEGATE_TEST_CASSANDRA", test)
}

/// A server that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// `http://host:port`.
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
}

pub fn s3(test: &str) -> Option<S3> {
    let endpoint = variable("TIDEGATE_TEST_S3", test)?;
    let access_key = variable("TIDEGATE_TEST_S3_ACCESS_KEY", test)?;
    let secret_key = variable("TIDEGATE_TEST_S3_SECRET_KEY", test)?;
    Some(S3 { endpoint, access_key, secret_key })
}

/// A name that no other test, process or run has: letters, digits and, between them, `separator`; it begins with a
/// letter. As a topic prefix or a bucket with `-`, as a keyspace with `_`.
pub fn unique_name(separator: char) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let (started, process) = (crate::now_ms(), std::process::id());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t{started}{separator}{process}{separator}{number}")
}

fn list(name: &str, test: &str) -> Option<Vec<String>> {
    Some(variable(name, test)?.split(',').map(str::to_owned).collect())
}

fn variable(name: &str, test: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, INSTALL);
    }
    value
}
