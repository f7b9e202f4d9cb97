//! `opentelemetry.proto.collector.metrics.v1.MetricsService/Export`.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use tidegate_codec::ingest::Encoding;
use tonic::Status;

use super::status;
use super::unary::Method;
use crate::caller::Caller;
use crate::error::Error;
use crate::metrics::Protocol;
use crate::otlp_answer;
use crate::service::{Gateway, Request};

pub struct Export {
    gateway: Arc<Gateway>,
}

impl Export {
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

impl Method for Export {
    const SERVICE: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
    const METHOD: &'static str = "Export";
    type Answer = ExportMetricsServiceResponse;

    async fn call(self: Arc<Self>, caller: Caller, body: Bytes) -> Result<ExportMetricsServiceResponse, Status> {
        let (protocol, encoding) = (Protocol::OtlpGrpc, Encoding::Identity);
        let request = Request { caller, protocol, encoding, body: &body, idempotency_key: None };
        let outcome = self.gateway.ingest(request).await.map_err(|error| status::of(&error))?;
        Ok(otlp_answer::of(&outcome))
    }

    fn failed(&self, error: Error) {
        self.gateway.count(Protocol::OtlpGrpc, &Err(error));
    }
}
