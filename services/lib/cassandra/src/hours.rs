//! What is touched and shipped of each hour.

use std::collections::BTreeMap;

use scylla::statement::prepared::PreparedStatement;
use tidegate_hotstore::{HourRow, StoreError};
use tidegate_model::{Clock, HourState, SourceId, Touch};

use crate::config::Retention;
use crate::database::{Database, each};
use crate::error::OpenError;
use crate::state::columns;
use crate::versions;

pub(crate) struct ShippedHours {
    touch: PreparedStatement,
    late: PreparedStatement,
    ship: PreparedStatement,
    select: PreparedStatement,
    select_late: PreparedStatement,
    ttl: i32,
}

/// hour, epoch, partition, era, touched, shipped
type Columns = (i32, i64, i32, i32, Option<i64>, Option<i64>);
/// hour, epoch, partition, era, late
type LateColumns = (i32, i64, i32, i32, i64);

impl ShippedHours {
    pub async fn prepare(database: &Database, retention: &Retention) -> Result<Self, OpenError> {
        let insert = |table: &str, what: &str| {
            format!(
                "INSERT INTO {table} (bucket, hour, source_epoch, source_partition, era, {what}_ms) \
                 VALUES (0, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
            )
        };
        let select = "SELECT hour, source_epoch, source_partition, era, touched_ms, shipped_ms FROM hours \
                      WHERE bucket = 0";
        let select_late = "SELECT hour, source_epoch, source_partition, era, late_ms FROM late_hours WHERE bucket = 0";
        Ok(Self {
            touch: database.prepare(&insert("hours", "touched")).await?,
            late: database.prepare(&insert("late_hours", "late")).await?,
            ship: database.prepare(&insert("hours", "shipped")).await?,
            select: database.prepare(select).await?,
            select_late: database.prepare(select_late).await?,
            ttl: retention.state_seconds(),
        })
    }

    /// Late samples first: who sees that an hour was touched sees by what.
    pub async fn touch(&self, database: &Database, source: SourceId, touches: &[Touch]) -> Result<(), StoreError> {
        let touch = async |touch: &Touch| {
            if let Some(late) = touch.late {
                self.note(database, &self.late, source, touch.hour, late).await?;
            }
            self.note(database, &self.touch, source, touch.hour, touch.closed).await
        };
        each(touches, database.write_concurrency, touch).await.map(drop)
    }

    pub async fn ship(
        &self,
        database: &Database,
        source: SourceId,
        hour: u32,
        shipped: Clock,
    ) -> Result<(), StoreError> {
        self.note(database, &self.ship, source, hour, shipped).await
    }

    async fn note(
        &self,
        database: &Database,
        statement: &PreparedStatement,
        source: SourceId,
        hour: u32,
        clock: Clock,
    ) -> Result<(), StoreError> {
        let (epoch, partition) = columns(source);
        let (era, effective_ms) = (clock.era as i32, clock.effective_ms);
        let values = (hour as i32, epoch, partition, era, effective_ms, versions::within_era(clock), self.ttl);
        database.execute(statement, values).await
    }

    pub async fn read(&self, database: &Database) -> Result<Vec<HourRow>, StoreError> {
        let rows: Vec<Columns> = database.rows(&self.select, ()).await?;
        // In this order: what touched an hour is known to be late before.
        let late: Vec<LateColumns> = database.rows(&self.select_late, ()).await?;
        Ok(join(rows, late))
    }
}

/// Of the eras of an hour the last one that has a clock.
fn join(rows: Vec<Columns>, late: Vec<LateColumns>) -> Vec<HourRow> {
    let mut hours: BTreeMap<(u32, SourceId), HourState> = BTreeMap::new();
    for (hour, epoch, partition, era, touched_ms, shipped_ms) in rows {
        let source = SourceId { epoch: epoch as u64, partition: partition as u16 };
        let clock = |effective_ms| Clock { era: era as u32, effective_ms };
        let state = hours.entry((hour as u32, source)).or_default();
        state.touched = state.touched.max(touched_ms.map(clock).unwrap_or_default());
        state.shipped = state.shipped.max(shipped_ms.map(clock));
    }
    for (hour, epoch, partition, era, late_ms) in late {
        let source = SourceId { epoch: epoch as u64, partition: partition as u16 };
        // What is late only is about to be touched.
        if let Some(state) = hours.get_mut(&(hour as u32, source)) {
            state.late = state.late.max(Some(Clock { era: era as u32, effective_ms: late_ms }));
        }
    }
    let row = |((hour, source), state): ((u32, SourceId), HourState)| HourRow {
        shard: source.partition,
        hour,
        source,
        state,
    };
    hours.into_iter().map(row).collect()
}
