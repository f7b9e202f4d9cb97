//! `tidegate.v1.Ingest/Push`.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_codec::ingest::Encoding;
use tidegate_proto::v1::{PushResponse, Rejection};
use tonic::Status;

use super::status;
use super::unary::Method;
use crate::caller::Caller;
use crate::error::Error;
use crate::metrics::Protocol;
use crate::service::{Gateway, Request};

pub struct Push {
    gateway: Arc<Gateway>,
}

impl Push {
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

impl Method for Push {
    const SERVICE: &'static str = "tidegate.v1.Ingest";
    const METHOD: &'static str = "Push";
    type Answer = PushResponse;

    async fn call(self: Arc<Self>, caller: Caller, body: Bytes) -> Result<PushResponse, Status> {
        let (protocol, encoding) = (Protocol::Push, Encoding::Identity);
        let request = Request { caller, protocol, encoding, body: &body, idempotency_key: None };
        let outcome = self.gateway.ingest(request).await.map_err(|error| status::of(&error))?;
        let accepted_samples = outcome.accepted();
        let rejected = outcome.rejected.into_iter();
        let rejected = rejected.map(|one| Rejection { series: one.index, samples: one.samples, reason: one.reason });
        Ok(PushResponse { accepted_samples, rejected: rejected.collect() })
    }

    fn failed(&self, error: Error) {
        self.gateway.count(Protocol::Push, &Err(error));
    }
}
