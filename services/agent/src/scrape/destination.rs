//! Where scrapes go.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::batch::{Describe, Scribe};
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
    scribe: Arc<Mutex<Scribe>>,
    outbox: Outbox,
}

impl ToGateway {
    pub fn new(scribe: Scribe, outbox: Outbox) -> Self {
        Self { scribe: Arc::new(Mutex::new(scribe)), outbox }
    }
}

#[async_trait]
impl Destination for ToGateway {
    async fn hand_on(&self, scraped: &Scraped, describe: Describe) {
        // Held meanwhile, so that pushes wait in the order of their numbers.
        let mut scribe = self.scribe.lock().await;
        for batch in scribe.write(scraped, describe) {
            self.outbox.add(batch).await;
        }
    }
}
