//! `opentelemetry.proto.collector.metrics.v1.MetricsService/Export`.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;

use super::unary::Method;
use crate::batch::Outcome;
use crate::metrics::Protocol;
use crate::otlp_answer;

pub struct Export;

impl Method for Export {
    const SERVICE: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
    const METHOD: &'static str = "Export";
    const PROTOCOL: Protocol = Protocol::OtlpGrpc;
    type Answer = ExportMetricsServiceResponse;

    fn answer(outcome: Outcome) -> ExportMetricsServiceResponse {
        otlp_answer::of(&outcome)
    }
}
