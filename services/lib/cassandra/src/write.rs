//! Many rows at once, in as few requests as [`crate::batch`] says.

use std::collections::HashMap;

use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use tidegate_hotstore::StoreError;

use crate::batch::{Place, gather};
use crate::database::{Database, each};

/// By a node's count a value has its timestamps and times to live besides
/// itself. Numbers of all sizes are taken for 8 bytes.
const VALUE_BYTES: usize = 24;

/// A row to be written.
pub(crate) struct Write<'a> {
    statement: &'a PreparedStatement,
    values: Box<dyn SerializeRow + Send + Sync + 'a>,
    size_bytes: usize,
}

impl<'a> Write<'a> {
    /// `variable_bytes`: texts, blobs and collections among the values.
    pub fn new(
        statement: &'a PreparedStatement,
        values: impl SerializeRow + Send + Sync + 'a,
        variable_bytes: usize,
    ) -> Self {
        let columns = statement.get_variable_col_specs().len();
        Self { statement, values: Box::new(values), size_bytes: columns * VALUE_BYTES + variable_bytes }
    }
}

impl Database {
    /// Some may be written where this fails.
    pub async fn write_all(&self, writes: Vec<Write<'_>>) -> Result<(), StoreError> {
        let batches = gather(&self.places(&writes));
        each(&batches, self.write_concurrency, |batch| self.write_batch(&writes, batch)).await.map(drop)
    }

    async fn write_batch(&self, writes: &[Write<'_>], batch: &[usize]) -> Result<(), StoreError> {
        if let [one] = batch {
            let Write { statement, values, .. } = &writes[*one];
            return self.execute(statement, values).await;
        }
        let mut statements = Batch::new(BatchType::Unlogged);
        statements.set_is_idempotent(true);
        let mut values = Vec::with_capacity(batch.len());
        for write in batch.iter().map(|at| &writes[*at]) {
            statements.append_statement(write.statement.clone());
            values.push(&write.values);
        }
        let request = || self.session.batch(&statements, &values);
        let _: QueryResult = self.persist_write(request).await?;
        Ok(())
    }

    /// The replicas are those that the driver knows of now. Where they have just moved a batch takes one more hop.
    fn places(&self, writes: &[Write<'_>]) -> Vec<Place> {
        let cluster = self.session.get_cluster_state();
        let mut sets = HashMap::new();
        let place = |Write { statement, values, size_bytes }: &Write<'_>| {
            let token = statement.calculate_token(values).ok().flatten();
            let nodes = token.zip(statement.get_table_spec()).map(|(token, table)| {
                let endpoints = cluster.get_token_endpoints(table.ks_name(), table.table_name(), token);
                let mut nodes: Vec<_> = endpoints.iter().map(|(node, shard)| (node.host_id, *shard)).collect();
                nodes.sort_unstable();
                nodes
            });
            let next = sets.len();
            let replicas = *sets.entry(nodes).or_insert(next);
            Place { replicas, token: token.map_or(0, |token| token.value()), size_bytes: *size_bytes }
        };
        writes.iter().map(place).collect()
    }
}
