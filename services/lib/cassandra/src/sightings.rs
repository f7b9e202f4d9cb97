//! Batch ids that were seen, and snapshots of the sessions.

use scylla::statement::prepared::PreparedStatement;
use tidegate_codec::stored::rows::{decode_sessions, decode_sightings, encode_sessions, encode_sightings};
use tidegate_hotstore::StoreError;
use tidegate_model::time::MINUTES_PER_HOUR;
use tidegate_model::{SessionsSnapshot, SightingsChunk, SourceId};

use crate::config::Retention;
use crate::database::{Database, corrupt};
use crate::error::OpenError;
use crate::state::columns;
use crate::versions;

/// Twice what the fold remembers.
const KEEP_NEW_IDS: i64 = 100_000;
/// Hours of effective time that are kept anyhow.
const KEEP_HOURS: i32 = 4;

pub(crate) struct Sightings {
    insert: PreparedStatement,
    insert_hour: PreparedStatement,
    select_hours: PreparedStatement,
    delete: PreparedStatement,
    delete_hour: PreparedStatement,
    select_minutes: PreparedStatement,
    select: PreparedStatement,
    insert_sessions: PreparedStatement,
    select_sessions: PreparedStatement,
    ttl: i32,
}

impl Sightings {
    pub async fn prepare(database: &Database, retention: &Retention) -> Result<Self, OpenError> {
        let of_source = "source_epoch = ? AND source_partition = ?";
        let insert = "INSERT INTO sightings (source_epoch, source_partition, era, hour, minute, first_offset, row) \
                      VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
        let insert_hour = "INSERT INTO sighting_hours (source_epoch, source_partition, era, hour, last_offset, new_ids) \
                           VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
        let select_hours = format!("SELECT era, hour, last_offset, new_ids FROM sighting_hours WHERE {of_source}");
        let of_hour = format!("{of_source} AND era = ? AND hour = ?");
        let delete = format!("DELETE FROM sightings USING TIMESTAMP ? WHERE {of_hour}");
        let delete_hour = format!("DELETE FROM sighting_hours USING TIMESTAMP ? WHERE {of_hour}");
        let select_minutes = format!("SELECT minute, first_offset FROM sightings WHERE {of_hour}");
        let select = format!("SELECT row FROM sightings WHERE {of_hour} AND minute = ?");
        let insert_sessions =
            "INSERT INTO sessions (source_epoch, source_partition, before_offset, row) VALUES (?, ?, ?, ?) USING TTL ?";
        let select_sessions = format!("SELECT row FROM sessions WHERE {of_source} AND before_offset <= ? LIMIT 1");
        Ok(Self {
            insert: database.prepare(insert).await?,
            insert_hour: database.prepare(insert_hour).await?,
            select_hours: database.prepare(&select_hours).await?,
            delete: database.prepare(&delete).await?,
            delete_hour: database.prepare(&delete_hour).await?,
            select_minutes: database.prepare(&select_minutes).await?,
            select: database.prepare(&select).await?,
            insert_sessions: database.prepare(insert_sessions).await?,
            select_sessions: database.prepare(&select_sessions).await?,
            ttl: retention.state_seconds(),
        })
    }

    pub async fn write(&self, database: &Database, chunks: &[SightingsChunk]) -> Result<(), StoreError> {
        for chunk in chunks {
            let (Some(first), Some(last)) = (chunk.entries.first(), chunk.entries.last()) else { continue };
            let (epoch, partition) = columns(chunk.source);
            let (era, hour) = (chunk.era as i32, (chunk.minute / MINUTES_PER_HOUR) as i32);
            let (last_offset, new_ids) = (last.offset as i64, last.new_ids as i64);
            let stamp = versions::of_offset(last.offset);
            // The hour first: without it the chunk is not found.
            let values = (epoch, partition, era, hour, last_offset, new_ids, stamp, self.ttl);
            database.execute(&self.insert_hour, values).await?;
            let (minute, first_offset, stamp) =
                (chunk.minute as i32, first.offset as i64, versions::of_sightings(chunk));
            let values = (epoch, partition, era, hour, minute, first_offset, encode_sightings(chunk), stamp, self.ttl);
            database.execute(&self.insert, values).await?;
        }
        Ok(())
    }

    /// As [`tidegate_hotstore::HotStore::read_sightings`].
    pub async fn read(
        &self,
        database: &Database,
        source: SourceId,
        before_offset: u64,
        max_chunks: usize,
    ) -> Result<Vec<SightingsChunk>, StoreError> {
        let (epoch, partition) = columns(source);
        let mut chunks = Vec::new();
        for Hour { era, hour, .. } in self.hours(database, source).await? {
            let place = (epoch, partition, era, hour);
            let minutes: Vec<(i32, Option<i64>)> = database.rows(&self.select_minutes, place).await?;
            for (minute, first_offset) in minutes {
                if chunks.len() >= max_chunks {
                    return Ok(chunks);
                }
                if first_offset.is_none_or(|first| first as u64 >= before_offset) {
                    continue;
                }
                let values = (epoch, partition, era, hour, minute);
                let rows: Vec<(Vec<u8>,)> = database.rows(&self.select, values).await?;
                for (row,) in rows {
                    chunks.push(decode_sightings(&row).map_err(corrupt)?);
                }
            }
        }
        Ok(chunks)
    }

    /// Latest first.
    async fn hours(&self, database: &Database, source: SourceId) -> Result<Vec<Hour>, StoreError> {
        let rows: Vec<(i32, i32, Option<i64>, Option<i64>)> =
            database.rows(&self.select_hours, columns(source)).await?;
        let hour = |(era, hour, last_offset, new_ids): (i32, i32, Option<i64>, Option<i64>)| {
            let (last_offset, new_ids) = last_offset.zip(new_ids)?;
            Some(Hour { era, hour, last_offset, new_ids })
        };
        Ok(rows.into_iter().filter_map(hour).collect())
    }

    /// Deletes the hours that no take-over needs any more.
    async fn forget(&self, database: &Database, snapshot: &SessionsSnapshot) -> Result<(), StoreError> {
        let (epoch, partition) = columns(snapshot.source);
        let hours = self.hours(database, snapshot.source).await?;
        for hour in forgotten(&hours, snapshot.offset as i64) {
            let place = (epoch, partition, hour.era, hour.hour);
            let stamp = versions::after_sightings(hour.hour as u32);
            database.execute(&self.delete, (stamp, place.0, place.1, place.2, place.3)).await?;
            let stamp = versions::of_offset(hour.last_offset as u64);
            database.execute(&self.delete_hour, (stamp, place.0, place.1, place.2, place.3)).await?;
        }
        Ok(())
    }

    pub async fn write_sessions(&self, database: &Database, snapshot: &SessionsSnapshot) -> Result<(), StoreError> {
        let (epoch, partition) = columns(snapshot.source);
        let values = (epoch, partition, snapshot.offset as i64, encode_sessions(snapshot), self.ttl);
        database.execute(&self.insert_sessions, values).await?;
        self.forget(database, snapshot).await
    }

    pub async fn read_sessions(
        &self,
        database: &Database,
        source: SourceId,
        at_offset: u64,
    ) -> Result<Option<SessionsSnapshot>, StoreError> {
        let (epoch, partition) = columns(source);
        let at_offset = i64::try_from(at_offset).unwrap_or(i64::MAX);
        let rows: Vec<(Vec<u8>,)> = database.rows(&self.select_sessions, (epoch, partition, at_offset)).await?;
        rows.first().map(|(row,)| decode_sessions(row).map_err(corrupt)).transpose()
    }
}

/// An hour of sightings of a source, as of its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hour {
    era: i32,
    hour: i32,
    last_offset: i64,
    new_ids: i64,
}

/// Of the hours, which are latest first, those that are both old and followed
/// by more ids than the fold remembers, and that the snapshot covers.
fn forgotten(hours: &[Hour], snapshot_offset: i64) -> impl Iterator<Item = &Hour> {
    let latest = hours.first().copied();
    hours.iter().filter(move |hour| {
        latest.is_some_and(|latest| {
            let old = hour.era < latest.era || hour.hour.saturating_add(KEEP_HOURS) < latest.hour;
            let many_since = hour.new_ids.saturating_add(KEEP_NEW_IDS) < latest.new_ids;
            old && many_since && hour.last_offset < snapshot_offset
        })
    })
}

#[cfg(test)]
mod tests;
