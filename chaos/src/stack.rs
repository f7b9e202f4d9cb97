//! The real servers under a fleet: started by `infra/stack/up` in a folder of the harness's own, on ports of its own,
//! so that a fault hits no one else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// How many servers of each kind there are: 1 or 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub brokers: u16,
    pub nodes: u16,
}

impl Size {
    /// So that servers of several sizes can run side by side.
    fn port_offset(self) -> u16 {
        match (self.brokers, self.nodes) {
            (1, 1) => 0,
            (_, 1) => 1_000,
            _ => 2_000,
        }
    }
}

pub struct Stack {
    folder: PathBuf,
    pub size: Size,
    port_offset: u16,
    variables: HashMap<String, String>,
}

impl Stack {
    /// Starts what does not run yet. The servers stay when this is dropped: a start takes long.
    pub async fn up(folder: &Path, size: Size, port_offset: u16) -> anyhow::Result<Self> {
        let port_offset = port_offset + size.port_offset();
        let mut stack = Self { folder: folder.to_owned(), size, port_offset, variables: HashMap::new() };
        stack.call("up", &[]).await?;
        let path = folder.join("env");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let pairs = text.lines().filter_map(|line| line.trim_start_matches("export ").split_once('='));
        stack.variables =
            pairs.map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned())).collect();
        Ok(stack)
    }

    /// SIGKILL for one server, such as `kafka-2`.
    pub async fn kill(&self, server: &str) -> anyhow::Result<()> {
        self.call("down", &["--kill", server]).await
    }

    pub async fn start(&self, server: &str) -> anyhow::Result<()> {
        self.call("up", &[server]).await
    }

    /// Starts a broker through another program that becomes it, such as `faketime -f +1h`.
    pub async fn start_through(&self, server: &str, wrapper: &str) -> anyhow::Result<()> {
        self.call_with("up", &[server], Some(wrapper)).await
    }

    pub fn brokers(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.variable("TIDEGATE_TEST_KAFKA")?.split(',').map(str::to_owned).collect())
    }

    /// For a client that comes through proxies.
    pub fn proxied_brokers(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.variable("TIDEGATE_TEST_KAFKA_PROXIED")?.split(',').map(str::to_owned).collect())
    }

    pub fn contact_points(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.variable("TIDEGATE_TEST_CASSANDRA")?.split(',').map(str::to_owned).collect())
    }

    pub fn s3_endpoint(&self) -> anyhow::Result<&str> {
        self.variable("TIDEGATE_TEST_S3")
    }

    pub fn s3_keys(&self) -> anyhow::Result<(&str, &str)> {
        Ok((self.variable("TIDEGATE_TEST_S3_ACCESS_KEY")?, self.variable("TIDEGATE_TEST_S3_SECRET_KEY")?))
    }

    /// The folder that the S3 server keeps a bucket's objects in, as plain files.
    pub fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.folder.join("s3").join("data").join(bucket)
    }

    fn variable(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.variables.get(name);
        Ok(value.with_context(|| format!("{} has no {name}", self.folder.join("env").display()))?)
    }

    async fn call(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        self.call_with(program, arguments, None).await
    }

    async fn call_with(&self, program: &str, arguments: &[&str], wrapper: Option<&str>) -> anyhow::Result<()> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/stack").join(program);
        let mut command = Command::new(&program);
        command.args(arguments).env("STACK_DIR", &self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("STACK_BROKERS", self.size.brokers.to_string()).env("STACK_NODES", self.size.nodes.to_string());
        command.env("STACK_PORT_OFFSET", self.port_offset.to_string());
        if let Some(wrapper) = wrapper {
            command.env("STACK_KAFKA_WRAPPER", wrapper);
        }
        let log = self.folder.with_extension("log");
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Not a pipe: the servers inherit it, and it would stay open.
        let log_file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let status = command.stderr(log_file).status().await.with_context(|| program.display().to_string())?;
        ensure!(status.success(), "{} {arguments:?}: {status}; see {}", program.display(), log.display());
        Ok(())
    }
}
