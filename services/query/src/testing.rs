//! A world for tests: log and store in memory, a clock that is set by hand,
//! and the target behind a real HTTP port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tidegate_codec::stored::{LiveRecord, LiveWindow, encode_chunk, encode_live};
use tidegate_coldstore::{Archive, Coverage, ObjectKey, ObjectWriter, Period, Tier, series_order};
use tidegate_eventlog::{EventLog, ManualClock, MemoryLog, Topic};
use tidegate_hotstore::HotStore;
use tidegate_hotstore::memory::MemoryStore;
use tidegate_model::time::{day_of, hour_of, minute_of, window_start_ms};
use tidegate_model::{
    Clock, FloatWindow, Labels, MetricId, Progress, Row, RowKey, SeriesKind, SeriesRow, SourceId, TenantId, Window,
    WindowValue, is_stale,
};
use tidegate_runtime::{Health, Target};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::cache::Cache;
use crate::hours::HourCache;
use crate::index::{SeriesIndex, load_all};
use crate::metrics::Metrics;
use crate::service::Query;
use crate::tail::{Hold, Tail};

pub(crate) const PARTITIONS: u16 = 3;
/// 2023-11-14 22:00:00 UTC.
pub(crate) const BASE_MS: i64 = 1_699_999_200_000;

pub(crate) type Samples = Vec<(i64, f64)>;

pub(crate) struct World {
    pub clock: ManualClock,
    pub log: Arc<MemoryLog>,
    pub store: Arc<MemoryStore>,
    pub archive: Arc<Archive>,
    pub tenant: TenantId,
}

/// A series with its samples, ascending in time.
#[derive(Clone)]
pub(crate) struct TestSeries {
    pub labels: Labels,
    pub samples: Samples,
}

pub(crate) fn series(labels: &[(&str, &str)], samples: Samples) -> TestSeries {
    TestSeries { labels: Labels::from_pairs(labels.iter().copied()).unwrap(), samples }
}

impl TestSeries {
    pub fn id(&self, tenant: &TenantId) -> MetricId {
        MetricId::of(tenant, &self.labels)
    }

    pub fn windows(&self) -> Vec<Window> {
        let mut windows: BTreeMap<i64, FloatWindow> = BTreeMap::new();
        for (time_ms, value) in &self.samples {
            let window = windows.entry(window_start_ms(*time_ms)).or_insert_with(FloatWindow::empty);
            if is_stale(*value) {
                window.push_stale(*time_ms);
            } else {
                window.push(*time_ms, *value);
            }
        }
        windows.into_iter().map(|(start_ms, window)| Window { start_ms, value: WindowValue::Float(window) }).collect()
    }
}

impl World {
    pub fn new(now_ms: i64) -> Self {
        let clock = ManualClock::new(now_ms);
        Self {
            log: Arc::new(MemoryLog::with_clock(PARTITIONS, clock.as_fn())),
            store: Arc::new(MemoryStore::new()),
            archive: Arc::new(Archive::in_memory()),
            clock,
            tenant: TenantId::default(),
        }
    }

    pub fn source(&self, id: MetricId) -> SourceId {
        SourceId { epoch: self.log.epoch(Topic::MetricsRaw), partition: id.partition(PARTITIONS) }
    }

    /// Makes the series known on the days of their samples.
    pub async fn register(&self, series: &[TestSeries]) {
        let mut rows = Vec::new();
        for one in series {
            let metric_id = one.id(&self.tenant);
            let mut days: Vec<u32> = one.samples.iter().map(|(time_ms, _)| day_of(*time_ms)).collect();
            days.dedup();
            rows.extend(days.into_iter().map(|day| SeriesRow {
                tenant: self.tenant.clone(),
                shard: metric_id.partition(PARTITIONS),
                day,
                metric_id,
                labels: one.labels.clone(),
                kind: SeriesKind::Float,
            }));
        }
        self.store.write_series(rows).await.unwrap();
    }

    /// Puts the windows into the store, as fragment 0 of their minutes.
    pub async fn store(&self, series: &[TestSeries]) {
        self.register(series).await;
        let mut rows = Vec::new();
        for one in series {
            let metric_id = one.id(&self.tenant);
            let mut minutes: BTreeMap<u32, Vec<Window>> = BTreeMap::new();
            for window in one.windows() {
                minutes.entry(minute_of(window.start_ms)).or_default().push(window);
            }
            for (minute, windows) in minutes {
                let mut chunk = Vec::new();
                encode_chunk(&windows, &[], &mut chunk);
                let (tenant, source) = (self.tenant.clone(), self.source(metric_id));
                let key = RowKey { tenant, metric_id, minute, source, era: 0, fragment: 0 };
                let samples = windows.iter().map(|window| window.value.samples()).sum();
                rows.push(Row { key, samples, chunk: Bytes::from(chunk) });
            }
        }
        self.store.write_rows(rows).await.unwrap();
    }

    /// Publishes the windows on the live topic, then the watermark everywhere.
    pub async fn publish(&self, series: &[TestSeries], watermark_ms: i64) {
        self.register(series).await;
        let mut by_partition: Vec<Vec<LiveWindow>> = vec![Vec::new(); usize::from(PARTITIONS)];
        for one in series {
            let metric_id = one.id(&self.tenant);
            let live = &mut by_partition[usize::from(metric_id.partition(PARTITIONS))];
            live.extend(one.windows().into_iter().map(|window| LiveWindow {
                tenant: self.tenant.clone(),
                metric_id,
                era: 0,
                fragment: 0,
                window,
            }));
        }
        for (partition, windows) in (0..).zip(by_partition) {
            self.publish_record(partition, windows, watermark_ms).await;
        }
    }

    pub async fn publish_record(&self, partition: u16, windows: Vec<LiveWindow>, watermark_ms: i64) {
        let source = SourceId { epoch: self.log.epoch(Topic::MetricsRaw), partition };
        let watermark = Clock { era: 0, effective_ms: watermark_ms };
        let record = encode_live(&LiveRecord { source, watermark, windows });
        self.log.append(Topic::MetricsRollup, vec![(partition, record)]).await.unwrap();
    }

    /// Puts the windows into the archive; all in one hour.
    pub async fn archive(&self, series: &[TestSeries]) {
        self.archive_at(series, Tier::FiveSeconds).await;
    }

    /// Likewise, in the windows of a tier: those of one of its objects.
    pub async fn archive_at(&self, series: &[TestSeries], tier: Tier) {
        let period = Period::containing(tier, hour_of(series[0].samples[0].0));
        for shard in 0..PARTITIONS {
            let mut of_shard: Vec<_> =
                series.iter().filter(|s| s.id(&self.tenant).partition(PARTITIONS) == shard).collect();
            if of_shard.is_empty() {
                continue;
            }
            of_shard.sort_by(|a, b| series_order(&a.labels, &b.labels));
            let mut writer = ObjectWriter::new(ObjectKey { tenant: self.tenant.clone(), period, shard }).unwrap();
            let mut coverage = Coverage::default();
            for one in of_shard {
                let id = one.id(&self.tenant);
                writer.series(id, &one.labels, &joined(one.windows(), tier.window_ms())).unwrap();
                coverage.count(self.source(id), 0, one.samples.len() as u64);
            }
            self.archive.put(&writer.finish(coverage).unwrap()).await.unwrap();
        }
    }

    /// Says that the store has all fragments that close at or before the time.
    pub async fn save_progress(&self, closed_through_ms: i64) {
        for partition in 0..PARTITIONS {
            let source = SourceId { epoch: self.log.epoch(Topic::MetricsRaw), partition };
            let clock = Clock { era: 0, effective_ms: closed_through_ms };
            let progress = Progress {
                source,
                resume_offset: 0,
                resume_clock: clock,
                closed_through: clock,
                position: closed_through_ms as u64,
                ledger: BTreeMap::new(),
            };
            self.store.save_progress(progress).await.unwrap();
        }
    }

    /// The inside of the target without its tasks, ready with what is there.
    pub async fn query(&self, config: Config) -> Arc<Query> {
        let metrics = Arc::new(Metrics::register(&mut Registry::default()));
        let index = Arc::new(SeriesIndex::new(config.max_index_series, metrics.clone()));
        load_all(&*self.store, &index, PARTITIONS, 0).await.unwrap();
        let tail = Arc::new(Tail::new(&*self.log, Hold::of(&config), metrics.clone()));
        tail.set_caught_up();
        let hours = Arc::new(HourCache::new(Arc::new(Cache::new(config.cache_bytes))));
        let (log, store, archive) = (self.log.clone(), self.store.clone(), self.archive.clone());
        Arc::new(Query::new(
            config,
            log,
            store,
            archive,
            index,
            tail,
            Arc::default(),
            hours,
            metrics,
            CancellationToken::new(),
        ))
    }

    pub async fn start(&self) -> Server {
        self.start_with(Config::default()).await
    }

    pub async fn start_with(&self, config: Config) -> Server {
        let health = Health::new();
        let mut registry = Registry::default();
        let (log, store, archive) = (self.log.clone(), self.store.clone(), self.archive.clone());
        let failures = mpsc::channel(1).0;
        let target = crate::build(config, log, store, archive, &mut registry, &health, failures).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let http = target.http.clone();
        let stop = shutdown.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            axum::serve(listener, http).with_graceful_shutdown(stop).await.unwrap();
        });
        let server = Server { address, target, registry, health, serving, shutdown, client: reqwest::Client::new() };
        server.until("ready", || server.health.not_ready().is_empty()).await;
        server
    }
}

/// Windows of one kind in those of a coarser grid.
fn joined(windows: Vec<Window>, window_ms: i64) -> Vec<Window> {
    let mut joined: Vec<Window> = Vec::new();
    for Window { start_ms, value } in windows {
        let start_ms = start_ms.div_euclid(window_ms) * window_ms;
        match joined.last_mut() {
            Some(last) if last.start_ms == start_ms => last.value.merge(value).unwrap(),
            _ => joined.push(Window { start_ms, value }),
        }
    }
    joined
}

pub(crate) struct Server {
    pub address: SocketAddr,
    pub target: Target,
    pub registry: Registry,
    pub health: Health,
    pub client: reqwest::Client,
    serving: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Server {
    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..6_000 {
            if condition() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain: {what}");
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> (u16, Value) {
        let response = self.client.get(self.url(path)).query(parameters).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap())
    }

    /// The body of an answer that must be a success.
    pub async fn text(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let response = self.client.get(self.url(path)).query(parameters).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(status, 200, "{text}");
        text
    }

    pub async fn stream(&self, parameters: &[(&str, &str)], last_event_id: Option<&str>) -> Events {
        let mut request = self.client.get(self.url("/api/v1/stream")).query(parameters);
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let bytes = response.bytes_stream().map(|part| part.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Events { bytes: bytes.boxed(), buffer: Vec::new() }
    }

    /// What this process says of itself.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// Tasks first, then the port: open streams end by themselves.
    pub async fn stop(self) {
        self.target.tasks.stop(Duration::from_secs(60)).await.unwrap();
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(60), self.serving).await.expect("streams must end").unwrap();
    }
}

/// A stream as a browser reads it.
pub(crate) struct Events {
    bytes: futures::stream::BoxStream<'static, Vec<u8>>,
    buffer: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SseEvent {
    pub event: Option<String>,
    pub id: Option<String>,
    pub data: Value,
}

impl Events {
    /// The next event with data; `None` at the end. Panics after a minute.
    pub async fn next(&mut self) -> Option<SseEvent> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| {
                    let prefix = format!("{name}: ");
                    block.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
                };
                if let Some(data) = field("data") {
                    let data = serde_json::from_str(&data).unwrap();
                    return Some(SseEvent { event: field("event"), id: field("id"), data });
                }
            }
            let part = tokio::time::timeout(Duration::from_secs(60), self.bytes.next()).await;
            self.buffer.extend(part.expect("no event within a minute")?);
        }
    }

    /// Nothing comes for a little while.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.next()).await.is_err()
    }
}
