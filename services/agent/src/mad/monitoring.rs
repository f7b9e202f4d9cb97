//! What sinks measure of the daemon's work, sent where its configuration says:
//! to itself as a rule, so that it is aggregated like anybody's.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use bytes::Bytes;
use prost::Message;
use tidegate_mad::config::{self, MonitoringSink};
use tidegate_mad::{Dimensions, Metric, Record};
use tidegate_proto::mad::client_v3;
use tidegate_runtime::Tasks;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::http::Routes;
use super::metrics::Metrics;
use super::own::OwnMetrics;
use super::sink::{Outcome, Poster};
use crate::host::collect;
use crate::http_client;

/// Between two requests; what is measured meanwhile goes together.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_RECORDS: usize = 1_000;
const TIMEOUT: Duration = Duration::from_secs(5);
const PATH: &str = "/metrics/v3/application";

/// Where records go.
enum Destination {
    /// This daemon: there is no need for a connection.
    Here(&'static str),
    There(Box<Poster>),
}

/// Starts sending. The task ends when all places are gone where records are told.
pub fn start(config: &config::Daemon, routes: &Routes, metrics: &Metrics, tasks: &mut Tasks) -> OwnMetrics {
    let destinations: Vec<_> = config.monitoring_sinks.iter().filter_map(|sink| destination(sink, config)).collect();
    if destinations.is_empty() {
        return OwnMetrics::default();
    }
    let host = config.monitoring_host.clone().unwrap_or_else(collect::host);
    let identity = [config.monitoring_cluster.clone(), config.monitoring_service.clone(), host];
    let (own, records) = OwnMetrics::new(identity, metrics.dropped_own.clone());
    let sender = Sender { destinations, records, routes: routes.clone() };
    tasks.spawn("agent-monitoring", |cancel| sender.run(cancel));
    own
}

/// Whether what [`start`] makes of them is not the same.
pub fn differs(a: &config::Daemon, b: &config::Daemon) -> bool {
    let of = |config: &config::Daemon| {
        let identity =
            (config.monitoring_cluster.clone(), config.monitoring_service.clone(), config.monitoring_host.clone());
        (identity, config.monitoring_sinks.clone(), config.http_host.clone(), config.http_port)
    };
    of(a) != of(b)
}

fn destination(sink: &MonitoringSink, config: &config::Daemon) -> Option<Destination> {
    let uri = sink.uri.as_str();
    let refuse = |error: &dyn std::error::Error| {
        tracing::error!(uri, %error, "what the daemon measures of itself cannot be sent there");
        None
    };
    let parsed: Uri = match uri.parse() {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&error),
    };
    if is_here(&parsed, config) {
        return Some(Destination::Here(PATH));
    }
    match Poster::new(parsed, http_client::tls(&sink.tls), HeaderMap::new(), (200..300).collect(), TIMEOUT) {
        Ok(poster) => Some(Destination::There(Box::new(poster))),
        Err(error) => refuse(&error),
    }
}

fn is_here(uri: &Uri, config: &config::Daemon) -> bool {
    let host = uri.host().unwrap_or_default();
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host) || host == config.http_host;
    let port = uri.port_u16().unwrap_or(80);
    local && uri.scheme_str() == Some("http") && port == config.http_port && uri.path() == PATH
}

struct Sender {
    destinations: Vec<Destination>,
    records: mpsc::Receiver<Record>,
    routes: Routes,
}

impl Sender {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut records = Vec::new();
        loop {
            let count = tokio::select! {
                count = self.records.recv_many(&mut records, MAX_RECORDS) => count,
                () = cancel.cancelled() => return Ok(()),
            };
            if count == 0 {
                return Ok(());
            }
            // More of them for one request.
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = cancel.cancelled() => {}
            }
            while records.len() < MAX_RECORDS
                && let Ok(record) = self.records.try_recv()
            {
                records.push(record);
            }
            self.send(encode(&records)).await;
            records.clear();
        }
    }

    async fn send(&self, body: Bytes) {
        for destination in &self.destinations {
            match destination {
                // Whether a pipeline takes it is the configuration's business.
                Destination::Here(path) => self.routes.post(path, body.clone()).await,
                Destination::There(poster) => {
                    if let Outcome::Refused(message) | Outcome::Failed { message, .. } = poster.post(body.clone()).await
                    {
                        tracing::debug!(message, "what the daemon measures of itself was not taken");
                    }
                }
            }
        }
    }
}

fn encode(records: &[Record]) -> Bytes {
    let request = client_v3::Request { records: records.iter().map(record).collect() };
    request.encode_to_vec().into()
}

fn record(record: &Record) -> client_v3::Record {
    client_v3::Record {
        id: rand::random::<[u8; 16]>().to_vec(),
        end_millis_since_epoch: record.time_ms,
        start_millis_since_epoch: record.time_ms,
        dimensions: dimensions(&record.dimensions),
        data: record.metrics.iter().map(|(name, metric)| data(name, metric)).collect(),
        ..client_v3::Record::default()
    }
}

fn identifier(text: &str) -> Option<client_v3::Identifier> {
    Some(client_v3::Identifier { value: Some(client_v3::identifier::Value::StringValue(text.to_owned())) })
}

fn dimensions(dimensions: &Dimensions) -> Vec<client_v3::DimensionEntry> {
    let entry =
        |(name, value): (&str, &str)| client_v3::DimensionEntry { name: identifier(name), value: identifier(value) };
    dimensions.iter().map(entry).collect()
}

fn data(name: &str, metric: &Metric) -> client_v3::MetricDataEntry {
    let samples = metric.samples.iter().map(|sample| sample.value).collect();
    let numerical = client_v3::NumericalData { samples, ..client_v3::NumericalData::default() };
    client_v3::MetricDataEntry {
        name: identifier(name),
        data: Some(client_v3::metric_data_entry::Data::NumericalData(numerical)),
    }
}
