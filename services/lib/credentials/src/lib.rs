//! What this process shows to the servers that it keeps things in, and whom it
//! takes for one of them: the settings that the sections of Kafka, Cassandra and
//! S3 have in common. Secrets are in no error, no log and no `Debug`.

mod password;
mod secret;
mod tls;

pub use password::Password;
pub use secret::Secret;
pub use tls::TlsConfig;

/// A setting that cannot be used, by its key within the section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct Unusable {
    pub key: &'static str,
    pub why: String,
}

fn unusable(key: &'static str, why: impl ToString) -> Unusable {
    Unusable { key, why: why.to_string() }
}
