//! The suite that every store passes.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_cassandra::Config;
use tidegate_hotstore::HotStore;
use tidegate_hotstore::conformance::{self, Expiry, Harness};
use tokio::sync::Mutex;

use super::shared::{config, open, reopen};

struct Keyspaces {
    contact_points: Config,
    latest: Mutex<Option<Config>>,
}

#[async_trait]
impl Harness for Keyspaces {
    async fn create(&self) -> Arc<dyn HotStore> {
        let keyspace = tidegate_testkit::stack::unique_name('_');
        let config = Config { keyspace, ..self.contact_points.clone() };
        let store = open(&config).await;
        *self.latest.lock().await = Some(config);
        Arc::new(store)
    }

    async fn reopen(&self, store: Arc<dyn HotStore>) -> Option<Arc<dyn HotStore>> {
        drop(store);
        let config = self.latest.lock().await.clone().expect("a store was made before");
        Some(Arc::new(reopen(&config).await))
    }

    fn expiry(&self) -> Expiry {
        Expiry::ByThemselves
    }
}

#[tokio::test]
async fn passes_the_conformance_suite() {
    let Some(config) = config("the store on Cassandra") else { return };
    conformance::run(&Keyspaces { contact_points: config, latest: Mutex::default() }).await;
}
