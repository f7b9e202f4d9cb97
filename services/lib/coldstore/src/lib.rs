//! The archive: whole hours of a shard as Parquet files that any program
//! reads, on a local folder or an object store; and, in longer windows, days
//! and months.
//!
//! One (tenant, period, shard) is one object, replaced whole by a conditional
//! put, so a glob over the files of a tier never counts a sample twice and no
//! manifest is needed. The columns are in `tidegate_schemas::parquet`. An object holds
//! everything that the windows of the hot store hold, to the bit.

mod archive;
mod blob;

pub mod catalog;
pub mod conditional;
mod coverage;
mod error;
mod fetch;
mod key;
mod parts;
mod reader;
mod rows;
pub mod s3;
mod writer;

pub use archive::{Archive, Base, ObjectCount, ObjectReader, ObjectSummary, PutOutcome, Slice, Version};
pub use catalog::{Catalog, Listed};
pub use conditional::{ConditionalPut, PutCondition, PutError};
pub use coverage::{Coverage, CoverageError, Shrunk, SourceCoverage};
pub use error::ArchiveError;
pub use key::{ObjectKey, Period, Tier, hour_text};
pub use parts::{Part, Parts};
pub use reader::{Keep, Run};
pub use s3::{S3Config, S3Error, create_bucket};
pub use writer::{EncodedObject, ObjectWriter, series_order};

#[cfg(test)]
mod tests;
