//! The two daemons: started on the same configuration, sent the same messages.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::Bytes;
use reqwest::Client;
use tempfile::TempDir;
use tidegate_testkit::{AggregationServer, binary, eventually, ports, process, skipped};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use crate::cases::{Message, To};
use crate::files::{self, Ports};
use crate::frames::FrameServer;

const START_LIMIT: Duration = Duration::from_secs(120);
/// Java takes up to 30 s.
const STOP_LIMIT: Duration = Duration::from_secs(90);

pub struct Daemon {
    name: &'static str,
    child: Child,
    ports: Ports,
    server: AggregationServer,
    frames: FrameServer,
    client: Client,
    folder: TempDir,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Daemon {
    /// The Java daemon; none, and the test on the list of those skipped, where it cannot be had.
    pub async fn java(test: &str) -> anyhow::Result<Option<Self>> {
        let script = root().join("infra/mad/java");
        let ready = Command::new(&script).output().with_context(|| format!("{}", script.display()))?;
        if !ready.status.success() {
            let told = String::from_utf8_lossy(&ready.stderr);
            skipped::skip(test, told.lines().last().unwrap_or("openjdk-17-jre-headless and maven"));
            return Ok(None);
        }
        Self::start("java", |folder| {
            let mut command = Command::new(&script);
            command.arg(folder);
            command
        })
        .await
        .map(Some)
    }

    pub async fn ours() -> anyhow::Result<Self> {
        let program = binary::tidegate()?;
        Self::start("ours", |folder| {
            let mut command = Command::new(program);
            command.current_dir(folder).args(["agent", "config.conf"]);
            command
        })
        .await
    }

    async fn start(name: &'static str, command: impl FnOnce(&Path) -> Command) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = AggregationServer::start().await?;
        let frames = FrameServer::start().await?;
        let ports = Ports {
            frames: frames.port,
            http: ports::free_port()?,
            https: ports::free_port()?,
            statsd: ports::free_port()?,
            graphite: ports::free_port()?,
            telegraf: ports::free_port()?,
            mapped: ports::free_port()?,
            stamped: ports::free_port()?,
        };
        files::write(folder.path(), ports, &server.url())?;
        let output = std::fs::File::create(folder.path().join("output"))?;
        let child = command(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let client = Client::builder().timeout(Duration::from_secs(60)).build()?;
        let mut daemon = Self { name, child, ports, server, frames, client, folder };
        daemon.wait_ready().await.with_context(|| format!("{name}: {}", daemon.output()))?;
        Ok(daemon)
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let (url, client) = (format!("http://127.0.0.1:{}/ping", self.ports.http), self.client.clone());
        let child = &mut self.child;
        eventually("an answer to /ping", START_LIMIT, Duration::from_millis(200), async || {
            if let Some(status) = child.try_wait()? {
                bail!("it ended with {status}");
            }
            Ok(client.get(&url).send().await?.status().is_success().then_some(()))
        })
        .await?;
        // The pipelines are started after the daemon answers.
        for port in [self.ports.graphite, self.ports.telegraf, self.ports.mapped, self.ports.stamped] {
            let open = async || Ok(TcpStream::connect(("127.0.0.1", port)).await.is_ok().then_some(()));
            eventually("an open port", START_LIMIT, Duration::from_millis(100), open).await?;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }

    fn output(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Sends all, one after the other. What comes back is the status of each HTTP request.
    pub async fn send(&self, messages: &[&Message]) -> anyhow::Result<Vec<Option<u16>>> {
        let udp = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let mut statuses = Vec::with_capacity(messages.len());
        for message in messages {
            let sent = match &message.to {
                To::Http { path, headers } => self.post(path, headers, message).await.map(Some),
                To::Statsd => {
                    udp.send_to(&message.body, SocketAddr::from(([127, 0, 0, 1], self.ports.statsd))).await?;
                    // Java reads datagrams one by one into a small buffer of the system.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Ok(None)
                }
                To::Graphite => self.stream(self.ports.graphite, message).await,
                To::Telegraf => self.stream(self.ports.telegraf, message).await,
                To::Mapped => self.stream(self.ports.mapped, message).await,
                To::Stamped => self.stream(self.ports.stamped, message).await,
            };
            statuses.push(sent.with_context(|| format!("{}: {}: {}", self.name, message.name, self.output()))?);
        }
        Ok(statuses)
    }

    async fn post(&self, path: &str, headers: &[(String, String)], message: &Message) -> anyhow::Result<u16> {
        let mut request = self.client.post(format!("http://127.0.0.1:{}{path}", self.ports.http));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Ok(request.body(message.body.clone()).send().await?.status().as_u16())
    }

    async fn stream(&self, port: u16, message: &Message) -> anyhow::Result<Option<u16>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&message.body).await?;
        // Closed at once, some of it might not be read.
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(None)
    }

    /// What it has posted when nothing more comes.
    pub async fn settled(&self) -> anyhow::Result<Vec<Bytes>> {
        let mut before = usize::MAX;
        eventually("nothing more comes", Duration::from_secs(120), Duration::from_secs(3), async || {
            let count = self.server.count() + self.frames.count();
            Ok((std::mem::replace(&mut before, count) == count).then_some(()))
        })
        .await?;
        self.server.take().with_context(|| self.name)
    }

    /// What its other sink has sent by then, over one connection.
    pub fn take_frames(&self) -> Vec<Bytes> {
        self.frames.take()
    }

    /// Asks it to stop and waits until it has.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let status = process::wait_exit(&mut self.child, STOP_LIMIT).await?;
        status.with_context(|| format!("{} did not stop within {STOP_LIMIT:?}", self.name)).map(|_| ())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        process::kill9(&mut self.child);
    }
}

/// What counts by the time of receipt is sent early in a second of an even number: buckets are up to 2 s long.
pub async fn wait_for_a_fresh_second() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wait_ms = 2_050 - now.as_millis() % 2_000;
    tokio::time::sleep(Duration::from_millis(wait_ms as u64)).await;
}
