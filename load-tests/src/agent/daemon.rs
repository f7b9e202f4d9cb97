//! A running daemon, ours or Java's, with the server that it posts to.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use tempfile::TempDir;
use tidegate_testkit::aggregation_server::decode;
use tidegate_testkit::mad::daemon_file;
use tidegate_testkit::{AggregationServer, binary, eventually, ports, process};

const START_LIMIT: Duration = Duration::from_secs(90);
/// After the last post. Buckets of a second close within two.
const QUIET: Duration = Duration::from_secs(3);
const SETTLE_LIMIT: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Ours,
    Java,
}

/// Dropping it ends the process and removes its folder.
pub struct Daemon {
    pub kind: Kind,
    pub http: u16,
    pub statsd: u16,
    /// From the program's start to its first answer.
    pub start: Duration,
    child: Child,
    server: AggregationServer,
    folder: TempDir,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "tidegate agent",
            Self::Java => "Java 1.20.1",
        }
    }

    /// What is missing to run it.
    pub fn ready(self) -> anyhow::Result<Option<String>> {
        if self == Self::Ours {
            binary::tidegate()?;
            return Ok(None);
        }
        let script = java();
        let ready = Command::new(&script).output().with_context(|| script.display().to_string())?;
        if ready.status.success() {
            return Ok(None);
        }
        let told = String::from_utf8_lossy(&ready.stderr);
        Ok(Some(told.lines().last().unwrap_or("openjdk-17-jre-headless and maven").to_owned()))
    }

    fn command(self, folder: &Path) -> anyhow::Result<Command> {
        let mut command = match self {
            Self::Ours => {
                let mut command = Command::new(binary::tidegate()?);
                command.args(["agent", "config.conf"]).current_dir(folder);
                command
            }
            Self::Java => {
                let mut command = Command::new(java());
                command.arg(folder);
                command
            }
        };
        let output = fs::File::create(folder.join("output"))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(command)
    }
}

fn java() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/mad/java")
}

impl Daemon {
    /// Starts it, on one core where one is given, and waits for its first answer.
    pub async fn start(kind: Kind, core: Option<usize>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = AggregationServer::start().await?;
        let (http, https, statsd) = (ports::free_port()?, ports::free_port()?, ports::free_port()?);
        fs::create_dir_all(folder.path().join("pipelines"))?;
        fs::write(folder.path().join("config.conf"), daemon_file("load", http, https))?;
        fs::write(folder.path().join("pipelines/load.conf"), pipeline_file(statsd, &server.url()))?;
        let mut command = kind.command(folder.path())?;
        // A thread of its own: the child has its parent thread's cores.
        let started = tokio::task::spawn_blocking(move || started(&mut command, kind, http, core)).await?;
        let told = || fs::read_to_string(folder.path().join("output")).unwrap_or_default();
        let (child, start) = started.with_context(|| format!("{}: {:.2000}", kind.name(), told()))?;
        Ok(Self { kind, http, statsd, start, child, server, folder })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Until pipelines are there as well, which comes after the first answer, and nothing of the start is left to do.
    pub async fn until_idle(&self) {
        tokio::time::sleep(Duration::from_secs(if self.kind == Kind::Java { 8 } else { 3 })).await;
    }

    /// Forgets what was posted.
    pub fn forget(&self) -> anyhow::Result<()> {
        self.server.take().map(|_| ())
    }

    /// Samples in all buckets of a second that it has posted since, when nothing more comes.
    pub async fn counted(&self) -> anyhow::Result<u64> {
        let (mut before, mut since) = (usize::MAX, Instant::now());
        eventually("an end of posts", SETTLE_LIMIT, Duration::from_millis(200), async || {
            let count = self.server.count();
            if std::mem::replace(&mut before, count) != count {
                since = Instant::now();
            }
            Ok((since.elapsed() > QUIET).then_some(()))
        })
        .await
        .with_context(|| self.output())?;
        let mut samples = 0.0;
        for frame in self.server.take()? {
            let received = decode(&frame)?;
            if received.period == "PT1S" {
                let count = received.statistics.iter().find(|(name, _)| name == "count");
                samples += f64::from_bits(count.and_then(|(_, count)| count.value).unwrap_or(0));
            }
        }
        ensure!(samples >= 0.0, "a count below zero");
        Ok(samples as u64)
    }

    fn output(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("output")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}: {}", self.kind.name(), lines[lines.len().saturating_sub(20)..].join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        process::kill9(&mut self.child);
    }
}

fn started(command: &mut Command, kind: Kind, port: u16, core: Option<usize>) -> anyhow::Result<(Child, Duration)> {
    let spawned = std::thread::scope(|scope| {
        let spawn = || -> anyhow::Result<(Instant, Child)> {
            if let Some(core) = core {
                super::pin(core)?;
            }
            Ok((Instant::now(), command.spawn()?))
        };
        scope.spawn(spawn).join()
    });
    let (begin, mut child) = spawned.map_err(|_| anyhow::anyhow!("the thread that starts it failed"))??;
    match first_answer(&mut child, kind, port, begin) {
        Ok(start) => Ok((child, start)),
        Err(error) => {
            process::kill9(&mut child);
            Err(error)
        }
    }
}

fn first_answer(child: &mut Child, kind: Kind, port: u16, mut begin: Instant) -> anyhow::Result<Duration> {
    let spawned = begin;
    // A script finds Java first: that is no part of its start.
    let comm = format!("/proc/{}/comm", child.id());
    let mut is_script = kind == Kind::Java;
    while spawned.elapsed() < START_LIMIT {
        if is_script && fs::read_to_string(&comm).is_ok_and(|name| name.trim() == "java") {
            (is_script, begin) = (false, Instant::now());
        }
        if ping(port).is_ok() {
            return Ok(begin.elapsed());
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        #[allow(clippy::disallowed_methods, reason = "on a thread of its own")]
        std::thread::sleep(Duration::from_micros(500));
    }
    bail!("no answer within {START_LIMIT:?}")
}

fn ping(port: u16) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /ping HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"HTTP/1.1 200", "not ready");
    Ok(())
}

/// All else has its default: two periods, and percentiles of timers.
fn pipeline_file(statsd: u16, uri: &str) -> String {
    format!(
        r#"name="load"
sources=[
  {{ type="com.arpnetworking.metrics.common.sources.ClientHttpSourceV3", name="v3" }}
  {{ type="com.arpnetworking.metrics.common.sources.StatsdSource", name="statsd", host="127.0.0.1", port={statsd} }}
]
sinks=[ {{ type="com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink", name="sink", uri="{uri}", maximumConcurrency=4, maximumQueueSize=1000000 }} ]
"#
    )
}
