//! OTLP, and on which port.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use tidegate_testkit::{AggregationServer, eventually, now_ms, ports};

use crate::{Daemon, EVERY, LIMIT, pipeline, received, totals};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otlp_is_taken_on_its_port_and_where_asked_for_on_the_http_port() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    let otlp = ports::free_port()?;
    let class = "com.arpnetworking.metrics.mad.experimental.sources.OpenTelemetryGrpcSource";
    let on_http = format!("supplementalHttpRoutesClass = \"{class}$Routes\"");
    daemon.configure(&format!("otlpGrpcPort = {otlp}"))?;
    let source = format!("sources = ${{sources}} [{{ type = {class}, name = otlp }}]");
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, &source))?;
    daemon.start().await?;

    export(otlp).await?;
    let refused = export(daemon.http).await.expect_err("the HTTP port is not asked for");
    assert_eq!(refused.code(), tonic::Code::Unimplemented, "{refused}");
    daemon.configure(&format!("otlpGrpcPort = {otlp}\n{on_http}"))?;
    let taken = async || Ok(export(daemon.http).await.ok());
    eventually("OTLP on the HTTP port", LIMIT, EVERY, taken).await?;
    daemon.stop().await?;
    assert_eq!(totals(&received(&server)?, "count")["otlp"], 2.0);
    Ok(())
}

/// One gauge with the dimensions that aggregation servers demand.
async fn export(port: u16) -> Result<(), tonic::Status> {
    let text = |text: &str| AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) };
    let attribute = |(name, value): (&str, &str)| KeyValue {
        key: name.to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    let point = NumberDataPoint {
        attributes: [("cluster", "c"), ("host", "h"), ("service", "s")].map(attribute).to_vec(),
        time_unix_nano: now_ms() as u64 * 1_000_000,
        value: Some(number_data_point::Value::AsDouble(1.0)),
        ..NumberDataPoint::default()
    };
    let gauge = metric::Data::Gauge(Gauge { data_points: vec![point] });
    let metric = Metric { name: "otlp".into(), data: Some(gauge), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
    let client = MetricsServiceClient::connect(format!("http://127.0.0.1:{port}")).await;
    let mut client = client.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    client.export(ExportMetricsServiceRequest { resource_metrics: vec![resource] }).await.map(|_| ())
}
