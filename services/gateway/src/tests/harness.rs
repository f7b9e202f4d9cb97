//! A gateway, its log, and clients that speak bytes.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request, StatusCode};
use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use tidegate_codec::stored::Record;
use tidegate_eventlog::memory::MemoryLog;
use tidegate_eventlog::{EventLog, ManualClock, Topic};
use tidegate_model::{BatchId, Labels, Value};
use tidegate_runtime::{Health, Target};
use tokio::sync::mpsc;
use tonic::{Code, Status};
use tower::ServiceExt;

use crate::{Config, Limits, build};

pub const PARTITIONS: u16 = 4;
/// 2026-11-20 12:00:00 UTC.
pub const NOW_MS: i64 = 1_795_176_000_000;

pub struct Harness {
    pub log: Arc<MemoryLog>,
    pub clock: ManualClock,
    pub log_clock: ManualClock,
    pub health: Health,
    pub target: Target,
    pub registry: Registry,
    http: axum::Router,
    grpc: axum::Router,
}

/// A sample as the log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    pub tenant: String,
    pub series: String,
    pub time_ms: i64,
    pub value: Value,
    pub batch: BatchId,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Harness {
    pub async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        Self::with_config(Config { linger_ms: 0, ..Config::default() }, limits).await
    }

    pub async fn with_config(config: Config, limits: Limits) -> Self {
        let (clock, log_clock) = (ManualClock::new(NOW_MS), ManualClock::new(NOW_MS));
        let log = Arc::new(MemoryLog::with_clock(PARTITIONS, log_clock.as_fn()));
        let (health, mut registry) = (Health::new(), Registry::default());
        let built = build(config, limits, log.clone(), clock.as_fn(), &mut registry, &health, mpsc::channel(1).0).await;
        let (target, routes) = built.unwrap();
        let (http, grpc) = (target.http.clone(), routes.into_axum_router());
        Self { log, clock, log_clock, health, target, registry, http, grpc }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.http.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub async fn json(&self, body: &str) -> Answer {
        self.post("/metrics", &[("content-type", "application/json")], body.to_owned()).await
    }

    /// A call of a unary method with `message` in one frame.
    pub async fn grpc(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        message: &[u8],
    ) -> (Result<Bytes, Status>, HeaderMap) {
        let is_compressed = headers.iter().any(|(name, _)| *name == "grpc-encoding");
        let mut frame = BytesMut::new();
        frame.put_u8(u8::from(is_compressed));
        frame.put_u32(message.len() as u32);
        frame.put_slice(message);
        self.grpc_frames(path, headers, Body::from(frame.freeze())).await
    }

    pub async fn grpc_frames(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> (Result<Bytes, Status>, HeaderMap) {
        let mut request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.grpc.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&parts.headers) {
            return (Err(status), parts.headers);
        }
        let collected = body.collect().await.unwrap();
        let status = collected.trailers().and_then(Status::from_header_map);
        match status {
            Some(status) if status.code() != Code::Ok => (Err(status), parts.headers),
            _ => (Ok(collected.to_bytes().slice(5..)), parts.headers),
        }
    }

    pub async fn records(&self) -> Vec<(u16, Bytes)> {
        let mut records = Vec::new();
        for partition in 0..PARTITIONS {
            let fetched = self.log.fetch(Topic::MetricsRaw, partition, 0, usize::MAX, Duration::ZERO).await.unwrap();
            records.extend(fetched.records.into_iter().map(|record| (partition, record.payload)));
        }
        records
    }

    /// Every sample in the log, ordered by series and time.
    pub async fn logged(&self) -> Vec<Logged> {
        let mut logged = Vec::new();
        for (partition, record) in self.records().await {
            for part in Record::parse(&record).unwrap().parts() {
                let part = part.unwrap();
                for series in part.series() {
                    let series = series.unwrap();
                    let labels: Labels = series.labels().unwrap();
                    assert_eq!(series.id.partition(PARTITIONS), partition);
                    for sample in series.samples() {
                        let (time_ms, value) = sample.unwrap();
                        let (tenant, series) = (part.tenant.to_owned(), labels.to_string());
                        logged.push(Logged { tenant, series, time_ms, value, batch: part.batch });
                    }
                }
            }
        }
        logged.sort_by(|a, b| (&a.series, a.time_ms).cmp(&(&b.series, b.time_ms)));
        logged
    }

    pub async fn values(&self) -> Vec<(String, i64, Value)> {
        self.logged().await.into_iter().map(|one| (one.series, one.time_ms, one.value)).collect()
    }
}
