//! Where scrapes go.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::batch::{Describe, ScrapeBatches};
use super::series::Scraped;
use crate::outbox::Outbox;

#[async_trait]
pub trait Destination: Send + Sync + 'static {
    /// Takes a scrape; types and help texts only where they are wanted.
    async fn hand_on(&self, scraped: &Scraped, describe: Describe);
}

/// Through the agent's outbox to a gateway; clones share their session.
#[derive(Clone)]
pub struct ToGateway {
    batches: Arc<Mutex<ScrapeBatches>>,
    outbox: Outbox,
}

impl ToGateway {
    pub fn new(batches: ScrapeBatches, outbox: Outbox) -> Self {
        Self { batches: Arc::new(Mutex::new(batches)), outbox }
    }
}

#[async_trait]
impl Destination for ToGateway {
    async fn hand_on(&self, scraped: &Scraped, describe: Describe) {
        // Held meanwhile, so that pushes wait in the order of their numbers.
        let mut batches = self.batches.lock().await;
        for batch in batches.encode(scraped, describe) {
            self.outbox.add(batch).await;
        }
    }
}
