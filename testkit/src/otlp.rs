//! OTLP requests of gauges, over gRPC and HTTP.

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};

use crate::Series;

/// One gauge a series, all below one resource without attributes.
pub fn gauges(series: &[Series]) -> ExportMetricsServiceRequest {
    let metrics = series.iter().map(gauge).collect();
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }],
    }
}

fn gauge(series: &Series) -> Metric {
    let attributes: Vec<KeyValue> = series
        .labels
        .iter()
        .filter(|(name, _)| name != "__name__")
        .map(|(name, value)| KeyValue {
            key: name.clone(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
            ..KeyValue::default()
        })
        .collect();
    let points = series.samples.iter().map(|&(time_ms, value)| NumberDataPoint {
        attributes: attributes.clone(),
        time_unix_nano: time_ms.max(0).cast_unsigned() * 1_000_000,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    });
    Metric {
        name: series.name().to_owned(),
        data: Some(metric::Data::Gauge(Gauge { data_points: points.collect() })),
        ..Metric::default()
    }
}

/// Exports over gRPC.
pub async fn export(grpc_url: &str, series: &[Series]) -> anyhow::Result<ExportMetricsServiceResponse> {
    let mut client = MetricsServiceClient::connect(grpc_url.to_owned()).await?;
    Ok(client.export(gauges(series)).await?.into_inner())
}

/// Exports over HTTP, as JSON.
pub async fn export_json(http_url: &str, series: &[Series]) -> anyhow::Result<reqwest::Response> {
    let body = serde_json::to_vec(&gauges(series))?;
    let request = reqwest::Client::new().post(format!("{http_url}/v1/metrics"));
    Ok(request.header("content-type", "application/json").body(body).send().await?)
}
