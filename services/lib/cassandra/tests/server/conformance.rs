//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use scylla::client::session::Session;
use tidegate_cassandra::{Config, migrate};
use tidegate_hotstore::HotStore;
use tidegate_hotstore::conformance::{self, Expiry, Harness};

use super::shared::{clean_up, config, cqlsh, reopen};

/// One keyspace, whose tables are emptied for each check: to make them takes longer.
struct Emptied {
    config: Config,
    session: Session,
    tables: Vec<String>,
}

impl Emptied {
    async fn new(config: Config) -> Self {
        migrate(&config).await.expect("the tables are made");
        let session = cqlsh(&config).await;
        let select = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
        let answer = session.query_unpaged(select, (&config.keyspace,)).await.expect("answered");
        let rows = answer.into_rows_result().expect("rows");
        let tables = rows.rows::<(String,)>().expect("names").map(|row| row.expect("a name").0);
        let tables = tables.filter(|name| !name.starts_with("schema_")).collect();
        Self { config, session, tables }
    }
}

#[async_trait]
impl Harness for Emptied {
    async fn create(&self) -> Arc<dyn HotStore> {
        for table in &self.tables {
            self.session.query_unpaged(format!("TRUNCATE {table}"), ()).await.expect("emptied");
        }
        Arc::new(reopen(&self.config).await)
    }

    async fn reopen(&self, store: Arc<dyn HotStore>) -> Option<Arc<dyn HotStore>> {
        drop(store);
        Some(Arc::new(reopen(&self.config).await))
    }

    fn expiry(&self) -> Expiry {
        Expiry::ByThemselves
    }
}

#[tokio::test]
async fn passes_the_conformance_suite() {
    let Some(config) = config("the store on Cassandra") else { return };
    conformance::run(&Emptied::new(config.clone()).await).await;
    clean_up(&config).await;
}
