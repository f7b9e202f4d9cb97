//! `AggregationServerHttpSink`: posts a frame for each result.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use tidegate_mad::Periodic;
use tidegate_mad::emit::aggregation::statistic_set;
use tokio::time::Instant;

use super::delivery::{Delivery, Outcome, Transport};
use super::metrics::SinkMetrics;
use super::poster::Poster;
use super::{One, Sink, each_demanded};

pub fn headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/protobuf"))])
}

#[async_trait]
impl Transport for Frames {
    type Message = One;

    async fn send(&self, message: &One) -> Outcome {
        // Made here and not when the result came: what is evicted costs nothing.
        match statistic_set(message.result()) {
            Ok(frame) => self.0.post(frame.into()).await,
            Err(lacks) => Outcome::Refused(lacks.to_string()),
        }
    }
}

pub struct Frames(pub Poster);

pub struct AggregationHttp {
    pub delivery: Delivery<One>,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for AggregationHttp {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        each_demanded(results, &self.metrics, |one| self.delivery.send(one, 1));
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.delivery.close(deadline).await;
    }
}

#[cfg(test)]
mod tests;
