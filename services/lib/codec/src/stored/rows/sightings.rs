//! Batch ids that were seen.
//!
//! A chunk of one minute, version 1: version (u8), source, era, minute,
//! entries. A snapshot of the sessions, version 1: version (u8), source,
//! offset, entries. Entries: their number, then per entry the offset's
//! difference to the entry before (zigzag), clock, difference of the count of
//! new ids (zigzag), kind of batch (u8: 0 content, 1 session), hash or session
//! (16 bytes) and, for a session, the sequence.

use tidegate_model::{BatchId, SessionsSnapshot, Sighting, SightingsChunk};

use super::{put_clock, put_source, take_clock, take_source};
use crate::stored::StoredError;
use crate::stored::varint::{Cursor, put_varint, put_zigzag};

const SIGHTINGS_VERSION: u8 = 1;
const SESSIONS_VERSION: u8 = 1;
const CONTENT: u8 = 0;
const SESSION: u8 = 1;
/// Offset, era, time, new ids, kind, 16 bytes of id.
const LEAST_ENTRY_BYTES: usize = 21;

pub fn encode_sightings(chunk: &SightingsChunk) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + chunk.entries.len() * 32);
    out.push(SIGHTINGS_VERSION);
    put_source(&mut out, chunk.source);
    put_varint(&mut out, u64::from(chunk.era));
    put_varint(&mut out, u64::from(chunk.minute));
    put_entries(&mut out, &chunk.entries);
    out
}

pub fn decode_sightings(bytes: &[u8]) -> Result<SightingsChunk, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("sightings", SIGHTINGS_VERSION)?;
    let source = take_source(&mut cursor)?;
    let (era, minute) = (cursor.varint_u32()?, cursor.varint_u32()?);
    Ok(SightingsChunk { source, era, minute, entries: take_entries(&mut cursor)? })
}

pub fn encode_sessions(snapshot: &SessionsSnapshot) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + snapshot.entries.len() * 32);
    out.push(SESSIONS_VERSION);
    put_source(&mut out, snapshot.source);
    put_varint(&mut out, snapshot.offset);
    put_entries(&mut out, &snapshot.entries);
    out
}

pub fn decode_sessions(bytes: &[u8]) -> Result<SessionsSnapshot, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("sessions", SESSIONS_VERSION)?;
    let source = take_source(&mut cursor)?;
    let offset = cursor.varint()?;
    Ok(SessionsSnapshot { source, offset, entries: take_entries(&mut cursor)? })
}

fn put_entries(out: &mut Vec<u8>, entries: &[Sighting]) {
    put_varint(out, entries.len() as u64);
    let (mut offset, mut new_ids) = (0u64, 0u64);
    for entry in entries {
        put_zigzag(out, entry.offset.wrapping_sub(offset) as i64);
        put_clock(out, entry.clock);
        put_zigzag(out, entry.new_ids.wrapping_sub(new_ids) as i64);
        match entry.batch {
            BatchId::Content(hash) => {
                out.push(CONTENT);
                out.extend_from_slice(&hash.to_le_bytes());
            }
            BatchId::Session { session, sequence } => {
                out.push(SESSION);
                out.extend_from_slice(&session.to_le_bytes());
                put_varint(out, sequence);
            }
        }
        (offset, new_ids) = (entry.offset, entry.new_ids);
    }
}

fn take_entries(cursor: &mut Cursor<'_>) -> Result<Vec<Sighting>, StoredError> {
    let count = cursor.count(LEAST_ENTRY_BYTES)?;
    let mut entries = Vec::with_capacity(count);
    let (mut offset, mut new_ids) = (0u64, 0u64);
    for _ in 0..count {
        offset = offset.wrapping_add(cursor.zigzag()? as u64);
        let clock = take_clock(cursor)?;
        new_ids = new_ids.wrapping_add(cursor.zigzag()? as u64);
        let batch = match cursor.u8()? {
            CONTENT => BatchId::Content(u128::from_le_bytes(cursor.array()?)),
            SESSION => {
                let session = u128::from_le_bytes(cursor.array()?);
                BatchId::Session { session, sequence: cursor.varint()? }
            }
            _ => return Err(StoredError::Invalid("unknown kind of batch id")),
        };
        entries.push(Sighting { offset, batch, clock, new_ids });
    }
    cursor.end()?;
    Ok(entries)
}
