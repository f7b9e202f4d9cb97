//! What keeps the store from being opened or its tables from being made.

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind as Setup, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, UseKeyspaceError,
};
use tidegate_credentials::Unusable;

use crate::config::Config;
use crate::tls;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("store.cassandra.{key}: {why}")]
    Config { key: &'static str, why: String },
    #[error("none of store.cassandra.contact_points ({points}) answers as Cassandra: {source}")]
    Connect { points: String, source: Box<NewSessionError> },
    /// The nodes do not let this process in, or are not those that it trusts.
    #[error("store.cassandra.{key}: {points}: {why}")]
    Refused { key: &'static str, points: String, why: String },
    #[error("there is no keyspace {keyspace}: run `tidegate migrate` first")]
    NoKeyspace { keyspace: String },
    #[error("keyspace {keyspace} cannot be used: {source}")]
    Keyspace { keyspace: String, source: Box<UseKeyspaceError> },
    #[error(
        "keyspace {keyspace} keeps {found} copies of a row ({replication}), store.cassandra.replication_factor asks for {wanted}: \
         alter one of them"
    )]
    Replication { keyspace: String, found: u16, wanted: u16, replication: String },
    #[error("no node can be asked to make tables")]
    NoNode,
    /// Made by a later program.
    #[error(
        "the tables in keyspace {keyspace} have version {found} and can be used by programs that know version {needs}, this one \
         knows up to {known}: it is too old"
    )]
    TooNew { keyspace: String, found: i32, needs: i32, known: i32 },
    #[error("the tables in keyspace {keyspace} have version {found} of {known}: run `tidegate migrate` first")]
    TooOld { keyspace: String, found: i32, known: i32 },
    #[error("migration {number} ({name}) was applied in another form than this program has it")]
    Changed { number: i32, name: String },
    #[error("the table of migrations in keyspace {keyspace} cannot be read")]
    Unreadable { keyspace: String },
    #[error(
        "another migration has been under way for more than {limit_seconds} s; one that died lets go by itself after two minutes"
    )]
    Busy { limit_seconds: u64 },
    #[error("migration {number} ({name}): {source}")]
    Migration { number: i32, name: &'static str, source: Box<ExecutionError> },
    #[error("{doing}: {source}")]
    Request { doing: &'static str, source: Box<ExecutionError> },
    #[error("preparing a statement: {0}")]
    Prepare(#[from] Box<PrepareError>),
}

impl From<Unusable> for OpenError {
    fn from(setting: Unusable) -> Self {
        Self::Config { key: setting.key, why: setting.why }
    }
}

/// Why no session was made: by the setting, where encryption or log-in is what
/// failed.
pub(crate) fn refusal(config: &Config, source: NewSessionError) -> OpenError {
    let points = config.contact_points.join(", ");
    match failed_connection(&source).and_then(|error| refused(config, error)) {
        Some((key, why)) => OpenError::Refused { key, points, why },
        None => OpenError::Connect { points, source: Box::new(source) },
    }
}

fn failed_connection(error: &NewSessionError) -> Option<&ConnectionError> {
    match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
            last_connection_error,
        })) => Some(last_connection_error),
        _ => None,
    }
}

fn refused(config: &Config, error: &ConnectionError) -> Option<(&'static str, String)> {
    match error {
        ConnectionError::IoError(error) => {
            let error = error.get_ref()?.downcast_ref::<openssl::ssl::Error>()?;
            Some(tls::refusal(config, error))
        }
        ConnectionError::ConnectionSetupRequestError(error) => match error.get_error() {
            Setup::DbError(DbError::AuthenticationError, text) => Some(("user", text.clone())),
            Setup::MissingAuthentication => Some(("user", "the nodes want user and password".to_owned())),
            // What it is shown a node checks after the handshake; it may hang up before its reason is read.
            Setup::BrokenConnection(error) if config.tls.enabled => {
                Some(("tls.certificate_path", format!("{error}; do the nodes want another certificate?")))
            }
            // A node that speaks TLS only hangs up on the first request.
            Setup::BrokenConnection(error) => Some(("tls.enabled", format!("{error}; do the nodes want TLS?"))),
            _ => None,
        },
        _ => None,
    }
}
