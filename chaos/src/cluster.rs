//! The processes of a run. Embedded: one `tidegate all`. Fleet: each target apart, on real servers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::node::{Node, Target};
use crate::push::Gateway;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    Embedded,
    Fleet,
}

/// Nothing arrives but what the clients push, no limit is in their way, and hours are shipped soon.
const COMMON: &str = "\
agent: {enabled: false}
limits: {requests_per_second: 1000000, samples_per_second: 1000000000}
compactor: {settle_seconds: 3, settle_limit_seconds: 20, poll_seconds: 1}
";

pub struct Cluster {
    pub topology: Topology,
    pub nodes: Vec<Node>,
    folder: PathBuf,
}

impl Cluster {
    /// Prepares the processes in `folder`, which is made anew, and starts none.
    pub fn prepare(topology: Topology, folder: &Path, more_settings: &str) -> anyhow::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let settings = format!("{COMMON}{more_settings}");
        let nodes = vec![Node::prepare(folder, Target::All, 1, &settings)?];
        Ok(Self { topology, nodes, folder: folder.to_owned() })
    }

    pub async fn start(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.spawn(None)?;
        }
        for node in &mut self.nodes {
            node.wait_ready().await?;
        }
        Ok(())
    }

    /// Places in `nodes` of those that do the work of `target`.
    pub fn of(&self, target: Target) -> Vec<usize> {
        (0..self.nodes.len()).filter(|place| self.nodes[*place].target.includes(target)).collect()
    }

    pub fn gateways(&self) -> anyhow::Result<Vec<Gateway>> {
        let nodes = self.of(Target::Gateway);
        nodes.iter().map(|place| Gateway::new(&self.nodes[*place].grpc_url(), &self.nodes[*place].http_url())).collect()
    }

    pub fn query_urls(&self) -> Vec<String> {
        self.of(Target::Query).iter().map(|place| self.nodes[*place].http_url()).collect()
    }

    /// A process to ask queries.
    pub fn query(&self) -> anyhow::Result<&Node> {
        let place = self.of(Target::Query).first().copied().context("no process answers queries")?;
        Ok(&self.nodes[place])
    }

    /// Where the archive's files are.
    pub fn archive(&self) -> PathBuf {
        self.nodes[0].data_dir().join("archive")
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
