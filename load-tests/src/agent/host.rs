//! What reading this host every 10 s takes, with a gateway beside it that takes the batches.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tidegate_testkit::{Server, binary, eventually, ports, process as child};

use crate::process;

pub struct Overhead {
    /// CPU seconds by second.
    pub share: f64,
    pub resident_bytes: u64,
}

pub async fn overhead(hold: Duration) -> anyhow::Result<Overhead> {
    let server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(binary::tidegate()?);
    command.args(["agent", "--data-dir"]).arg(folder.path());
    for setting in [
        format!("agent.push.endpoint={}", server.grpc_url()),
        format!("http.listen=127.0.0.1:{}", ports::free_port()?),
        "agent.host=load".to_owned(),
    ] {
        command.args(["--set", &setting]);
    }
    let agent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut agent = Ended(agent);
    let pid = agent.0.id();
    // Its start is no part of it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (begin, before) = (Instant::now(), process::cpu_seconds(pid).context("the agent has ended")?);
    tokio::time::sleep(hold).await;
    let share = (process::cpu_seconds(pid)? - before) / begin.elapsed().as_secs_f64();
    let resident_bytes = process::resident_bytes(pid)?;
    ensure!(agent.0.try_wait()?.is_none(), "the agent has ended");
    eventually("the host's metrics", Duration::from_secs(30), Duration::from_secs(1), async || {
        Ok((!server.api().query("node_memory_MemTotal_bytes").await?.is_empty()).then_some(()))
    })
    .await?;
    Ok(Overhead { share, resident_bytes })
}

struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        child::kill9(&mut self.0);
    }
}
