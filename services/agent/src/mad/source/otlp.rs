//! OTLP metrics over gRPC. Java has it on the daemon's own port; it is served
//! on one of its own as well.

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use tidegate_mad::parse::otlp;
use tidegate_runtime::Tasks;
use tidegate_runtime::server::{Limits, Protocol, Server, ServerMetrics};
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::SourceMetrics;
use crate::mad::feed::Feed;

/// The path of the one method, for who mounts the router among others.
pub const PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

struct Service {
    feed: Feed,
    metrics: SourceMetrics,
}

/// Answers to [`PATH`], over HTTP/2.
pub fn router(feed: Feed, metrics: SourceMetrics, max_message_bytes: usize) -> axum::Router {
    let service = MetricsServiceServer::new(Service { feed, metrics })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(max_message_bytes);
    Routes::new(service).into_axum_router()
}

/// Serves it on a port of its own.
pub fn serve(listener: TcpListener, router: axum::Router, metrics: ServerMetrics, tasks: &mut Tasks) {
    let server = Server { listener, protocol: Protocol::Grpc, router, limits: Limits::default(), metrics };
    tasks.spawn("agent-otlp", |cancel| server.serve(cancel));
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.received.inc();
        let records = otlp::parse(request.get_ref()).map_err(|error| {
            self.metrics.refuse(&error);
            Status::internal(error.to_string())
        })?;
        self.feed.send(records).await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[cfg(test)]
mod tests;
