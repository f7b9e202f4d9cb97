//! Bytes that Tidegate writes and reads back itself: records of the log and
//! values of the store.
//!
//! Every format begins with a version byte; a decoder refuses versions that it
//! does not know. Integers are LEB128 varints unless a width is given, fixed
//! widths are little-endian, signed varints are zigzag-coded. Decoders take
//! arbitrary bytes: they never panic, and allocate in proportion to the input.

pub mod chunk;
mod distribution;
mod error;
pub mod live;
pub mod record;
pub mod rows;
mod varint;
mod window;

pub use chunk::{decode_chunk, encode_chunk};
pub use error::StoredError;
pub use live::{LiveRecord, LiveWindow, decode_live, encode_live};
pub use record::{Part, PartWriter, Record, SeriesView, join, merge};

#[cfg(test)]
mod arbitrary;
