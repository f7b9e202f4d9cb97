//! What the fold and the compactor remember.
//!
//! Keys, big-endian, in `state`: a letter, then
//! `p` source: progress; `s` source, offset: sessions; `l` source, era, hour:
//! ledger entry; `h` hour, source: hour. In `sightings`: source, era, minute;
//! their values begin with the number of entries (u32), the last entry's count
//! of new ids (u64) and its offset (u64), so that those are known without
//! decoding.
//!
//! Sightings that nobody can need any more are deleted when a snapshot of the
//! sessions is written: batches with no session are forgotten five minutes and
//! 50,000 ids after their last sighting, those with one are in the snapshot.

use fjall::{Keyspace, OwnedWriteBatch};
use tidegate_codec::stored::StoredError;
use tidegate_codec::stored::rows::{
    decode_hour_state, decode_ledger_entry, decode_progress, decode_sessions, decode_sightings, encode_hour_state,
    encode_ledger_entry, encode_progress, encode_sessions, encode_sightings,
};
use tidegate_hotstore::HourRow;
use tidegate_model::{
    Clock, HourState, LedgerEntry, LedgerKey, Progress, SessionsSnapshot, SightingsChunk, SourceId, Touch,
};

use super::files::{Durability, Files};
use crate::engine::EngineError;

const SOURCE_BYTES: usize = 10;
const SIGHTINGS_HEADER_BYTES: usize = 20;
/// Twice what the fold remembers.
const KEEP_NEW_IDS: u64 = 100_000;
/// Minutes of effective time.
const KEEP_MINUTES: u32 = 180;
/// Snapshots of the sessions kept of a source; one is written an hour.
const KEEP_SESSIONS: usize = 24;

fn source_bytes(source: SourceId) -> [u8; SOURCE_BYTES] {
    let mut bytes = [0; SOURCE_BYTES];
    bytes[..8].copy_from_slice(&source.epoch.to_be_bytes());
    bytes[8..].copy_from_slice(&source.partition.to_be_bytes());
    bytes
}

fn key(letter: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![letter];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

fn damaged(error: StoredError) -> EngineError {
    EngineError::Corrupt(error.to_string())
}

fn short() -> EngineError {
    EngineError::Corrupt("a stored key or value is too short".to_owned())
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, EngineError> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    Ok(u32::from_be_bytes(*field.ok_or_else(short)?))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, EngineError> {
    let field = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
    Ok(u64::from_be_bytes(*field.ok_or_else(short)?))
}

fn progress_of(keyspace: &Keyspace, source: SourceId) -> Result<Option<Progress>, EngineError> {
    let stored = keyspace.get(key(b'p', &[&source_bytes(source)]))?;
    stored.map(|value| decode_progress(&value).map_err(damaged)).transpose()
}

pub(super) fn save_progress(files: &Files, progress: &Progress) -> Result<(), EngineError> {
    let _update = files.update.lock();
    if progress_of(&files.state, progress.source)?.is_some_and(|stored| stored.position > progress.position) {
        return Ok(());
    }
    let mut batch = files.batch(Durability::Synced);
    batch.insert(&files.state, key(b'p', &[&source_bytes(progress.source)]), encode_progress(progress));
    Ok(batch.commit()?)
}

pub(super) fn load_progress(files: &Files, source: SourceId) -> Result<Option<Progress>, EngineError> {
    progress_of(&files.state, source)
}

pub(super) fn all_progress(files: &Files) -> Result<Vec<Progress>, EngineError> {
    let all = files.state.prefix([b'p']);
    all.map(|item| decode_progress(&item.value()?).map_err(damaged)).collect()
}

fn sightings_key(source: SourceId, era: u32, minute: u32) -> Vec<u8> {
    [&source_bytes(source)[..], &era.to_be_bytes(), &minute.to_be_bytes()].concat()
}

pub(super) fn write_sightings(files: &Files, chunks: &[SightingsChunk]) -> Result<(), EngineError> {
    let _update = files.update.lock();
    let mut batch = files.batch(Durability::Process);
    for chunk in chunks {
        let key = sightings_key(chunk.source, chunk.era, chunk.minute);
        let stored = files.sightings.get(&key)?;
        let stored_entries = stored.map(|value| u32_at(&value, 0)).transpose()?.unwrap_or(0);
        let (Some(last), true) = (chunk.entries.last(), chunk.entries.len() > stored_entries as usize) else {
            continue;
        };
        let mut value = (chunk.entries.len() as u32).to_be_bytes().to_vec();
        value.extend_from_slice(&last.new_ids.to_be_bytes());
        value.extend_from_slice(&last.offset.to_be_bytes());
        value.extend_from_slice(&encode_sightings(chunk));
        batch.insert(&files.sightings, key, value);
    }
    Ok(batch.commit()?)
}

pub(super) fn read_sightings(
    files: &Files,
    source: SourceId,
    before_offset: u64,
    max_chunks: usize,
) -> Result<Vec<SightingsChunk>, EngineError> {
    let mut chunks = Vec::new();
    for item in files.sightings.prefix(source_bytes(source)).rev() {
        if chunks.len() >= max_chunks {
            break;
        }
        let value = item.value()?;
        let encoded = value.get(SIGHTINGS_HEADER_BYTES..).ok_or_else(short)?;
        let chunk = decode_sightings(encoded).map_err(damaged)?;
        if chunk.entries.first().is_some_and(|first| first.offset < before_offset) {
            chunks.push(chunk);
        }
    }
    Ok(chunks)
}

pub(super) fn write_sessions(files: &Files, snapshot: &SessionsSnapshot) -> Result<(), EngineError> {
    let _update = files.update.lock();
    let source = source_bytes(snapshot.source);
    let mut batch = files.batch(Durability::Process);
    batch.insert(&files.state, key(b's', &[&source, &snapshot.offset.to_be_bytes()]), encode_sessions(snapshot));
    for item in files.state.prefix(key(b's', &[&source])).rev().skip(KEEP_SESSIONS) {
        batch.remove(&files.state, item.key()?);
    }
    forget_sightings(files, snapshot, &mut batch)?;
    Ok(batch.commit()?)
}

fn forget_sightings(
    files: &Files,
    snapshot: &SessionsSnapshot,
    batch: &mut OwnedWriteBatch,
) -> Result<(), EngineError> {
    let prefix = source_bytes(snapshot.source);
    let Some(latest) = files.sightings.prefix(prefix).next_back() else { return Ok(()) };
    let (latest_key, latest) = latest.into_inner()?;
    let (era, minute) = (u32_at(&latest_key, SOURCE_BYTES)?, u32_at(&latest_key, SOURCE_BYTES + 4)?);
    let new_ids = u64_at(&latest, 4)?;
    for item in files.sightings.prefix(prefix) {
        let (key, value) = item.into_inner()?;
        let old =
            u32_at(&key, SOURCE_BYTES)? < era || u32_at(&key, SOURCE_BYTES + 4)?.saturating_add(KEEP_MINUTES) < minute;
        let forgotten = u64_at(&value, 4)?.saturating_add(KEEP_NEW_IDS) < new_ids;
        if !(old && forgotten && u64_at(&value, 12)? < snapshot.offset) {
            break;
        }
        batch.remove(&files.sightings, key);
    }
    Ok(())
}

pub(super) fn read_sessions(
    files: &Files,
    source: SourceId,
    at_offset: u64,
) -> Result<Option<SessionsSnapshot>, EngineError> {
    let source = source_bytes(source);
    let (first, last) = (key(b's', &[&source, &[0; 8]]), key(b's', &[&source, &at_offset.to_be_bytes()]));
    let latest = files.state.range(first..=last).next_back();
    latest.map(|item| decode_sessions(&item.value()?).map_err(damaged)).transpose()
}

pub(super) fn write_ledger(
    files: &Files,
    source: SourceId,
    entries: &[(LedgerKey, LedgerEntry)],
) -> Result<(), EngineError> {
    let mut batch = files.batch(Durability::Process);
    for (at, entry) in entries {
        let key = key(b'l', &[&source_bytes(source), &at.era.to_be_bytes(), &at.hour.to_be_bytes()]);
        batch.insert(&files.state, key, encode_ledger_entry(entry));
    }
    Ok(batch.commit()?)
}

pub(super) fn read_ledger(files: &Files, source: SourceId) -> Result<Vec<(LedgerKey, LedgerEntry)>, EngineError> {
    let read = |item: fjall::Guard| {
        let (key, value) = item.into_inner()?;
        let at = LedgerKey { era: u32_at(&key, 1 + SOURCE_BYTES)?, hour: u32_at(&key, 5 + SOURCE_BYTES)? };
        Ok((at, decode_ledger_entry(&value).map_err(damaged)?))
    };
    files.state.prefix(key(b'l', &[&source_bytes(source)])).map(read).collect()
}

fn hour_key(hour: u32, source: SourceId) -> Vec<u8> {
    key(b'h', &[&hour.to_be_bytes(), &source_bytes(source)])
}

fn hour_of(files: &Files, key: &[u8]) -> Result<HourState, EngineError> {
    let stored = files.state.get(key)?;
    Ok(stored.map(|value| decode_hour_state(&value).map_err(damaged)).transpose()?.unwrap_or_default())
}

pub(super) fn touch_hours(files: &Files, source: SourceId, touches: &[Touch]) -> Result<(), EngineError> {
    let _update = files.update.lock();
    for touch in touches {
        let key = hour_key(touch.hour, source);
        let stored = hour_of(files, &key)?;
        let touched = stored.touched.max(touch.closed);
        let touched = HourState { touched, late: stored.late.max(touch.late), ..stored };
        if touched != stored {
            let mut batch = files.batch(Durability::Process);
            batch.insert(&files.state, key, encode_hour_state(&touched));
            batch.commit()?;
        }
    }
    Ok(())
}

pub(super) fn ship_hour(files: &Files, source: SourceId, hour: u32, shipped: Clock) -> Result<(), EngineError> {
    let _update = files.update.lock();
    let key = hour_key(hour, source);
    let stored = hour_of(files, &key)?;
    if stored.shipped >= Some(shipped) {
        return Ok(());
    }
    let mut batch = files.batch(Durability::Process);
    batch.insert(&files.state, key, encode_hour_state(&HourState { shipped: Some(shipped), ..stored }));
    Ok(batch.commit()?)
}

pub(super) fn read_hours(files: &Files) -> Result<Vec<HourRow>, EngineError> {
    let read = |item: fjall::Guard| {
        let (key, value) = item.into_inner()?;
        let partition = key.get(13..).and_then(|rest| rest.first_chunk::<2>()).ok_or_else(short)?;
        let source = SourceId { epoch: u64_at(&key, 5)?, partition: u16::from_be_bytes(*partition) };
        let state = decode_hour_state(&value).map_err(damaged)?;
        Ok(HourRow { shard: source.partition, hour: u32_at(&key, 1)?, source, state })
    };
    files.state.prefix([b'h']).map(read).collect()
}
