//! The agent with the files of a Metrics Aggregator Daemon and a sink that pushes to a gateway: what it has put on disk is
//! counted once, whichever of the two is killed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use rcgen::{Certificate, CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tidegate_testkit::skipped::UNSHARE;
use tidegate_testkit::{AggregationServer, Api, Server, binary, eventually, ports, process};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::disk_full::{SmallDisk, fill};

const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

struct Agent {
    child: Child,
    http: u16,
    statsd: u16,
}

impl Drop for Agent {
    fn drop(&mut self) {
        process::kill9(&mut self.child);
    }
}

fn gateway_sink(endpoint: &str) -> String {
    format!("{{ type = tidegate.GatewayPushSink, name = gateway, endpoint = \"{endpoint}\" }}")
}

fn write_files(folder: &Path, http: u16, statsd: u16, sinks: &[String]) -> anyhow::Result<()> {
    let daemon = format!(
        r#"monitoringCluster = c, logDirectory = logs, pipelinesDirectory = pipelines
        httpHost = "127.0.0.1", httpPort = {http}, httpsHost = "127.0.0.1", httpsPort = 1"#
    );
    let pipeline = format!(
        r#"name = p, periods = [PT1S, PT1M]
        sources = [{{ type = com.arpnetworking.metrics.common.sources.StatsdSource, name = s, host = "127.0.0.1", port = {statsd} }}]
        sinks = [{}]"#,
        sinks.join(", ")
    );
    std::fs::create_dir_all(folder.join("pipelines"))?;
    std::fs::write(folder.join("config.conf"), daemon)?;
    std::fs::write(folder.join("pipelines/p.conf"), pipeline)?;
    Ok(())
}

impl Agent {
    async fn start(folder: &Path, http: u16, statsd: u16) -> anyhow::Result<Self> {
        let output = std::fs::File::options().create(true).append(true).open(folder.join("output"))?;
        let mut command = Command::new(binary::tidegate()?);
        command.current_dir(folder).args(["agent", "config.conf"]);
        command.stdout(output.try_clone()?).stderr(output);
        Self::run(&mut command, http, statsd).await
    }

    async fn run(command: &mut Command, http: u16, statsd: u16) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).spawn()?;
        let agent = Self { child, http, statsd };
        let api = agent.api();
        eventually("the agent answers", LIMIT, PAUSE, async || {
            Ok(matches!(api.get("/ping").await, Ok((200, _))).then_some(()))
        })
        .await?;
        Ok(agent)
    }

    fn api(&self) -> Api {
        Api::new(&format!("http://127.0.0.1:{}", self.http))
    }

    async fn page(&self) -> anyhow::Result<String> {
        Ok(self.api().get("/metrics").await?.1)
    }

    /// Timers of 1 to `count` ms.
    async fn send(&self, count: u32) -> anyhow::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        for value in 1..=count {
            let line = format!("latency,service=s,cluster=c,host=h:{value}|ms");
            socket.send_to(line.as_bytes(), ("127.0.0.1", self.statsd)).await?;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// Waits until all that was sent since the start has left its bucket, and is on disk or further.
    async fn has_written(&self, samples: u32) -> anyhow::Result<()> {
        eventually("all samples are on disk", LIMIT, PAUSE, async || {
            let page = self.page().await?;
            let value = |name: &str| sum(&page, name, "");
            let taken = value("tidegate_agent_pipeline_samples_total") >= f64::from(samples);
            // A bucket of a second is never open without the minute that it is in, which may stay open.
            let closed = value("tidegate_agent_pipeline_open_series") <= 1.0;
            let handed = value("tidegate_agent_pipeline_results_total");
            let waits = value("tidegate_agent_sink_queued_results");
            let results = value("tidegate_agent_sink_results_total");
            let sent = value("tidegate_agent_sink_sent_results_total");
            Ok((taken && closed && waits == 0.0 && results > 0.0 && handed == results && results == sent).then_some(()))
        })
        .await
    }
}

/// Of the values of a metric whose labels have this in them.
fn sum(page: &str, name: &str, labels: &str) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(name) && line.contains(labels));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits until a gateway has counted so many samples of all that agents sent.
async fn counts(server: &Server, samples: f64) -> anyhow::Result<()> {
    eventually("all samples are counted", LIMIT, Duration::from_secs(1), async || {
        let count = server.api().number("histogram_count(sum(increase(latency[1h])))").await.unwrap_or(0.0);
        ensure!(count <= samples, "{count} of {samples} samples");
        Ok((count == samples).then_some(()))
    })
    .await
}

#[tokio::test]
async fn sketches_on_disk_are_counted_once_whoever_is_killed() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let (http, statsd) = (ports::free_port()?, ports::free_port()?);
    write_files(folder.path(), http, statsd, &[gateway_sink(&server.grpc_url())])?;

    let mut agent = Agent::start(folder.path(), http, statsd).await?;
    agent.send(100).await?;
    agent.has_written(100).await?;
    // Whatever the gateway has of it by now: its answers die with it.
    server.kill9();
    agent.send(200).await?;
    agent.has_written(300).await?;
    process::kill9(&mut agent.child);

    server.start().await?;
    let mut agent = Agent::start(folder.path(), http, statsd).await?;
    // In the middle of the first pushes.
    server.kill9();
    process::kill9(&mut agent.child);
    server.start().await?;
    let agent = Agent::start(folder.path(), http, statsd).await?;
    agent.send(50).await?;

    counts(&server, 350.0).await?;
    let api = server.api();
    // What comes again is known, so the count stays.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let count = api.number("histogram_count(sum(increase(latency[1h])))").await?;
    ensure!(count == 350.0, "{count} of 350 samples");
    // 1 to 100, 1 to 200 and 1 to 50 ms: 175 of the 350 are at most 62.5 ms.
    let median = api.number("histogram_quantile(0.5, sum(increase(latency[1h])))").await?;
    ensure!((median - 0.0625).abs() < 0.001, "{median}");
    Ok(())
}

/// Takes what comes with TLS to a server that has none.
async fn front(server: SocketAddr, key: &KeyPair, certificate: &Certificate) -> anyhow::Result<u16> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                tokio::io::copy_bidirectional(&mut stream, &mut TcpStream::connect(server).await?).await
            });
        }
    });
    Ok(port)
}

#[tokio::test]
async fn sinks_trust_the_authority_they_are_told_of_and_no_other() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let (key, others) = (KeyPair::generate()?, KeyPair::generate()?);
    let names = || CertificateParams::new(vec!["localhost".to_owned()]);
    let (certificate, stranger) = (names()?.self_signed(&key)?, names()?.self_signed(&others)?);
    std::fs::write(path("server.pem"), certificate.pem())?;
    std::fs::write(path("stranger.pem"), stranger.pem())?;
    std::fs::write(path("server.key"), key.serialize_pem())?;
    let options = Server::quiet_options().set("grpc.tls.certificate_path", path("server.pem").display());
    let server = options.set("grpc.tls.key_path", path("server.key").display()).start().await?;
    let aggregation = AggregationServer::start().await?;
    let port = front(aggregation.address(), &key, &certificate).await?;
    let (http, statsd) = (ports::free_port()?, ports::free_port()?);
    let endpoint = format!("https://localhost:{}", server.grpc_port());
    let write = |tls: &str| {
        let post = format!(
            "{{ type = com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink, name = post, uri = \"https://localhost:{port}/\" {tls} }}"
        );
        let gateway = format!("{{ type = tidegate.GatewayPushSink, name = gateway, endpoint = \"{endpoint}\" {tls} }}");
        write_files(folder.path(), http, statsd, &[post, gateway])
    };
    write("")?;
    let mut command = Command::new(binary::tidegate()?);
    command.current_dir(folder.path()).args(["agent", "config.conf"]).stdout(Stdio::null()).stderr(Stdio::null());

    let mut agent = Agent::run(command.env("SSL_CERT_FILE", path("stranger.pem")), http, statsd).await?;
    agent.send(1).await?;
    eventually("the post fails, and the batch is on disk", LIMIT, PAUSE, async || {
        let page = agent.page().await?;
        let failed = sum(&page, "tidegate_agent_sink_failed_sends_total", "sink=\"post\"");
        let written = sum(&page, "tidegate_agent_sink_sent_results_total", "sink=\"gateway\"");
        Ok((failed > 0.0 && written > 0.0).then_some(()))
    })
    .await?;
    ensure!(aggregation.count() == 0, "something was posted to a server that is not trusted");
    process::kill9(&mut agent.child);

    let posted = async || {
        eventually("results are posted", LIMIT, PAUSE, async || Ok((aggregation.count() > 0).then_some(()))).await?;
        aggregation.take().map(drop)
    };
    let mut agent = Agent::run(command.env("SSL_CERT_FILE", path("server.pem")), http, statsd).await?;
    agent.send(10).await?;
    // With the one that waited on disk.
    counts(&server, 11.0).await?;
    posted().await?;
    process::kill9(&mut agent.child);
    aggregation.take()?;

    write(&format!(", tls {{ caPath = \"{}\" }}", path("server.pem").display()))?;
    let agent = Agent::run(command.env("SSL_CERT_FILE", path("stranger.pem")), http, statsd).await?;
    agent.send(100).await?;
    counts(&server, 111.0).await?;
    posted().await
}

#[tokio::test]
async fn a_full_disk_keeps_no_sample_from_the_gateway() -> anyhow::Result<()> {
    let Some(unshare) = UNSHARE.or_skip("a_full_disk_keeps_no_sample_from_the_gateway") else { return Ok(()) };
    let server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mounted(&unshare, folder.path(), "8m").await?;
    let (http, statsd) = (ports::free_port()?, ports::free_port()?);
    let log = "{ type = com.arpnetworking.metrics.mad.experimental.sinks.MetricSeriesLoggingSink, name = series }";
    write_files(&disk.outside(), http, statsd, &[gateway_sink(&server.grpc_url()), log.to_owned()])?;
    let enter = disk.enter();
    let mut command = Command::new(&enter[0]);
    command.args(&enter[1..]).args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(folder.path());
    command.arg(binary::tidegate()?).args(["agent", "config.conf"]).stdout(Stdio::null()).stderr(Stdio::null());
    let agent = Agent::run(&mut command, http, statsd).await?;

    let ballast = disk.outside().join("ballast");
    fill(&ballast)?;
    // Two seconds, since a round of series is written when the next begins.
    for _ in 0..2 {
        agent.send(50).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    counts(&server, 100.0).await?;
    eventually("the list of series fails", LIMIT, PAUSE, async || {
        agent.send(1).await?;
        let failed = sum(&agent.page().await?, "tidegate_agent_sink_failed_sends_total", "sink=\"series\"");
        Ok((failed > 0.0).then_some(()))
    })
    .await?;
    std::fs::remove_file(&ballast)?;
    let written = disk.outside().join("metrics_streams.json");
    eventually("the list of series is written", LIMIT, PAUSE, async || {
        agent.send(1).await?;
        Ok(std::fs::read_to_string(&written).is_ok_and(|text| text.contains("latency")).then_some(()))
    })
    .await
}
