//! The event log and the hot store in a local folder, on the LSM database
//! fjall: what a single process runs on when no Kafka and no Cassandra is
//! there.
//!
//! Both answer only once the disk has what was written, gather what is written
//! at the same moment into one fsync, and open a folder from one process only.
//!
//! When a write fails (a full disk, say) the database refuses all further
//! writes. The adapters then close it and open it again, with everything that
//! was acknowledged, at the next write; until that works they answer
//! "unavailable" with the cause. A write that does not return within two
//! minutes ends the process.

mod engine;
mod folder;
mod log;
mod recovery;
mod store;
mod watchdog;

pub use log::{EmbeddedLog, LogConfig};
pub use store::{EmbeddedStore, StoreConfig};
