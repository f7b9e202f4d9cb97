use std::sync::Arc;

use super::*;
use crate::conformance::{self, Harness};

struct InMemory;

#[async_trait]
impl Harness for InMemory {
    async fn create(&self) -> Arc<dyn HotStore> {
        Arc::new(MemoryStore::new())
    }

    async fn reopen(&self, store: Arc<dyn HotStore>) -> Option<Arc<dyn HotStore>> {
        Some(store)
    }
}

#[tokio::test]
async fn conforms() {
    conformance::run(&InMemory).await;
}

#[tokio::test]
async fn it_fails_when_told_to() {
    let store = MemoryStore::new();
    store.set_failing(Failing::Writes(2));
    for _ in 0..2 {
        assert!(matches!(store.partition_count(4).await, Err(StoreError::Unavailable(_))));
    }
    assert_eq!(store.read_hours().await.expect("reads go on"), []);
    assert_eq!(store.partition_count(4).await.expect("the third write"), 4);
    store.set_failing(Failing::Everything);
    assert!(matches!(store.read_hours().await, Err(StoreError::Unavailable(_))));
    store.set_failing(Failing::Nothing);
    assert_eq!(store.partition_count(5).await.expect("available again"), 4);
}
