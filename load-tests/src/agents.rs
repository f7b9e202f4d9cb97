//! Many agents, each with a connection of its own, that push a small batch at a fixed interval. Their times are spread evenly, and an
//! answer's latency counts from the time at which its push was due. The interval is made shorter step by step, on the same
//! connections, to see where the server no longer keeps up.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use tidegate_testkit::now_ms;
use tokio::task::JoinSet;

use crate::client::{Connection, Outcome};
use crate::encode::Protocol;
use crate::opening;
use crate::process;
use crate::quantile::Latencies;
use crate::target::Target;
use crate::workload::{Shape, Workload};

#[derive(Args, Clone, Debug)]
pub struct Crowd {
    #[arg(long, default_value = "10000")]
    pub agents: NonZeroUsize,
    /// Samples in a push, each of another series.
    #[arg(long, default_value_t = 10)]
    pub samples: usize,
    /// Times between two pushes of an agent, one step each.
    #[arg(long, value_delimiter = ',', default_value = "10s", value_parser = humantime::parse_duration)]
    pub interval: Vec<Duration>,
    /// Length of a step.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
}

/// A push that is so late is left out, so that a step ends.
const LATEST: Duration = Duration::from_secs(10);
/// Time for encoding a request beforehand, well above what it takes, so that samples are as fresh as an agent's when they leave.
const ENCODING_US: u64 = 150;
/// For connecting those again that the server closed.
const RECONNECTING: Duration = Duration::from_secs(5);
/// Well below what servers allow, `RECONNECTING` and an interval included.
const IDLE: Duration = Duration::from_secs(10);
/// Between two steps.
const PAUSE: Duration = Duration::from_secs(3);

/// Memory of the gateway's process, and what each step gave.
pub struct Served {
    pub before_bytes: u64,
    pub connected_bytes: u64,
    pub peak_bytes: u64,
    pub steps: Vec<Step>,
}

#[derive(Default)]
pub struct Step {
    pub interval: Duration,
    /// Requests a second that were due.
    pub offered: f64,
    pub latencies: Latencies,
    pub busy: u64,
    pub failed: u64,
    pub left_out: u64,
    pub wall: Duration,
    pub cpu_seconds: f64,
    pub client_cpu_seconds: f64,
    pub others_cpu_seconds: Vec<(String, f64)>,
}

struct Agent {
    connection: Connection,
    protocol: Protocol,
    port: u16,
    id: String,
    /// When the connection was last of use: servers close those that are idle, half a minute at Tidegate.
    used_at: Instant,
}

pub async fn run(target: &Target, crowd: &Crowd, seed: u64) -> anyhow::Result<Served> {
    process::raise_file_handles()?;
    let before_bytes = process::resident_bytes(target.pid)?;
    let (protocol, port) = (target.protocol, target.port);
    let mut agents =
        opening::many(crowd.agents.get(), |n| Agent::connect(protocol, port, format!("agent-{n:05}"))).await?;
    let connected_bytes = process::resident_bytes(target.pid)?;
    println!("{} connections to process {}", agents.len(), target.pid);
    let shape = Shape {
        series: crowd.agents.get() * crowd.samples,
        labels: 6,
        interval: Duration::from_secs(1),
        rounds: 0,
        batch: crowd.samples,
        ago: Duration::ZERO,
    };
    let mut workload = Workload::new(&shape, seed);
    let (mut steps, mut sequence) = (Vec::new(), 0);
    for interval in &crowd.interval {
        tokio::time::sleep(PAUSE).await;
        let step;
        (step, agents) = push(target, crowd, *interval, agents, &mut workload, &mut sequence).await?;
        println!("every {interval:?}: {} answered", step.latencies.len());
        steps.push(step);
    }
    Ok(Served { before_bytes, connected_bytes, peak_bytes: process::peak_resident_bytes(target.pid)?, steps })
}

async fn push(
    target: &Target,
    crowd: &Crowd,
    interval: Duration,
    agents: Vec<Agent>,
    workload: &mut Workload,
    sequence: &mut u64,
) -> anyhow::Result<(Step, Vec<Agent>)> {
    let rounds = u32::try_from(crowd.duration.as_millis().div_ceil(interval.as_millis()).max(2))?;
    let count = u32::try_from(agents.len())?;
    let encoding = RECONNECTING + Duration::from_micros(ENCODING_US * u64::from(rounds) * u64::from(count));
    let (start_ms, begin) = (now_ms() + i64::try_from(encoding.as_millis())?, Instant::now() + encoding);
    let mut queues: Vec<Vec<Bytes>> = agents.iter().map(|_| Vec::with_capacity(rounds as usize)).collect();
    for round in 0..rounds {
        *sequence += 1;
        let series = workload.round(start_ms + i64::try_from((interval * round).as_millis())?);
        for (n, (queue, batch)) in queues.iter_mut().zip(series.chunks(crowd.samples)).enumerate() {
            queue.push(target.protocol.body(batch, n as u64 + 1, *sequence)?);
        }
    }
    tokio::time::sleep_until((begin - RECONNECTING).into()).await;
    let (idle, mut agents): (Vec<_>, Vec<_>) = agents.into_iter().partition(Agent::is_idle);
    agents.extend(reconnected(idle).await?);
    let late = "encoding and connecting took longer than was thought";
    anyhow::ensure!(Instant::now() < begin, late);
    tokio::time::sleep_until(begin.into()).await;
    let me = std::process::id();
    let others = || target.others.iter().map(|(name, pid)| Ok((name.clone(), process::cpu_seconds(*pid)?)));
    let before = (process::cpu_seconds(target.pid)?, process::cpu_seconds(me)?);
    let others_before: Vec<(String, f64)> = others().collect::<anyhow::Result<_>>()?;
    let mut pushing = JoinSet::new();
    for (n, (agent, queue)) in (0u32..).zip(agents.into_iter().zip(queues)) {
        pushing.spawn(agent.push(queue, begin + interval * n / count, interval));
    }
    let mut step = Step { interval, offered: f64::from(count) / interval.as_secs_f64(), ..Step::default() };
    let mut agents = Vec::new();
    while let Some(done) = pushing.join_next().await {
        let (agent, of_one) = done?;
        agents.push(agent);
        step.latencies.merge(of_one.latencies);
        step.busy += of_one.busy;
        step.failed += of_one.failed;
        step.left_out += of_one.left_out;
    }
    step.wall = begin.elapsed();
    step.cpu_seconds = process::cpu_seconds(target.pid)? - before.0;
    step.client_cpu_seconds = process::cpu_seconds(me)? - before.1;
    let others_after: Vec<(String, f64)> = others().collect::<anyhow::Result<_>>()?;
    let used = others_after.into_iter().zip(others_before);
    step.others_cpu_seconds = used.map(|((name, after), (_, before))| (name, after - before)).collect();
    Ok((step, agents))
}

async fn reconnected(idle: Vec<Agent>) -> anyhow::Result<Vec<Agent>> {
    opening::many(idle.len(), |n| Agent::connect(idle[n].protocol, idle[n].port, idle[n].id.clone())).await
}

impl Agent {
    async fn connect(protocol: Protocol, port: u16, id: String) -> anyhow::Result<Self> {
        let connection = Connection::open(protocol, port, &id).await?;
        Ok(Self { connection, protocol, port, id, used_at: Instant::now() })
    }

    /// Its connection is closed, or would be before it is used.
    fn is_idle(&self) -> bool {
        self.connection.is_closed() || self.used_at.elapsed() > IDLE
    }

    /// Pushes at `due` and every `interval` from then on.
    async fn push(mut self, queue: Vec<Bytes>, mut due: Instant, interval: Duration) -> (Self, Step) {
        let mut step = Step::default();
        for body in queue {
            tokio::time::sleep_until(due.into()).await;
            if due.elapsed() > LATEST {
                step.left_out += 1;
            } else {
                match self.connection.send(body).await {
                    Ok(Outcome::Accepted) => step.latencies.add(due.elapsed()),
                    Ok(Outcome::Busy(_)) => step.busy += 1,
                    Err(_) => {
                        step.failed += 1;
                        if let Ok(fresh) = Connection::open(self.protocol, self.port, &self.id).await {
                            self.connection = fresh;
                        }
                    }
                }
            }
            due += interval;
            self.used_at = Instant::now();
        }
        (self, step)
    }
}
