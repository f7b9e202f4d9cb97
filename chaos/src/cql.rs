//! Counting the minutes in Cassandra by plain statements over the typed columns of `rollup_1m`.

use std::collections::HashMap;

use anyhow::Context;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use crate::tally::{Cell, MINUTE_MS, Tally};

/// A keyspace of the store.
pub struct Keyspace {
    session: Session,
}

impl Keyspace {
    pub async fn connect(contact_points: &[String], keyspace: &str) -> anyhow::Result<Self> {
        let builder = SessionBuilder::new().known_nodes(contact_points).use_keyspace(keyspace, true);
        Ok(Self { session: builder.build().await.context("connecting to Cassandra")? })
    }

    /// Minutes of all series: a minute is the sum over its fragments.
    pub async fn minutes(&self) -> anyhow::Result<Tally> {
        let ids = self.ids().await?;
        let mut tally = Tally::default();
        let statement = "SELECT metric_id, minute, count, sum FROM rollup_1m";
        let mut page = scylla::response::PagingState::start();
        loop {
            let (result, next) = self.session.query_single_page(statement, (), page).await?;
            let rows = result.into_rows_result()?;
            for row in rows.rows::<(Vec<u8>, i32, Option<i64>, Option<f64>)>()? {
                let (metric_id, minute, count, sum) = row?;
                // Other series than the clients' may be there: those of the targets themselves.
                let Some(id) = ids.get(&metric_id) else { continue };
                let samples = u64::try_from(count.unwrap_or(0))?;
                let cell = Cell { samples, sum: sum.unwrap_or(0.0) as i64 };
                tally.add_window(id, i64::from(minute) * MINUTE_MS, cell);
            }
            match next.into_paging_control_flow() {
                std::ops::ControlFlow::Continue(next) => page = next,
                std::ops::ControlFlow::Break(()) => return Ok(tally),
            }
        }
    }

    /// By partition and, for a log that was made anew, epoch: the offset from which a record may not be stored yet.
    pub async fn resume_offsets(&self) -> anyhow::Result<HashMap<(i32, i64), i64>> {
        let statement = "SELECT source_partition, source_epoch, resume_offset FROM progress WHERE bucket = 0";
        let rows = self.session.query_unpaged(statement, ()).await?.into_rows_result()?;
        let mut offsets = HashMap::new();
        for row in rows.rows::<(i32, i64, i64)>()? {
            let (partition, epoch, resume_offset) = row?;
            offsets.insert((partition, epoch), resume_offset);
        }
        Ok(offsets)
    }

    /// The label `id` of each series that has one.
    async fn ids(&self) -> anyhow::Result<HashMap<Vec<u8>, String>> {
        let mut ids = HashMap::new();
        let statement = "SELECT metric_id, labels FROM series";
        let mut page = scylla::response::PagingState::start();
        loop {
            let (result, next) = self.session.query_single_page(statement, (), page).await?;
            let rows = result.into_rows_result()?;
            for row in rows.rows::<(Vec<u8>, HashMap<String, String>)>()? {
                let (metric_id, mut labels) = row?;
                if let Some(id) = labels.remove("id") {
                    ids.insert(metric_id, id);
                }
            }
            match next.into_paging_control_flow() {
                std::ops::ControlFlow::Continue(next) => page = next,
                std::ops::ControlFlow::Break(()) => return Ok(ids),
            }
        }
    }
}
