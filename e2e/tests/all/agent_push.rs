//! The agent with the files of a Metrics Aggregator Daemon and a sink that pushes to a gateway: what it has put on disk is
//! counted once, whichever of the two is killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use tidegate_testkit::{Api, Server, binary, eventually, ports, process};
use tokio::net::UdpSocket;

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

fn write_files(folder: &Path, http: u16, statsd: u16, gateway: &str) -> anyhow::Result<()> {
    let daemon = format!(
        r#"monitoringCluster = c, logDirectory = logs, pipelinesDirectory = pipelines
        httpHost = "127.0.0.1", httpPort = {http}, httpsHost = "127.0.0.1", httpsPort = 1"#
    );
    let pipeline = format!(
        r#"name = p, periods = [PT1S, PT1M]
        sources = [{{ type = com.arpnetworking.metrics.common.sources.StatsdSource, name = s, host = "127.0.0.1", port = {statsd} }}]
        sinks = [{{ type = tidegate.GatewayPushSink, name = gateway, endpoint = "{gateway}" }}]"#
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
        command.current_dir(folder).args(["agent", "config.conf"]).stdin(Stdio::null());
        let child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
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
        let api = self.api();
        eventually("all samples are on disk", LIMIT, PAUSE, async || {
            let (_, page) = api.get("/metrics").await?;
            let value = |name: &str| -> f64 {
                let lines = page.lines().filter(|line| line.starts_with(name));
                lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
            };
            // Each sample is counted in both periods' buckets once it is taken; the longer one may stay open.
            let taken = value("tidegate_agent_pipeline_samples_total") >= f64::from(samples);
            let waits = value("tidegate_agent_sink_queued_results");
            let results = value("tidegate_agent_sink_results_total");
            let sent = value("tidegate_agent_sink_sent_results_total");
            Ok((taken && waits == 0.0 && results > 0.0 && results == sent).then_some(()))
        })
        .await
    }
}

#[tokio::test]
async fn sketches_on_disk_are_counted_once_whoever_is_killed() -> anyhow::Result<()> {
    let mut server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let (http, statsd) = (ports::free_port()?, ports::free_port()?);
    write_files(folder.path(), http, statsd, &server.grpc_url())?;

    let mut agent = Agent::start(folder.path(), http, statsd).await?;
    agent.send(100).await?;
    // Longer than a bucket of a second stays open.
    tokio::time::sleep(Duration::from_secs(4)).await;
    agent.has_written(100).await?;
    // Whatever the gateway has of it by now: its answers die with it.
    server.kill9();
    agent.send(200).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
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

    let api = server.api();
    eventually("all samples are counted", LIMIT, Duration::from_secs(1), async || {
        let count = api.number("histogram_count(sum(increase(latency[1h])))").await.unwrap_or(0.0);
        ensure!(count <= 350.0, "{count} of 350 samples");
        Ok((count == 350.0).then_some(()))
    })
    .await?;
    // What comes again is known, so the count stays.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let count = api.number("histogram_count(sum(increase(latency[1h])))").await?;
    ensure!(count == 350.0, "{count} of 350 samples");
    // 1 to 100, 1 to 200 and 1 to 50 ms: 175 of the 350 are at most 62.5 ms.
    let median = api.number("histogram_quantile(0.5, sum(increase(latency[1h])))").await?;
    ensure!((median - 0.0625).abs() < 0.001, "{median}");
    Ok(())
}
