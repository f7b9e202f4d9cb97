//! Progress of a partition, version 1: version (u8), source, resume offset,
//! resume clock, closed-through clock, position, number of ledger entries, per
//! entry era, hour and the four counts.
//!
//! A ledger entry by itself, version 1: version (u8), counted, duplicate,
//! poison, gap.

use std::collections::BTreeMap;

use tidegate_model::{LedgerEntry, LedgerKey, Progress};

use super::{put_clock, put_source, take_clock, take_source};
use crate::stored::StoredError;
use crate::stored::varint::{Cursor, put_varint};

const PROGRESS_VERSION: u8 = 1;
const LEDGER_VERSION: u8 = 1;

pub fn encode_progress(progress: &Progress) -> Vec<u8> {
    let mut out = vec![PROGRESS_VERSION];
    put_source(&mut out, progress.source);
    put_varint(&mut out, progress.resume_offset);
    put_clock(&mut out, progress.resume_clock);
    put_clock(&mut out, progress.closed_through);
    put_varint(&mut out, progress.position);
    put_varint(&mut out, progress.ledger.len() as u64);
    for (key, entry) in &progress.ledger {
        put_varint(&mut out, u64::from(key.era));
        put_varint(&mut out, u64::from(key.hour));
        put_counts(&mut out, entry);
    }
    out
}

pub fn decode_progress(bytes: &[u8]) -> Result<Progress, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("progress", PROGRESS_VERSION)?;
    let source = take_source(&mut cursor)?;
    let resume_offset = cursor.varint()?;
    let resume_clock = take_clock(&mut cursor)?;
    let closed_through = take_clock(&mut cursor)?;
    let position = cursor.varint()?;
    let mut ledger = BTreeMap::new();
    for _ in 0..cursor.count(6)? {
        let key = LedgerKey { era: cursor.varint_u32()?, hour: cursor.varint_u32()? };
        ledger.insert(key, take_counts(&mut cursor)?);
    }
    cursor.end()?;
    Ok(Progress { source, resume_offset, resume_clock, closed_through, position, ledger })
}

pub fn encode_ledger_entry(entry: &LedgerEntry) -> Vec<u8> {
    let mut out = vec![LEDGER_VERSION];
    put_counts(&mut out, entry);
    out
}

pub fn decode_ledger_entry(bytes: &[u8]) -> Result<LedgerEntry, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("ledger entry", LEDGER_VERSION)?;
    let entry = take_counts(&mut cursor)?;
    cursor.end()?;
    Ok(entry)
}

fn put_counts(out: &mut Vec<u8>, entry: &LedgerEntry) {
    for count in [entry.counted, entry.duplicate, entry.poison, entry.gap] {
        put_varint(out, count);
    }
}

fn take_counts(cursor: &mut Cursor<'_>) -> Result<LedgerEntry, StoredError> {
    Ok(LedgerEntry {
        counted: cursor.varint()?,
        duplicate: cursor.varint()?,
        poison: cursor.varint()?,
        gap: cursor.varint()?,
    })
}
