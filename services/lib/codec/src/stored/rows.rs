//! Values of the store's small tables: what a key stands for is in the file
//! of its name.
//!
//! Each value is versioned by itself. Keys are the adapters' own.

mod hours;
mod metadata;
mod progress;
mod series;
mod sightings;

pub use hours::{decode_hour_state, encode_hour_state};
pub use metadata::{decode_metadata, encode_metadata};
pub(super) use metadata::{put_metadata, take_metadata};
pub use progress::{decode_ledger_entry, decode_progress, encode_ledger_entry, encode_progress};
pub use series::{decode_series, encode_series};
pub use sightings::{decode_sessions, decode_sightings, encode_sessions, encode_sightings};

use tidegate_model::{Clock, SourceId};

use super::StoredError;
use super::varint::{Cursor, put_varint, put_zigzag};

/// Era, then effective time (zigzag, ms).
fn put_clock(out: &mut Vec<u8>, clock: Clock) {
    put_varint(out, u64::from(clock.era));
    put_zigzag(out, clock.effective_ms);
}

fn take_clock(cursor: &mut Cursor<'_>) -> Result<Clock, StoredError> {
    Ok(Clock { era: cursor.varint_u32()?, effective_ms: cursor.zigzag()? })
}

/// Log epoch (u64), then partition (u16).
fn put_source(out: &mut Vec<u8>, source: SourceId) {
    out.extend_from_slice(&source.epoch.to_le_bytes());
    out.extend_from_slice(&source.partition.to_le_bytes());
}

fn take_source(cursor: &mut Cursor<'_>) -> Result<SourceId, StoredError> {
    Ok(SourceId { epoch: u64::from_le_bytes(cursor.array()?), partition: u16::from_le_bytes(cursor.array()?) })
}

#[cfg(test)]
mod tests;
