//! Load for a Tidegate of its own, and for its peers: see this folder's README.
#![allow(clippy::print_stdout, reason = "the report is what this program is for")]

mod agent;
mod agents;
mod bounds;
mod client;
mod encode;
mod flood;
mod latency;
mod opening;
mod process;
mod push;
mod quantile;
mod query;
mod report;
mod stages;
mod streams;
mod target;
mod workload;

use clap::{Parser, Subcommand};

use crate::encode::Protocol;
use crate::target::{Peer, Target};

#[derive(Parser)]
#[command(about = "Pushes generated host metrics and measures the server that takes them")]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// As fast as it is answered; reports samples per second of the server's CPU.
    Push {
        #[command(flatten)]
        shape: workload::Shape,
        #[command(flatten)]
        common: Common,
        /// How to speak to Tidegate.
        #[arg(long, default_value = "remote-write")]
        protocol: Protocol,
        /// Push to this server, by remote write, instead of Tidegate.
        #[arg(long)]
        peer: Option<Peer>,
        /// Tidegate's targets apart, on the servers of infra/stack, instead of all in one process.
        #[arg(long, conflicts_with_all = ["peer", "compare"])]
        fleet: bool,
        /// Tidegate by remote write and by gRPC, then each peer that is installed, in one run.
        #[arg(long, conflicts_with_all = ["protocol", "peer"])]
        compare: bool,
    },
    /// On a schedule; reports how long the answers take.
    Latency {
        #[command(flatten)]
        schedule: latency::Schedule,
        #[command(flatten)]
        common: Common,
        #[arg(long, default_value = "json")]
        protocol: Protocol,
        #[command(flatten)]
        parts: Parts,
        /// Write when each request was due, left and was answered to this file.
        #[arg(long)]
        times: Option<std::path::PathBuf>,
    },
    /// One tenant pushes on a schedule while another floods the server with new series, and while it does not, in turn; reports how
    /// long the first one's answers take.
    Flood {
        #[command(flatten)]
        plan: flood::Plan,
        /// A setting of the Tidegate that is started: `section.key=value`.
        #[arg(long = "set", value_parser = setting)]
        settings: Vec<(String, String)>,
    },
    /// Many connections that push small batches at an interval; reports what the gateway takes for them.
    Agents {
        #[command(flatten)]
        crowd: agents::Crowd,
        /// The same seed, the same values.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value = "grpc")]
        protocol: Protocol,
        #[command(flatten)]
        parts: Parts,
        /// A setting of the Tidegate that is started: `section.key=value`.
        #[arg(long = "set", value_parser = setting)]
        settings: Vec<(String, String)>,
    },
    /// The agent as a Metrics Aggregator Daemon beside the Java one: start, memory, records and lines a second on a core.
    Agent {
        #[command(flatten)]
        plan: agent::Plan,
    },
    /// Breaks what is beside Tidegate, or misbehaves as a client; reports each process's memory and the answers.
    Bounds {
        #[command(flatten)]
        plan: bounds::Plan,
    },
    /// Follows live streams; reports how long after a window's end its event is with the client.
    Streams {
        #[command(flatten)]
        audience: streams::Audience,
        /// Tidegate's targets apart, on the servers of infra/stack, instead of all in one process.
        #[arg(long)]
        fleet: bool,
        /// A setting of the Tidegate that is started: `section.key=value`.
        #[arg(long = "set", value_parser = setting)]
        settings: Vec<(String, String)>,
    },
    /// Asks queries over the same data; reports how long the answers take.
    Query {
        #[command(flatten)]
        size: query::Size,
        #[command(flatten)]
        common: Common,
        /// Ask this server instead of Tidegate.
        #[arg(long)]
        peer: Option<Peer>,
        /// Tidegate, then each peer that is installed, in one run.
        #[arg(long, conflicts_with = "peer")]
        compare: bool,
        /// Ask Tidegate once more with all but the last hour read from its archive.
        #[arg(long, conflicts_with = "peer")]
        cold: bool,
        /// Cases whose names contain this.
        #[arg(long)]
        only: Vec<String>,
    },
}

/// Which of Tidegate's targets there are, and where.
#[derive(clap::Args)]
struct Parts {
    /// Tidegate's targets apart, on the servers of infra/stack, instead of all in one process.
    #[arg(long)]
    fleet: bool,
    /// The gateway of a fleet alone, on the brokers of infra/stack: nobody reads what it appends.
    #[arg(long, conflicts_with = "fleet")]
    gateway: bool,
}

impl Parts {
    async fn start(&self, protocol: Protocol, settings: &[(String, String)]) -> anyhow::Result<Target> {
        match self {
            Self { fleet: true, .. } => target::fleet(protocol, settings, target::WHOLE).await,
            Self { gateway: true, .. } => target::fleet(protocol, settings, &["gateway"]).await,
            Self { .. } => target::tidegate(protocol, settings).await,
        }
    }
}

#[derive(clap::Args)]
struct Common {
    /// Connections that push at once [default: 4 to push, 128 for latency]
    #[arg(long)]
    connections: Option<std::num::NonZeroUsize>,
    /// The same seed, the same values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A setting of the Tidegate that is started: `section.key=value`.
    #[arg(long = "set", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected section.key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().mode {
        Mode::Push { shape, common, compare: true, .. } => compare(&shape, &common).await,
        Mode::Push { shape, common, protocol, peer, fleet, .. } => {
            let target = match peer {
                Some(peer) => target::peer(peer).await?,
                None if fleet => target::fleet(protocol, &common.settings, target::WHOLE).await?,
                None => target::tidegate(protocol, &common.settings).await?,
            };
            let run = push_to(&target, &shape, &common).await?;
            println!("{}", report::push(&[run]));
            Ok(())
        }
        Mode::Latency { schedule, common, protocol, parts, times } => {
            let target = parts.start(protocol, &common.settings).await?;
            let connections = common.connections.map_or(128, Into::into);
            println!("{} requests/s of {} samples to process {}", schedule.rate, schedule.samples, target.pid);
            let answered = latency::run(&target, &schedule, connections, common.seed).await?;
            println!("{}", report::latency(&target.name, &answered));
            println!("{}", report::stages(&answered.stages));
            if let Some(file) = times {
                answered.write_times(&file)?;
            }
            Ok(())
        }
        Mode::Flood { plan, settings } => {
            println!("{}", flood::run(&plan, &settings).await?);
            Ok(())
        }
        Mode::Agents { crowd, seed, protocol, parts, settings } => {
            let target = parts.start(protocol, &settings).await?;
            let served = agents::run(&target, &crowd, seed).await?;
            println!("{}", report::agents(&target.name, &crowd, &served));
            Ok(())
        }
        Mode::Agent { plan } => {
            println!("\n{}", agent::report(&agent::run(&plan).await?));
            Ok(())
        }
        Mode::Bounds { plan } => {
            println!("{}", report::bounds(&bounds::run(&plan).await?));
            Ok(())
        }
        Mode::Streams { audience, fleet, settings } => {
            let followed = streams::run(&audience, fleet, &settings).await?;
            println!("{}", report::streams(&audience, &followed));
            Ok(())
        }
        Mode::Query { size, common, peer, compare, cold, only } => {
            let peers = match (peer, compare) {
                (Some(peer), _) => vec![peer],
                (None, true) => vec![Peer::VictoriaMetrics, Peer::Prometheus],
                (None, false) => Vec::new(),
            };
            queries(size, &common, peer.is_none(), &peers, cold, &only).await
        }
    }
}

async fn push_to(target: &Target, shape: &workload::Shape, common: &Common) -> anyhow::Result<push::Measured> {
    println!("{}: {} samples to process {}", target.name, shape.samples(), target.pid);
    push::run(target, shape, common.connections.map_or(4, Into::into), common.seed).await
}

async fn compare(shape: &workload::Shape, common: &Common) -> anyhow::Result<()> {
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for protocol in [Protocol::RemoteWrite, Protocol::Grpc] {
        let target = target::tidegate(protocol, &common.settings).await?;
        ours.push(push_to(&target, shape, common).await?);
    }
    for peer in [Peer::Prometheus, Peer::VictoriaMetrics] {
        match target::peer(peer).await {
            Ok(target) => peers.push(push_to(&target, shape, common).await?),
            Err(error) => println!("left out: {error:#}"),
        }
    }
    let ratios = report::ratios(&ours, &peers);
    ours.append(&mut peers);
    println!("\n{}\n{ratios}", report::push(&ours));
    Ok(())
}

async fn queries(
    size: query::Size,
    common: &Common,
    ours: bool,
    peers: &[Peer],
    cold: bool,
    only: &[String],
) -> anyhow::Result<()> {
    let mut runs = Vec::new();
    if ours {
        let mut settings = common.settings.clone();
        if cold {
            settings.push(("compactor.settle_seconds".to_owned(), "1".to_owned()));
        }
        let mut target = target::tidegate(Protocol::RemoteWrite, &settings).await?;
        let end_ms = query::load(&target, size, common.seed).await?;
        // What came half an hour late is in the live tail until its minute of arrival is over, which is no state to be asked in.
        push::settle().await;
        runs.push(("tidegate".to_owned(), query::run(&target, size, end_ms, only).await?));
        if cold {
            query::until_archived(&target, size).await?;
            target.restart_with("query.hot_retention_hours", "1").await?;
            runs.push(("tidegate, archive".to_owned(), query::run(&target, size, end_ms, only).await?));
        }
    }
    for peer in peers {
        match target::peer(*peer).await {
            Ok(target) => {
                let end_ms = query::load(&target, size, common.seed).await?;
                runs.push((target.name.clone(), query::run(&target, size, end_ms, only).await?));
            }
            Err(error) => println!("left out: {error:#}"),
        }
    }
    println!("\n{}", report::queries(&runs));
    Ok(())
}
