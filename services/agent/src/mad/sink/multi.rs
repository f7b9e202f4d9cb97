//! `MultiSink`: hands every result to several sinks.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use tidegate_mad::Periodic;
use tokio::time::Instant;

use super::Sink;

pub struct Multi {
    pub inner: Vec<Box<dyn Sink>>,
}

#[async_trait]
impl Sink for Multi {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        for sink in &mut self.inner {
            sink.take(results);
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        // Together: each has until the deadline.
        join_all(self.inner.into_iter().map(|sink| sink.close(deadline))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mad::sink::testing::{Kept, all, periodic};

    #[tokio::test]
    async fn every_sink_gets_everything_and_is_closed() {
        let kept = [Kept::default(), Kept::default()];
        let inner = kept.iter().map(|kept| Box::new(kept.clone()) as Box<dyn Sink>).collect();
        let mut sink = Box::new(Multi { inner });
        sink.take(&all([periodic("m", &[])]));
        sink.close(Instant::now()).await;
        assert!(kept.iter().all(|kept| kept.results().len() == 1 && kept.is_closed()));
    }
}
