//! What each target's process holds in memory while something beside it has stopped, or its clients misbehave; and how clients are
//! answered meanwhile.

mod clients;
mod pause;
mod pushers;
mod site;
mod slow;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use crate::process;
use pause::Paused;
use pushers::{Answers, Counts};
use site::Site;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// The store's servers stand still (SIGSTOP) while samples are pushed. Needs --fleet.
    Store,
    /// Those of the log do, while many clients push large batches. Needs --fleet.
    Log,
    /// Streams of many series whose clients read nothing.
    Streams,
    /// Agents' connections that do nothing but answer pings.
    IdleGateway,
    /// HTTP connections that ask once and then no more.
    IdleQuery,
    /// Bodies that come a byte a second, headers that do not end, connections on which nothing comes.
    Slow,
}

#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// These only, instead of all that the target can have.
    #[arg(long)]
    pub only: Vec<Fault>,
    /// Tidegate's targets apart, on the servers of infra/stack, instead of all in one process.
    #[arg(long)]
    pub fleet: bool,
    /// Ports with TLS, and a certificate made for the run. Idle connections come by it; what else is sent goes through a tunnel of
    /// this program, so streams and slow clients are not to be had so.
    #[arg(long, conflicts_with = "fleet")]
    pub tls: bool,
    /// The servers' folder, with their ids; they are stopped and continued, so nobody else may use them. Default: the variable
    /// STACK_DIR.
    #[arg(long)]
    pub stack_dir: Option<PathBuf>,
    /// Series that are pushed all the time, a sample of each every 5 s.
    #[arg(long, default_value_t = 20_000)]
    pub series: usize,
    #[arg(long, default_value_t = 10_000)]
    pub idle: usize,
    #[arg(long, default_value_t = 1_000)]
    pub slow: usize,
    #[arg(long, default_value_t = 100)]
    pub streams: usize,
    /// Connections that push large batches while the log stands still.
    #[arg(long, default_value_t = 400)]
    pub flood: usize,
    /// Pushing before the fault.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub hold: Duration,
    /// Pushing after the fault.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub recovery: Duration,
    /// A setting of the Tidegate that is started: `section.key=value`.
    #[arg(long = "set", value_parser = crate::setting)]
    pub settings: Vec<(String, String)>,
}

/// What was seen of one fault.
pub struct Observed {
    pub fault: Fault,
    pub memory: Vec<Memory>,
    /// While it lasted, and after it.
    pub during: Counts,
    pub after: Counts,
    /// What became of the clients that misbehaved.
    pub notes: Vec<String>,
}

/// Of one process, in bytes.
pub struct Memory {
    pub target: String,
    pub before: u64,
    pub peak: u64,
    pub after: u64,
}

impl Plan {
    fn faults(&self) -> Vec<Fault> {
        let all = match (self.fleet, self.tls) {
            (true, _) => Fault::value_variants(),
            (false, true) => &[Fault::IdleGateway, Fault::IdleQuery],
            (false, false) => &Fault::value_variants()[2..],
        };
        if self.only.is_empty() { all.to_vec() } else { self.only.clone() }
    }

    /// Stops the servers of this kind until the answer is dropped.
    fn pause(&self, kind: &str) -> anyhow::Result<Paused> {
        ensure!(self.fleet, "a log or a store that stands still needs --fleet");
        let folder = self.stack_dir.clone().or_else(|| std::env::var_os("STACK_DIR").map(PathBuf::from));
        Paused::all(&folder.context("which servers? --stack-dir or STACK_DIR")?, kind)
    }
}

/// Ends early, with what was stopped continued, at ctrl-c.
pub async fn run(plan: &Plan) -> anyhow::Result<Vec<Observed>> {
    process::raise_file_handles()?;
    let all = async {
        let mut observed = Vec::new();
        for fault in plan.faults() {
            println!("{}", fault.name());
            observed.push(observe(plan, fault).await.with_context(|| fault.name())?);
        }
        Ok(observed)
    };
    tokio::select! {
        observed = all => observed,
        pressed = tokio::signal::ctrl_c() => { pressed?; anyhow::bail!("interrupted") }
    }
}

async fn observe(plan: &Plan, fault: Fault) -> anyhow::Result<Observed> {
    let site = Site::start(plan).await?;
    let answers = Arc::new(Answers::default());
    // Aborted when it is dropped.
    let _pushing = pushers::steady(site.gateway_grpc, plan.series, &answers).await?;
    tokio::time::sleep(plan.warm_up).await;
    let before = site.resident_bytes()?;
    site.forget_peaks()?;
    answers.take();
    let notes = misbehave(plan, fault, &site, &answers).await?;
    let during = answers.take();
    tokio::time::sleep(plan.recovery).await;
    let after = answers.take();
    ensure!(after.accepted > 0, "nothing is accepted any more: {after:?}");
    let memory = site.processes.iter().zip(before).zip(site.resident_bytes()?).map(|((process, before), after)| {
        let peak = process::peak_resident_bytes(process.pid)?;
        Ok(Memory { target: process.target.clone(), before, peak, after })
    });
    Ok(Observed { fault, memory: memory.collect::<anyhow::Result<_>>()?, during, after, notes })
}

async fn misbehave(plan: &Plan, fault: Fault, site: &Site, answers: &Arc<Answers>) -> anyhow::Result<Vec<String>> {
    let is_idle = matches!(fault, Fault::IdleGateway | Fault::IdleQuery);
    ensure!(is_idle || !plan.tls, "{} is not tried by TLS", fault.name());
    match fault {
        Fault::Store => {
            let paused = plan.pause("cassandra")?;
            tokio::time::sleep(plan.hold).await;
            drop(paused);
            Ok(Vec::new())
        }
        Fault::Log => {
            let paused = plan.pause("kafka")?;
            let flood = pushers::flood(site.gateway_http, plan.flood, answers).await?;
            tokio::time::sleep(plan.hold).await;
            drop((flood, paused));
            Ok(Vec::new())
        }
        Fault::Streams => clients::deaf_streams(site, plan.streams, plan.hold).await,
        Fault::IdleGateway => clients::idle_agents(site, plan.idle, plan.hold).await,
        Fault::IdleQuery => clients::idle_http(site, plan.idle, plan.hold).await,
        Fault::Slow => slow::run(site, plan.slow).await,
    }
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store stopped",
            Self::Log => "log stopped",
            Self::Streams => "deaf streams",
            Self::IdleGateway => "idle, gateway",
            Self::IdleQuery => "idle, query",
            Self::Slow => "slow clients",
        }
    }
}
