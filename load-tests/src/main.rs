//! Load for a Tidegate of its own, and for its peers: see this folder's README.
#![allow(clippy::print_stdout, reason = "the report is what this program is for")]

mod client;
mod encode;
mod latency;
mod process;
mod push;
mod quantile;
mod report;
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
    },
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
        Mode::Push { shape, common, protocol, peer, .. } => {
            let target = match peer {
                Some(peer) => target::peer(peer).await?,
                None => target::tidegate(protocol, &common.settings).await?,
            };
            let run = push_to(&target, &shape, &common).await?;
            println!("{}", report::push(&[run]));
            Ok(())
        }
        Mode::Latency { schedule, common, protocol } => {
            let target = target::tidegate(protocol, &common.settings).await?;
            let connections = common.connections.map_or(128, Into::into);
            println!("{} requests/s of {} samples to process {}", schedule.rate, schedule.samples, target.pid);
            let answered = latency::run(&target, &schedule, connections, common.seed).await?;
            println!("{}", report::latency(&target.name, &answered));
            Ok(())
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
