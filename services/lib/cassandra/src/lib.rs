//! The store on Cassandra or ScyllaDB, for many processes. The tables are described in `schemas/cql`.
//!
//! Nothing is read before it is written: where one of two versions must stay, the write's own timestamp
//! says which (`versions.rs`), so any number of owners may write at once. Rows expire by
//! themselves (`retention.rs`).
//!
//! Absent on purpose: lightweight transactions, but for the partition count and migrations; batches that promise more than their
//! rows do, as logged ones; a cache of rows.

mod batch;
mod config;
mod connect;
mod database;
mod error;
mod hours;
mod login;
mod metrics;
mod migrate;
mod retention;
mod rows;
mod seen;
mod series;
mod sightings;
mod state;
mod store;
mod tls;
mod versions;
mod write;

pub use config::{Config, Consistency, Retention};
pub use database::Clock;
pub use error::OpenError;
pub use metrics::Metrics;
#[doc(hidden)]
pub use migrate::migrate_by;
pub use migrate::{Migrated, migrate};
pub use store::CassandraStore;
