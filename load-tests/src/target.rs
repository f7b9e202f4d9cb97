//! The servers that can be pushed to, each started on a fresh folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use tempfile::TempDir;
use tidegate_testkit::skipped::{PROMETHEUS, Program, VICTORIA_METRICS};
use tidegate_testkit::{Api, Options, Server, eventually, ports};

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
    /// Speaks the Prometheus HTTP API.
    pub api: Api,
    pub data_dir: PathBuf,
    _process: Running,
}

enum Running {
    Tidegate { _server: Box<Server> },
    Peer { child: Child, _folder: TempDir },
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
        api: server.api(),
        data_dir: server.data_dir().to_owned(),
        _process: Running::Tidegate { _server: Box::new(server) },
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
        api: Api::new(&format!("http://{listen}")),
        data_dir,
        _process: Running::Peer { child, _folder: folder },
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
