//! A whole daemon in this process: files in a folder of its own, real ports,
//! and a server that keeps what the sinks post.

#[path = "mad_daemon/https.rs"]
mod https;
#[path = "mad_daemon/kafka.rs"]
mod kafka;
#[path = "mad_daemon/otlp.rs"]
mod otlp;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use prometheus_client::registry::Registry;
use prost::Message;
use tempfile::TempDir;
use tidegate_agent::mad::{self, daemon};
use tidegate_eventlog::topics::Topics;
use tidegate_proto::mad::client_v3::{
    DimensionEntry, Identifier, MetricDataEntry, NumericalData, Record, Request, identifier, metric_data_entry,
};
use tidegate_runtime::Tasks;
use tidegate_runtime::server::ServerMetrics;
use tidegate_testkit::aggregation_server::{Received, decode};
use tidegate_testkit::{AggregationServer, eventually, now_ms, ports};
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_secs(90);
const EVERY: Duration = Duration::from_millis(20);

struct Daemon {
    folder: TempDir,
    http: u16,
    https: u16,
    statsd: u16,
    client: reqwest::Client,
    metrics: mad::Metrics,
    topics: Option<Arc<dyn Topics>>,
    tasks: Option<Tasks>,
    _failed: mpsc::Receiver<tidegate_runtime::TaskError>,
}

impl Daemon {
    /// Files in place, nothing started.
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("pipelines"))?;
        let mut registry = Registry::default();
        let metrics = mad::Metrics::register(&mut registry, ServerMetrics::default());
        let daemon = Self {
            folder,
            http: ports::free_port()?,
            https: ports::free_port()?,
            statsd: ports::free_port()?,
            client: reqwest::Client::new(),
            metrics,
            topics: None,
            tasks: None,
            _failed: mpsc::channel(1).1,
        };
        daemon.configure("")?;
        Ok(daemon)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the daemon's own file.
    fn configure(&self, more: &str) -> anyhow::Result<()> {
        let folder = self.folder.path().display();
        let text = format!(
            "pipelinesDirectory = \"{folder}/pipelines\", logDirectory = \"{folder}/logs\"\n\
             httpHost = localhost, httpPort = {}, httpsHost = localhost, httpsPort = {}\n\
             monitoringCluster = c, monitoringSinks = []\n{more}\n",
            self.http, self.https
        );
        Ok(fs::write(self.path("config.conf"), text)?)
    }

    fn write(&self, pipeline: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.path("pipelines").join(pipeline), text)?)
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        let (failures, failed) = mpsc::channel(16);
        let mut tasks = Tasks::new(failures.clone());
        let options = daemon::Options {
            file: self.path("config.conf"),
            environment: HashMap::new(),
            version: "1.2.3",
            metrics: self.metrics.clone(),
            page: None,
            topics: self.topics.clone(),
        };
        daemon::start(options, failures, &mut tasks).await?;
        self._failed = failed;
        self.tasks = Some(tasks);
        Ok(())
    }

    /// As SIGTERM does.
    async fn stop(&mut self) -> anyhow::Result<()> {
        let tasks = self.tasks.take().context("it does not run")?;
        Ok(tasks.stop(Duration::from_secs(60)).await?)
    }

    fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.http)
    }

    async fn get(&self, path: &str) -> anyhow::Result<u16> {
        Ok(self.client.get(self.url(path)).send().await?.status().as_u16())
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> anyhow::Result<u16> {
        Ok(self.client.post(self.url(path)).body(body).send().await?.status().as_u16())
    }

    async fn push(&self, metric: &str, value: f64) -> anyhow::Result<u16> {
        self.post("/metrics/v3/application", v3(metric, value)).await
    }
}

fn text(text: &str) -> Option<Identifier> {
    Some(Identifier { value: Some(identifier::Value::StringValue(text.to_owned())) })
}

fn v3(metric: &str, value: f64) -> Vec<u8> {
    let dimension = |name, value| DimensionEntry { name: text(name), value: text(value) };
    let data = metric_data_entry::Data::NumericalData(NumericalData { samples: vec![value], statistics: None });
    let record = Record {
        id: vec![7; 16],
        end_millis_since_epoch: now_ms(),
        dimensions: vec![dimension("cluster", "c"), dimension("host", "h"), dimension("service", "s")],
        data: vec![MetricDataEntry { name: text(metric), data: Some(data) }],
        ..Record::default()
    };
    Request { records: vec![record] }.encode_to_vec()
}

/// Sources of V3 and StatsD, one sink.
fn pipeline(name: &str, statsd: u16, server: &AggregationServer, more: &str) -> String {
    format!(
        "name = {name}, periods = [PT1M], counterStatistics = [count, sum], gaugeStatistics = [count, sum]\n\
         sources = [\n\
           {{ type = com.arpnetworking.metrics.common.sources.ClientHttpSourceV3, name = v3 }}\n\
           {{ type = com.arpnetworking.metrics.common.sources.StatsdSource, name = statsd, port = {statsd} }}\n\
         ]\n\
         sinks = [{{ type = com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink, name = http, uri = \"{}\" }}]\n{more}\n",
        server.url()
    )
}

/// What has come, taken apart.
fn received(server: &AggregationServer) -> anyhow::Result<Vec<Received>> {
    server.take()?.iter().map(|frame| decode(frame)).collect()
}

/// The sums of a statistic over all that came, by metric.
fn totals(received: &[Received], statistic: &str) -> BTreeMap<String, f64> {
    let mut totals = BTreeMap::new();
    for one in received {
        let values = one.statistics.iter().filter(|(name, _)| name == statistic);
        for (_, computed) in values {
            *totals.entry(one.metric.clone()).or_default() += f64::from_bits(computed.value.unwrap_or_default());
        }
    }
    totals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_goes_out_and_a_stop_flushes_the_rest() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, "periods = [PT1S, PT1M]"))?;
    daemon.start().await?;

    let ping = daemon.client.get(daemon.url("/ping?any")).send().await?;
    assert_eq!(ping.headers()["cache-control"], "private, no-cache, no-store, must-revalidate");
    assert_eq!(ping.headers()["content-type"], "application/json");
    assert_eq!(ping.text().await?, r#"{"status":"HEALTHY"}"#);
    let status = daemon.client.get(daemon.url("/status")).send().await?.text().await?;
    assert_eq!(status, "{\"name\":\"tidegate\",\"version\":\"1.2.3\",\"sha\":\"\"}\n");
    for path in ["/ping/", "/", "/Ping", "/metrics", "/metrics/v3/application", "/metrics/v1/application"] {
        assert_eq!(daemon.get(path).await?, 404, "GET {path}");
    }
    assert_eq!(daemon.get("/telemetry/v2/stream").await?, 400, "no WebSocket is asked for");
    assert_eq!(daemon.post("/ping", Vec::new()).await?, 404);
    assert_eq!(daemon.post("/metrics/v1/application", Vec::new()).await?, 404, "no such source is configured");
    assert_eq!(daemon.post("/metrics/v3/application/", Vec::new()).await?, 404);
    assert_eq!(daemon.post("/metrics/v3/application", Vec::new()).await?, 200);
    assert_eq!(daemon.post("/metrics/v3/application", vec![0xFF; 3]).await?, 400);

    assert_eq!(daemon.push("latency", 2.5).await?, 200);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.send_to(b"hits:3|c|#service:s,cluster:c,host:h", ("127.0.0.1", daemon.statsd))?;
    let seconds =
        eventually("results of a second", LIMIT, EVERY, async || Ok((server.count() >= 2).then_some(()))).await;
    seconds?;
    let sums = totals(&received(&server)?, "sum");
    assert_eq!(sums, BTreeMap::from([("hits".to_owned(), 3.0), ("latency".to_owned(), 2.5)]));

    daemon.stop().await?;
    let minutes = received(&server)?;
    assert!(minutes.iter().all(|one| one.period == "PT1M"), "{minutes:?}");
    assert_eq!(totals(&minutes, "sum"), sums);
    assert!(daemon.get("/ping").await.is_err(), "nobody listens any longer");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_loses_nothing() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, ""))?;
    daemon.start().await?;

    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let (mut pushed, mut sent) = (0, 0);
    let mut versions = ["idleTimeout = PT1M", "statistics { none = [min] }", "name = renamed", ""].into_iter();
    let begun = Instant::now();
    // Posts at the last change of the file: a version is replaced when the one before it has flushed.
    let mut before = None;
    loop {
        assert!(begun.elapsed() < LIMIT, "a version was never taken over");
        assert_eq!(daemon.push("pushed", 1.0).await?, 200);
        pushed += 1;
        socket.send_to(b"sent:1|c|#service:s,cluster:c,host:h", ("127.0.0.1", daemon.statsd))?;
        sent += 1;
        if pushed % 100 == 0 && before.is_none_or(|before| server.count() > before) {
            let Some(more) = versions.next() else { break };
            before = Some(server.count());
            daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, more))?;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    daemon.stop().await?;
    let received = received(&server)?;
    let counts = totals(&received, "count");
    assert_eq!(
        counts,
        BTreeMap::from([("pushed".to_owned(), f64::from(pushed)), ("sent".to_owned(), f64::from(sent))])
    );
    let minutes: usize = received.iter().filter(|one| one.metric == "pushed").count();
    assert!(minutes >= 3, "each version has flushed what was its own: {minutes}");
    assert_eq!(daemon.metrics.rejected_files.get(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_leaves_what_runs_alone() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, ""))?;
    daemon.start().await?;
    assert_eq!(daemon.push("a", 1.0).await?, 200);

    let rejected = async |count| {
        let metrics = &daemon.metrics;
        let reached = async || Ok((metrics.rejected_files.get() >= count).then_some(()));
        eventually("a rejected file", LIMIT, EVERY, reached).await
    };
    daemon.write("one.conf", "name = one, sources = [")?;
    rejected(1).await?;
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, "gaugeStatistics = [tp65]"))?;
    rejected(2).await?;
    daemon
        .write("one.conf", &pipeline("one", daemon.statsd, &server, "sinks = [{ type = no.such.Sink, name = x }]"))?;
    rejected(3).await?;
    daemon.write("two.json", "not JSON")?;
    rejected(4).await?;
    assert_eq!(daemon.push("a", 1.0).await?, 200);
    assert_eq!(server.count(), 0, "nothing was flushed, the pipeline is the same");
    daemon.configure("httpPort = none")?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(daemon.push("a", 1.0).await?, 200);
    daemon.stop().await?;
    assert_eq!(totals(&received(&server)?, "count")["a"], 3.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelines_come_and_go_with_their_files() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.start().await?;
    assert_eq!(daemon.push("a", 1.0).await?, 404, "there is no pipeline");

    let answers = async |path: &str, wanted: u16| {
        let asked = async || Ok((daemon.post(path, Vec::new()).await? == wanted).then_some(()));
        eventually(&format!("{path} to answer {wanted}"), LIMIT, EVERY, asked).await
    };
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, ""))?;
    answers("/metrics/v3/application", 200).await?;
    let v2 = r#"{"name": "two", "sources": [
        {"type": "com.arpnetworking.metrics.common.sources.ClientHttpSourceV2", "name": "v2"},
        {"type": "com.arpnetworking.metrics.common.sources.ClientHttpSourceV3", "name": "v3"},
        {"type": "com.arpnetworking.metrics.common.sources.FileSource", "name": "a file, which is left out"}]}"#;
    daemon.write("two.json", v2)?;
    answers("/metrics/v2/application", 200).await?;

    // A folder that is gone for a while is no reason to stop.
    fs::rename(daemon.path("pipelines"), daemon.path("elsewhere"))?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(daemon.push("a", 1.0).await?, 200);
    fs::rename(daemon.path("elsewhere"), daemon.path("pipelines"))?;

    fs::remove_file(daemon.path("pipelines").join("two.json"))?;
    answers("/metrics/v2/application", 404).await?;
    assert_eq!(daemon.push("a", 1.0).await?, 200, "the other one takes the same path");
    assert_eq!(server.count(), 0);
    fs::remove_file(daemon.path("pipelines").join("one.conf"))?;
    answers("/metrics/v3/application", 404).await?;
    let flushed = async || Ok((server.count() > 0).then_some(()));
    eventually("the flush of a pipeline that ended", LIMIT, EVERY, flushed).await?;
    assert_eq!(totals(&received(&server)?, "count")["a"], 2.0);
    daemon.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_that_another_process_has_are_taken_over_later() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, ""))?;
    let http = TcpListener::bind(("127.0.0.1", daemon.http))?;
    let statsd = UdpSocket::bind(("127.0.0.1", daemon.statsd))?;
    daemon.start().await?;
    drop((http, statsd));
    let answers = async || Ok((daemon.push("a", 1.0).await? == 200).then_some(()));
    eventually("the port", LIMIT, EVERY, answers).await?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let deadline = Instant::now() + LIMIT;
    let samples = |daemon: &Daemon| daemon.metrics.pipelines.of("one").samples.get();
    while samples(&daemon) < 2 && Instant::now() < deadline {
        socket.send_to(b"b:1|c|#service:s,cluster:c,host:h", ("127.0.0.1", daemon.statsd))?;
        tokio::time::sleep(EVERY).await;
    }
    daemon.stop().await?;
    assert!(totals(&received(&server)?, "count").contains_key("b"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_pipelines_cannot_read_one_port() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    daemon.write("a.conf", &pipeline("a", daemon.statsd, &server, ""))?;
    daemon.write("b.conf", &pipeline("b", daemon.statsd, &server, ""))?;
    daemon.start().await?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let samples = |name: &str| daemon.metrics.pipelines.of(name).samples.get();
    let send = || socket.send_to(b"x:1|c|#service:s,cluster:c,host:h", ("127.0.0.1", daemon.statsd));
    for _ in 0..50 {
        send()?;
    }
    let all = async || Ok((samples("a") == 50).then_some(()));
    eventually("all at the first one", LIMIT, EVERY, all).await?;
    assert_eq!(samples("b"), 0);
    fs::remove_file(daemon.path("pipelines").join("a.conf"))?;
    let other = async || {
        send()?;
        Ok((samples("b") > 0).then_some(()))
    };
    eventually("the second one to take over", LIMIT, EVERY, other).await?;
    daemon.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemons_own_file_can_change() -> anyhow::Result<()> {
    let mut daemon = Daemon::new()?;
    daemon.start().await?;
    assert_eq!(daemon.get("/ping").await?, 200);
    let moved = ports::free_port()?;
    let (before, client) = (daemon.url("/ping"), daemon.client.clone());
    daemon.http = moved;
    daemon.configure("httpHealthCheckPath = /healthy")?;
    let answers = async || Ok((daemon.get("/healthy").await? == 200).then_some(()));
    eventually("the new port", LIMIT, EVERY, answers).await?;
    assert_eq!(daemon.get("/ping").await?, 404);
    let closed = async || Ok(client.get(&before).send().await.is_err().then_some(()));
    eventually("the old port to close", LIMIT, EVERY, closed).await?;
    daemon.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sinks_measure_comes_back_as_metrics() -> anyhow::Result<()> {
    let server = AggregationServer::start().await?;
    let mut daemon = Daemon::new()?;
    let class = "com.arpnetworking.metrics.impl.ApacheHttpSink";
    let uri = format!("http://localhost:{}/metrics/v3/application", daemon.http);
    daemon.configure(&format!("monitoringSinks = [{{ class = {class}, uri = \"{uri}\" }}], monitoringHost = here"))?;
    let sink = "sinks = ${sinks} [{ type = com.arpnetworking.tsdcore.sinks.PeriodicStatisticsSink, name = stats }]";
    daemon.write("one.conf", &pipeline("one", daemon.statsd, &server, &format!("periods = [PT1S]\n{sink}")))?;
    daemon.start().await?;
    assert_eq!(daemon.push("a", 1.0).await?, 200);
    let own = async || {
        let own = received(&server)?.into_iter().find(|one| one.service == "mad");
        Ok(own.map(|one| (one.cluster, one.dimensions["host"].clone())))
    };
    assert_eq!(eventually("a metric of its own", LIMIT, EVERY, own).await?, ("c".to_owned(), "here".to_owned()));
    daemon.stop().await
}
