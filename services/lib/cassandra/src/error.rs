//! What keeps the store from being opened or its tables from being made.

use scylla::errors::{ExecutionError, NewSessionError, PrepareError, UseKeyspaceError};

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("store.cassandra.{key}: {why}")]
    Config { key: &'static str, why: String },
    #[error("none of store.cassandra.contact_points ({points}) answers as Cassandra: {source}")]
    Connect { points: String, source: Box<NewSessionError> },
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
