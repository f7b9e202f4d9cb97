//! The shapes of what Tidegate stores where other programs can see it.

pub mod cql;
pub mod parquet;
