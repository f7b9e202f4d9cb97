//! The suite that every log passes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate_eventlog::conformance::{self, Harness, PARTITIONS};
use tidegate_eventlog::{EventLog, Topic};
use tidegate_kafka::Config;
use tidegate_testkit::stack;

use super::shared;

struct Kafka {
    brokers: Vec<String>,
    /// By address of the log.
    configs: Mutex<HashMap<usize, Config>>,
}

fn address(log: &Arc<dyn EventLog>) -> usize {
    Arc::as_ptr(log).cast::<()>() as usize
}

impl Kafka {
    async fn open(&self, config: Config) -> Arc<dyn EventLog> {
        let log: Arc<dyn EventLog> = Arc::new(shared::open(&config).await);
        self.configs.lock().expect("lock").insert(address(&log), config);
        log
    }

    fn config(&self, log: &Arc<dyn EventLog>) -> Config {
        self.configs.lock().expect("lock")[&address(log)].clone()
    }
}

#[async_trait]
impl Harness for Kafka {
    async fn create(&self) -> Arc<dyn EventLog> {
        self.open(shared::config(&self.brokers, PARTITIONS)).await
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Option<Arc<dyn EventLog>> {
        let config = self.config(&log);
        drop(log);
        Some(self.open(config).await)
    }

    async fn truncate_start(&self, log: &Arc<dyn EventLog>, topic: Topic, partition: u16, start: u64) -> bool {
        shared::truncate_start(&self.config(log), topic, partition, start).await;
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_is_a_log() {
    let Some(brokers) = stack::kafka("kafka_is_a_log") else { return };
    conformance::run(&Kafka { brokers, configs: Mutex::default() }).await;
}
