//! The agent as a Metrics Aggregator Daemon beside the Java one, in one run: the same configuration, the same bytes, one core each in
//! turn for what is a rate. What a daemon has counted is read from what it posts.

mod daemon;
mod host;
mod http;
mod memory;
mod statsd;
mod table;

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustix::thread::{CpuSet, sched_setaffinity};

use self::daemon::{Daemon, Kind};
pub use self::table::report;

/// Daemons whose rate is measured have this core for themselves, clients and sink the last one.
const DAEMON_CORE: usize = 0;

#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Which daemons.
    #[arg(long = "daemon", value_enum, value_delimiter = ',', default_value = "ours,java")]
    daemons: Vec<Kind>,
    /// What is measured; all where none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Length of a step of a rate.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    step: Duration,
    /// Requests before HTTP is measured: Java compiles while it runs.
    #[arg(long, default_value = "20s", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// How long 20,000 series are sent and the host is read.
    #[arg(long, default_value = "70s", value_parser = humantime::parse_duration)]
    hold: Duration,
    /// Lines a second, one step each, until two steps in a row lose some.
    #[arg(long, value_delimiter = ',', default_values_t = RATES.map(positive))]
    rates: Vec<NonZeroU32>,
    /// Requests a second while answers are timed.
    #[arg(long, default_value_t = positive(300))]
    requests: NonZeroU32,
}

const RATES: [u32; 13] = [
    10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 150_000, 250_000, 500_000, 750_000, 1_000_000, 1_500_000,
    2_000_000,
];

const fn positive(rate: u32) -> NonZeroU32 {
    match NonZeroU32::new(rate) {
        Some(rate) => rate,
        None => NonZeroU32::MIN,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Start to the first answer, and what it holds when idle.
    Start,
    /// What it holds at 20,000 series; own overhead meanwhile.
    Memory,
    Http,
    Statsd,
}

/// What one daemon gave. What was not measured is none.
#[derive(Default)]
pub struct Measured {
    name: &'static str,
    start: Option<memory::Start>,
    full: Option<memory::Full>,
    http: Option<http::Measured>,
    /// Several lines a datagram, and one.
    statsd: Option<[Vec<statsd::Step>; 2]>,
    /// Share of a core that reading the host takes.
    host: Option<host::Overhead>,
}

pub async fn run(plan: &Plan) -> anyhow::Result<Vec<Measured>> {
    let mut daemons = Vec::new();
    for kind in &plan.daemons {
        match kind.ready()? {
            None => daemons.push(*kind),
            Some(missing) => println!("left out: {}: {missing}", kind.name()),
        }
    }
    let wants = |measure| plan.only.is_empty() || plan.only.contains(&measure);
    let mut all: Vec<Measured> =
        daemons.iter().map(|kind| Measured { name: kind.name(), ..Measured::default() }).collect();
    if wants(Measure::Start) {
        for (kind, measured) in daemons.iter().zip(&mut all) {
            println!("{}: start", kind.name());
            measured.start = Some(memory::start(*kind).await?);
        }
    }
    if wants(Measure::Memory) {
        println!("{} series for {:?}", memory::SERIES, plan.hold);
        let full = async |kind| match daemons.contains(&kind) {
            true => memory::full(kind, plan.hold).await.map(Some),
            false => Ok(None),
        };
        let host = async {
            match daemons.contains(&Kind::Ours) {
                true => host::overhead(plan.hold).await.map(Some),
                false => Ok(None),
            }
        };
        let (mut ours, mut java, mut host) = tokio::try_join!(full(Kind::Ours), full(Kind::Java), host)?;
        for (kind, measured) in daemons.iter().zip(&mut all) {
            match kind {
                Kind::Ours => (measured.full, measured.host) = (ours.take(), host.take()),
                Kind::Java => measured.full = java.take(),
            }
        }
    }
    for (kind, measured) in daemons.iter().zip(&mut all) {
        if wants(Measure::Http) {
            let daemon = Daemon::start(*kind, Some(DAEMON_CORE)).await?;
            println!("{}: HTTP", kind.name());
            measured.http = Some(http::run(&daemon, plan.warm_up, plan.step, plan.requests).await?);
        }
        if wants(Measure::Statsd) {
            let daemon = Daemon::start(*kind, Some(DAEMON_CORE)).await?;
            let full = statsd::run(&daemon, statsd::Datagrams::Full, &plan.rates, plan.step).await?;
            let single = statsd::run(&daemon, statsd::Datagrams::Single, &plan.rates, plan.step).await?;
            measured.statsd = Some([full, single]);
        }
    }
    Ok(all)
}

/// Keeps this thread, and those that it starts, on a core.
fn pin(core: usize) -> std::io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Where daemons that are measured are not.
fn client_core() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) - 1
}
