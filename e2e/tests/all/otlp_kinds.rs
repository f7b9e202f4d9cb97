//! Every kind of OTLP metric is taken and answers what its numbers say.

use anyhow::ensure;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, number_data_point,
};
use tidegate_testkit::{Server, eventually, now_ms};

use crate::support::{SEEN_LIMIT, gives};

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;
const DELTA: i32 = AggregationTemporality::Delta as i32;

fn sum(temporality: i32, points: &[(u64, f64)]) -> Data {
    let points = points.iter().map(|&(time_unix_nano, value)| NumberDataPoint {
        time_unix_nano,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    });
    Data::Sum(Sum { data_points: points.collect(), aggregation_temporality: temporality, is_monotonic: true })
}

/// 100 values: 10 up to 0.1, 80 up to 0.5, 9 up to 1, one above.
fn histogram(temporality: i32, time_unix_nano: u64) -> Data {
    let point = HistogramDataPoint {
        time_unix_nano,
        count: 100,
        sum: Some(32.0),
        explicit_bounds: vec![0.1, 0.5, 1.0],
        bucket_counts: vec![10, 80, 9, 1],
        ..HistogramDataPoint::default()
    };
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: temporality })
}

/// Four values in (1, 2], four in (2, 4].
fn exponential(temporality: i32, time_unix_nano: u64) -> Data {
    let point = ExponentialHistogramDataPoint {
        time_unix_nano,
        count: 8,
        sum: Some(18.0),
        scale: 0,
        positive: Some(Buckets { offset: 0, bucket_counts: vec![4, 4] }),
        ..ExponentialHistogramDataPoint::default()
    };
    Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![point], aggregation_temporality: temporality })
}

fn summary(time_unix_nano: u64) -> Data {
    let quantile_values = vec![ValueAtQuantile { quantile: 0.99, value: 0.8 }];
    let point = SummaryDataPoint { time_unix_nano, count: 3, sum: 1.5, quantile_values, ..SummaryDataPoint::default() };
    Data::Summary(Summary { data_points: vec![point] })
}

#[tokio::test]
async fn every_kind_of_metric_answers() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let at = |seconds_ago: i64| (now_ms() - seconds_ago * 1_000).cast_unsigned() * 1_000_000;
    let kinds = [
        ("counted", sum(CUMULATIVE, &[(at(12), 100.0), (at(2), 130.0)])),
        ("delta_counted", sum(DELTA, &[(at(12), 5.0), (at(2), 7.0)])),
        ("latency", histogram(CUMULATIVE, at(2))),
        ("delta_latency", histogram(DELTA, at(2))),
        ("size", exponential(CUMULATIVE, at(2))),
        ("delta_size", exponential(DELTA, at(2))),
        ("summed", summary(at(2))),
    ];
    let metric = |(name, data): (&str, Data)| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let metrics = kinds.into_iter().map(metric).collect();
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let mut client = MetricsServiceClient::connect(server.grpc_url()).await?;
    let answer = client.export(ExportMetricsServiceRequest { resource_metrics }).await?.into_inner();
    ensure!(answer.partial_success.as_ref().is_none_or(|part| part.rejected_data_points == 0), "{answer:?}");

    let api = server.api();
    gives(&api, "counted_total", 130.0, SEEN_LIMIT).await?;
    gives(&api, "increase(delta_counted_total[2m])", 12.0, SEEN_LIMIT).await?;
    gives(&api, "summed{quantile=\"0.99\"}", 0.8, SEEN_LIMIT).await?;
    gives(&api, "summed_count", 3.0, SEEN_LIMIT).await?;
    gives(&api, "summed_sum", 1.5, SEEN_LIMIT).await?;
    for (query, low, high) in [
        // Half way through the 80 values between 0.1 and 0.5, give or take the position within a value.
        ("histogram_quantile(0.5, latency)", 0.29, 0.31),
        ("histogram_quantile(0.5, size)", 1.99, 2.01),
        // Of a delta each bucket's values are taken at its middle.
        ("histogram_quantile(0.5, increase(delta_latency[2m]))", 0.29, 0.31),
        ("histogram_quantile(0.25, increase(delta_size[2m]))", 1.0, 2.0),
        ("histogram_quantile(0.75, increase(delta_size[2m]))", 2.0, 4.0),
    ] {
        eventually(query, SEEN_LIMIT, std::time::Duration::from_millis(500), async || {
            let number = api.number(query).await?;
            ensure!((low..=high).contains(&number), "{number} is not within {low} and {high}");
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}
