//! The processes of a run. Embedded: one `tidegate all`. Fleet: each target apart, on real servers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tidegate_testkit::fault_proxy::FaultProxy;
use tidegate_testkit::tcp_proxy::{State, TcpProxy};
use tidegate_testkit::{binary, stack as names};

use crate::cql::Keyspace;
use crate::node::{Node, Target};
use crate::push::Gateway;
use crate::scenario::{Kind, Scenario, Side};
use crate::session::Plan;
use crate::stack::{Size, Stack};
use crate::topic::Topic;

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
compactor: {settle_seconds: 3, settle_limit_seconds: 20, poll_seconds: 1, tier_settle_seconds: 10}
";

/// How many processes of each target a fleet has.
const FLEET: [(Target, usize); 4] =
    [(Target::Gateway, 2), (Target::Rollup, 3), (Target::Compactor, 2), (Target::Query, 2)];
/// Of each topic.
pub const PARTITIONS: u16 = 6;

pub struct Cluster {
    pub topology: Topology,
    pub nodes: Vec<Node>,
    pub servers: Option<Servers>,
    folder: PathBuf,
    settings: String,
    /// The first process of this target is on the way that can be cut.
    cut: Option<Target>,
}

/// What a fleet keeps its things in.
pub struct Servers {
    pub stack: Stack,
    /// Between the fleet and S3.
    pub s3: FaultProxy,
    /// Between one process of it and the other servers.
    pub cut: Option<Cut>,
    /// Before the names of topics and groups.
    pub prefix: String,
    pub keyspace: String,
    pub bucket: String,
}

/// Proxies between one process and servers.
pub struct Cut {
    brokers: Vec<TcpProxy>,
    nodes: Vec<TcpProxy>,
    archive: Option<TcpProxy>,
    side: Side,
}

impl Cluster {
    /// Prepares the processes in `folder`, which is made anew, and starts none of them.
    pub async fn prepare(scenario: &Scenario, plan: &Plan, folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let topology = plan.topology;
        let servers = match topology {
            Topology::Embedded => None,
            Topology::Fleet => Some(Servers::prepare(scenario, plan, folder).await?),
        };
        let settings = match &servers {
            None => COMMON.to_owned(),
            Some(servers) => format!("{COMMON}{}", servers.settings(None)?),
        };
        let cut = match scenario.kind {
            Kind::Cut(target, _) => Some(target),
            _ => None,
        };
        let mut cluster = Self { topology, nodes: Vec::new(), servers, folder: folder.to_owned(), settings, cut };
        match topology {
            Topology::Embedded => cluster.add(Target::All).map(|_| ())?,
            Topology::Fleet => {
                for (target, count) in FLEET {
                    (0..count).try_for_each(|_| cluster.add(target).map(|_| ()))?;
                }
                for node in &mut cluster.nodes {
                    node.use_program(old(scenario, plan));
                }
                cluster.migrate(old(scenario, plan)).await?;
            }
        }
        Ok(cluster)
    }

    /// One more process, not started; its place in `nodes`.
    pub fn add(&mut self, target: Target) -> anyhow::Result<usize> {
        let number = 1 + self.nodes.iter().filter(|node| node.target == target).count();
        let settings = match &self.servers {
            Some(servers) if number == 1 && self.cut == Some(target) => {
                format!("{COMMON}{}", servers.settings(servers.cut.as_ref())?)
            }
            _ => self.settings.clone(),
        };
        self.nodes.push(Node::prepare(&self.folder, target, number, &settings)?);
        Ok(self.nodes.len() - 1)
    }

    /// Makes tables and bucket, by this program or by the one under test.
    pub async fn migrate(&self, program: Option<&Path>) -> anyhow::Result<()> {
        let program = match program {
            Some(program) => program,
            None => binary::tidegate()?,
        };
        let mut command = tokio::process::Command::new(program);
        command.arg("migrate").arg("--config").arg(self.nodes[0].config_path()).stdin(Stdio::null());
        let output = command.output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tidegate migrate: {}: {errors}", output.status);
        Ok(())
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

    /// Starts those that have ended by themselves.
    pub async fn restart_ended(&mut self) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            if !node.is_running() {
                node.spawn(None)?;
            }
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
        match &self.servers {
            None => self.nodes[0].data_dir().join("archive"),
            Some(servers) => servers.stack.bucket_folder(&servers.bucket),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn servers(&self) -> anyhow::Result<&Servers> {
        self.servers.as_ref().context("this fault needs a fleet")
    }
}

/// What a session begins with, if not with the program under test.
fn old<'a>(scenario: &Scenario, plan: &'a Plan) -> Option<&'a Path> {
    plan.old.as_deref().filter(|_| scenario.kind == Kind::Upgrade)
}

/// A process that is silent for longer loses its partitions.
pub const SESSION_TIMEOUT_MS: u64 = 6_000;

impl Servers {
    async fn prepare(scenario: &Scenario, plan: &Plan, folder: &Path) -> anyhow::Result<Self> {
        let (all, size) = (folder.parent().unwrap_or(folder), scenario.size);
        let stack_folder = all.join(format!("stack-{}-{}", size.brokers, size.nodes));
        let stack = Stack::up(&stack_folder, size, plan.port_offset).await?;
        let upstream = stack.s3_endpoint()?.trim_start_matches("http://").parse()?;
        let s3 = FaultProxy::start(upstream, plan.seed).await?;
        let cut = match scenario.kind {
            Kind::Cut(_, side) => Some(Cut::start(&stack, &s3, side).await?),
            _ => None,
        };
        let bucket = names::unique_name('-');
        Ok(Self { stack, s3, cut, prefix: format!("{bucket}-"), keyspace: bucket.replace('-', "_"), bucket })
    }

    /// The topic of what gateways take.
    pub fn raw_topic(&self) -> anyhow::Result<Topic> {
        Topic::connect(&self.stack.brokers()?, &format!("{}metrics-raw", self.prefix))
    }

    /// The topic of live windows.
    pub fn live_topic(&self) -> anyhow::Result<Topic> {
        Topic::connect(&self.stack.brokers()?, &format!("{}metrics-rollup", self.prefix))
    }

    pub async fn keyspace(&self) -> anyhow::Result<Keyspace> {
        Keyspace::connect(&self.stack.contact_points()?, &self.keyspace).await
    }

    /// Sections of the configuration, as JSON, which is YAML.
    fn settings(&self, cut: Option<&Cut>) -> anyhow::Result<String> {
        let Size { brokers, nodes } = self.stack.size;
        let addresses = |of: &[TcpProxy]| of.iter().map(|proxy| proxy.address().to_string()).collect::<Vec<_>>();
        let kafka = serde_json::json!({
            "brokers": match cut {
                Some(cut) if cut.side.is_of_brokers() => addresses(&cut.brokers),
                _ => self.stack.brokers()?,
            },
            "prefix": self.prefix,
            "partitions": PARTITIONS,
            "replication": brokers,
            "min_insync_replicas": brokers.div_ceil(2),
            "session_timeout_ms": SESSION_TIMEOUT_MS,
        });
        let cassandra = serde_json::json!({
            "contact_points": match cut {
                Some(cut) if cut.side.is_of_store() => addresses(&cut.nodes),
                _ => self.stack.contact_points()?,
            },
            "keyspace": self.keyspace,
            "replication_factor": nodes,
        });
        let (access_key_id, secret_access_key) = self.stack.s3_keys()?;
        let s3 = serde_json::json!({
            "endpoint": match cut.and_then(|cut| cut.archive.as_ref()) {
                Some(proxy) => format!("http://{}", proxy.address()),
                None => self.s3.url(),
            },
            "bucket": self.bucket,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        });
        Ok(format!("eventlog: {{kafka: {kafka}}}\nstore: {{cassandra: {cassandra}}}\narchive: {{s3: {s3}}}\n"))
    }
}

impl Cut {
    async fn start(stack: &Stack, s3: &FaultProxy, side: Side) -> anyhow::Result<Self> {
        let (mut brokers, mut nodes) = (Vec::new(), Vec::new());
        if side.is_of_brokers() {
            for address in stack.proxied_brokers()? {
                let upstream: SocketAddr = address.parse()?;
                // Where the broker tells those clients to go on.
                let listen = SocketAddr::new(upstream.ip(), upstream.port() + 100);
                let proxy = TcpProxy::start_at(listen, upstream).await;
                brokers.push(proxy.with_context(|| format!("listening on {listen}"))?);
            }
        }
        if side.is_of_store() {
            for address in stack.contact_points()? {
                nodes.push(TcpProxy::start(address.parse()?).await?);
            }
        }
        let archive = match side {
            Side::Archive => Some(TcpProxy::start(s3.url().trim_start_matches("http://").parse()?).await?),
            _ => None,
        };
        Ok(Self { brokers, nodes, archive, side })
    }

    /// Nothing arrives any more, and nobody is told.
    pub fn cut(&self) {
        self.set(State::Hanging);
    }

    /// What was on its way arrives late, as it does when a network is back.
    pub fn heal(&self) {
        self.set(State::Passing);
    }

    fn set(&self, state: State) {
        self.brokers.iter().chain(&self.nodes).chain(&self.archive).for_each(|proxy| proxy.set(state));
    }
}
