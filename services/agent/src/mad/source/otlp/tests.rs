use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use tidegate_runtime::server::listen;
use tonic::Code;

use super::*;
use crate::mad::source::test_feed::{feed, metrics};

fn request(attributes: &[&str]) -> ExportMetricsServiceRequest {
    let attribute = |key: &&str| KeyValue {
        key: (*key).into(),
        value: Some(AnyValue { value: Some(any_value::Value::BoolValue(true)) }),
        ..KeyValue::default()
    };
    let point =
        NumberDataPoint { attributes: attributes.iter().map(attribute).collect(), ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: vec![point] }));
    let metric = Metric { name: "otel".into(), data, ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

#[tokio::test]
async fn exports_are_taken_on_a_port_of_their_own() {
    let ((feed, mut taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
    let listener = listen("otlp", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    serve(listener, router(feed, metrics.clone(), 1 << 16), ServerMetrics::default(), &mut tasks);
    let client = MetricsServiceClient::connect(endpoint).await.unwrap();
    let mut zipped = client.clone().send_compressed(CompressionEncoding::Gzip);
    let mut client = client;
    client.export(request(&["a"])).await.unwrap();
    assert_eq!(taken.names(1).await, ["otel"]);
    let twice = client.export(request(&["a", "a"])).await.unwrap_err();
    assert_eq!(twice.code(), Code::Internal);
    zipped.export(request(&["b"])).await.unwrap();
    assert_eq!(taken.records(1).await[0].dimensions.get("b"), Some("true"));
    let names: Vec<String> = (0..20_000).map(|n| format!("k{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(zipped.export(request(&names)).await.is_err(), "larger than a message may be");
    taken.close();
    assert_eq!(client.export(request(&["a"])).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(metrics.refused(), 1);
}
