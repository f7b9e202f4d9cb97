//! The servers that can be pushed to, each started on a fresh folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use tempfile::TempDir;
use tidegate_testkit::skipped::{PROMETHEUS, Program, VICTORIA_METRICS};
use tidegate_testkit::{Api, Fleet, Options, Server, eventually, ports};

use crate::encode::Protocol;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    Prometheus,
    VictoriaMetrics,
}

/// A running server. Dropping it ends the process and removes its data.
pub struct Target {
    pub name: String,
    pub protocol: Protocol,
    /// The port to push to.
    pub port: u16,
    pub pid: u32,
    /// Further processes of the same system: what they are, their ids.
    pub others: Vec<(String, u32)>,
    /// Where each process of a fleet tells its metrics.
    pub metrics: Vec<(&'static str, Api)>,
    /// Speaks the Prometheus HTTP API, at this port.
    pub api: Api,
    pub query_port: u16,
    pub data_dir: PathBuf,
    /// Put at the end of each query's URL.
    pub parameters: &'static str,
    /// Shown with each push.
    pub token: Option<String>,
    process: Running,
}

enum Running {
    Tidegate { server: Box<Server> },
    Fleet { _fleet: Box<Fleet> },
    Peer { child: Child, _folder: TempDir },
}

impl Target {
    /// Starts Tidegate again on the same data with one more setting.
    pub async fn restart_with(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        let Running::Tidegate { server } = &mut self.process else { bail!("only Tidegate is started again") };
        server.terminate().await?;
        server.set(key, value);
        server.start().await?;
        self.pid = server.pid().context("tidegate has ended")?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            // Both fail only when the process is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts `tidegate all` without its own agent and without limits in the way.
pub async fn tidegate(protocol: Protocol, settings: &[(String, String)]) -> anyhow::Result<Target> {
    let options = Server::quiet_options();
    let options = settings.iter().fold(options, |options: Options, (key, value)| options.set(key, value));
    let server = options.start().await?;
    Ok(Target {
        name: format!("tidegate, {}", protocol.name()),
        protocol,
        port: if protocol.is_grpc() { server.grpc_port() } else { server.http_port() },
        pid: server.pid().context("tidegate has ended")?,
        others: Vec::new(),
        metrics: vec![("all", server.api())],
        api: server.api(),
        query_port: server.http_port(),
        data_dir: server.data_dir().to_owned(),
        parameters: "",
        token: None,
        process: Running::Tidegate { server: Box::new(server) },
    })
}

/// Every target that takes part when a sample is pushed.
pub const WHOLE: &[&str] = &["gateway", "rollup", "compactor", "query"];

/// Starts Tidegate's targets apart, on the servers of `infra/stack`. What is measured is the gateway; `others` are told beside it.
/// `parts` are the targets that are started, a gateway among them.
pub async fn fleet(
    protocol: Protocol,
    settings: &[(String, String)],
    parts: &'static [&'static str],
) -> anyhow::Result<Target> {
    let fleet = Fleet::prepare("load on the fleet", settings)?;
    let mut fleet = fleet.context("there is no stack: infra/stack/with runs a command with it")?;
    let mut others = Vec::new();
    for target in parts.iter().copied() {
        let index = fleet.add(target).await?;
        if target != "gateway" {
            others.push((target.to_owned(), fleet.members[index].pid()));
        }
    }
    let gateway = fleet.first("gateway")?;
    let query = fleet.first("query").unwrap_or(gateway);
    Ok(Target {
        name: format!("gateway of a fleet, {}", protocol.name()),
        protocol,
        port: if protocol.is_grpc() { gateway.grpc_port } else { gateway.http_port },
        pid: gateway.pid(),
        others,
        metrics: fleet.members.iter().map(|member| (member.target, member.api())).collect(),
        api: query.api(),
        query_port: query.http_port,
        // Nothing is kept on this machine's disk but by the servers.
        data_dir: PathBuf::from("/nonexistent").join(&fleet.keyspace),
        parameters: "",
        token: None,
        process: Running::Fleet { _fleet: Box::new(fleet) },
    })
}

/// Starts another server, if it is installed.
pub async fn peer(peer: Peer) -> anyhow::Result<Target> {
    let folder = tempfile::tempdir()?;
    let port = ports::free_port()?;
    let listen = format!("127.0.0.1:{port}");
    let data_dir = folder.path().join("data");
    let (name, program, ready) = match peer {
        Peer::Prometheus => ("prometheus", PROMETHEUS, "/-/ready"),
        Peer::VictoriaMetrics => ("victoria-metrics", VICTORIA_METRICS, "/health"),
    };
    let mut command = Command::new(installed(program)?);
    match peer {
        Peer::Prometheus => {
            let config = folder.path().join("prometheus.yml");
            fs::write(&config, "storage: {tsdb: {out_of_order_time_window: 2h}}\n")?;
            command
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", data_dir.display()))
                .arg(format!("--web.listen-address={listen}"))
                .args(["--web.enable-remote-write-receiver", "--log.level=error"])
        }
        Peer::VictoriaMetrics => command
            .arg(format!("-storageDataPath={}", data_dir.display()))
            .arg(format!("-httpListenAddr={listen}"))
            .args(["-loggerLevel=ERROR", "-search.latencyOffset=0s"]),
    };
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().with_context(|| name.to_owned())?;
    let target = Target {
        name: format!("{name}, {}", Protocol::RemoteWrite.name()),
        protocol: Protocol::RemoteWrite,
        port,
        pid: child.id(),
        others: Vec::new(),
        metrics: Vec::new(),
        api: Api::new(&format!("http://{listen}")),
        query_port: port,
        data_dir,
        // Answers are made, not taken from the cache of answers.
        parameters: if peer == Peer::VictoriaMetrics { "nocache=1" } else { "" },
        token: None,
        process: Running::Peer { child, _folder: folder },
    };
    eventually(&format!("{name} is ready"), Duration::from_secs(30), Duration::from_millis(100), async || {
        Ok((target.api.get(ready).await?.0 == 200).then_some(()))
    })
    .await?;
    Ok(target)
}

fn installed(program: Program) -> anyhow::Result<PathBuf> {
    match program.find() {
        Some(path) => Ok(path),
        None => bail!("{} is not installed: {}", program.candidates[0], program.install),
    }
}
