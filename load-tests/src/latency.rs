//! Open loop: requests leave on a fixed schedule, whether the ones before are answered or not, and an answer's latency
//! counts from the time that the schedule names. A server that stalls cannot hide it.

mod alarm;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};
use tidegate_testkit::now_ms;
use tokio::sync::{mpsc, oneshot};

use crate::client::{Connection, Outcome};
use crate::encode::Protocol;
use crate::latency::alarm::Alarm;
use crate::process;
use crate::quantile::Latencies;
use crate::stages::{Snapshot, Stage};
use crate::target::Target;
use crate::workload::{Shape, Workload};

#[derive(Args, Clone, Copy, Debug)]
pub struct Schedule {
    /// Requests in a second.
    #[arg(long, default_value_t = 2_253)]
    pub rate: u32,
    /// Samples in a request, each of another series.
    #[arg(long, default_value_t = 20)]
    pub samples: usize,
    /// How long the schedule goes on.
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    /// How long the same goes on before, uncounted: until servers have compiled what they run and each series is known.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
    /// Keep the thread that sends on this core; the server has all of them.
    #[arg(long)]
    pub core: Option<usize>,
}

/// Time for encoding a second's requests beforehand, well above what it takes, so that samples are as fresh as an agent's
/// when they leave.
const ENCODING_MS: u64 = 200;

/// Before the schedule's begin, for opening connections: none may wait for as long as a server keeps one that is silent.
const CONNECTING: Duration = Duration::from_secs(5);

impl Schedule {
    /// How long after the call of [`run`] the first request leaves.
    pub fn lead(&self) -> Duration {
        Duration::from_millis(self.seconds() * ENCODING_MS)
    }

    fn seconds(&self) -> u64 {
        self.warm_up.as_secs() + self.duration.as_secs()
    }
}

/// What a run gave.
pub struct Answered {
    pub latencies: Latencies,
    /// How long after it was due a request left: a share of its latency that is this program's own, unless the answer before it on the
    /// connection was late.
    pub lateness: Latencies,
    /// Those of the warm-up too.
    pub busy_answers: u64,
    /// In the order of the schedule, without the warm-up.
    pub exchanges: Vec<Exchange>,
    /// Unix time of the schedule's begin.
    pub begin_us: u128,
    pub wall: Duration,
    pub stages: Vec<Stage>,
    /// Core seconds that the machine's host gave to others meanwhile: what an answer waits for then is not the server.
    pub stolen_seconds: f64,
}

/// A request's times after the schedule's begin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exchange {
    due: Duration,
    left: Duration,
    answered: Duration,
}

impl Answered {
    /// The times of each request, in µs of Unix time, to be held against what a server did then.
    pub fn write_times(&self, file: &Path) -> anyhow::Result<()> {
        let mut lines = "due_us,left_us,answered_us\n".to_owned();
        for exchange in &self.exchanges {
            let [due, left, answered] =
                [exchange.due, exchange.left, exchange.answered].map(|after| self.begin_us + after.as_micros());
            writeln!(lines, "{due},{left},{answered}")?;
        }
        std::fs::write(file, lines).with_context(|| format!("writing {}", file.display()))
    }
}

/// A request and when it is to leave.
struct Ticket {
    due: Instant,
    body: Bytes,
}

pub async fn run(target: &Target, schedule: &Schedule, connections: usize, seed: u64) -> anyhow::Result<Answered> {
    let start_ms = now_ms() + i64::try_from(schedule.lead().as_millis())?;
    let bodies = encode(target, schedule, connections, seed, start_ms)?;
    let lead = u64::try_from(start_ms - now_ms()).ok().context("encoding took longer than was thought")?;
    let begin = Instant::now() + Duration::from_millis(lead);
    let begin_us = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() + u128::from(lead) * 1_000;
    let (doors, period) = (Doors::of(target), Duration::from_secs(1) / schedule.rate);
    let (sent, outcome) = oneshot::channel();
    let core = schedule.core;
    // All on one thread: one more that has to be woken for a request waits for a core that it shares with the server.
    let sending = move || {
        // Whoever asked waits for the outcome.
        let _ = sent.send(send_alone(core, send(doors, bodies, connections, begin, period)));
    };
    std::thread::Builder::new().name("sender".to_owned()).spawn(sending)?;
    let counted = begin + Duration::from_secs(schedule.warm_up.as_secs());
    let warm = async {
        tokio::time::sleep_until(counted.into()).await;
        anyhow::Ok((Snapshot::read(&target.metrics).await?, process::stolen_seconds()?))
    };
    let all_sent = async { outcome.await? };
    let ((before, stolen_before), (times, busy_answers)) = tokio::try_join!(warm, all_sent)?;
    let wall = counted.elapsed();
    let stolen_seconds = process::stolen_seconds()? - stolen_before;
    let stages = Snapshot::read(&target.metrics).await?.since(&before);
    let after = |time: Instant| time.duration_since(begin);
    let exchange =
        |[due, left, answered]: Times| Exchange { due: after(due), left: after(left), answered: after(answered) };
    let mut exchanges: Vec<Exchange> = times.into_iter().filter(|[due, ..]| *due >= counted).map(exchange).collect();
    exchanges.sort_unstable();
    let (mut latencies, mut lateness) = (Latencies::default(), Latencies::default());
    for exchange in &exchanges {
        latencies.add(exchange.answered - exchange.due);
        lateness.add(exchange.left - exchange.due);
    }
    Ok(Answered { latencies, lateness, busy_answers, exchanges, begin_us, wall, stages, stolen_seconds })
}

/// Runs the work on this thread alone.
fn send_alone<T>(core: Option<usize>, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    if let Some(core) = core {
        let mut cores = CpuSet::new();
        anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
        cores.set(core);
        sched_setaffinity(None, &cores).with_context(|| format!("core {core}"))?;
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Where requests go.
struct Doors {
    protocol: Protocol,
    port: u16,
    token: Option<String>,
}

impl Doors {
    fn of(target: &Target) -> Self {
        Self { protocol: target.protocol, port: target.port, token: target.token.clone() }
    }
}

/// When a request was due, left and was answered.
type Times = [Instant; 3];

/// Sends a body each `period`, over the connections by turns; how many were refused for now.
async fn send(
    doors: Doors,
    bodies: Vec<Bytes>,
    connections: usize,
    begin: Instant,
    period: Duration,
) -> anyhow::Result<(Vec<Times>, u64)> {
    if let Some(connecting) = begin.checked_sub(CONNECTING) {
        tokio::time::sleep_until(connecting.into()).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    let mut queues = Vec::new();
    for index in 0..connections {
        let mut connection = Connection::open(doors.protocol, doors.port, &format!("load-{index}")).await?;
        if let Some(token) = &doors.token {
            connection.authorize(token)?;
        }
        // As deep as the whole run, so that the schedule never waits for a slow answer.
        let (sender, receiver) = mpsc::channel(bodies.len() / connections + 1);
        workers.spawn(answer(connection, receiver));
        queues.push(sender);
    }
    let alarm = Alarm::new()?;
    for (index, body) in bodies.into_iter().enumerate() {
        let due = begin + period * u32::try_from(index)?;
        alarm.at(due).await?;
        let sent = queues[index % queues.len()].try_send(Ticket { due, body });
        sent.ok().context("a connection has ended")?;
    }
    drop(queues);
    let (mut times, mut busy_answers) = (Vec::new(), 0);
    while let Some(done) = workers.join_next().await {
        let (of_one, busy) = done??;
        times.extend(of_one);
        busy_answers += busy;
    }
    Ok((times, busy_answers))
}

/// One client a second's slot: each sends once a second, at its own place in it. The first leaves at `start_ms`.
fn encode(
    target: &Target,
    schedule: &Schedule,
    connections: usize,
    seed: u64,
    start_ms: i64,
) -> anyhow::Result<Vec<Bytes>> {
    let seconds = u32::try_from(schedule.seconds())?;
    let clients = schedule.rate as usize;
    let shape = Shape {
        series: clients * schedule.samples,
        labels: 6,
        interval: Duration::from_secs(1),
        rounds: seconds,
        batch: schedule.samples,
        ago: Duration::ZERO,
    };
    let mut workload = Workload::new(&shape, seed);
    let mut bodies: Vec<Bytes> = Vec::with_capacity(clients * seconds as usize);
    for second in 0..seconds {
        let series = workload.round(start_ms + i64::from(second) * 1_000);
        for batch in series.chunks(schedule.samples) {
            let session = seed << 16 | (bodies.len() % connections) as u64;
            let body = target.protocol.body(batch, session, bodies.len() as u64 + 1)?;
            bodies.push(body);
        }
    }
    Ok(bodies)
}

/// When each was due, left and was answered; how many were refused for now.
async fn answer(mut connection: Connection, mut queue: mpsc::Receiver<Ticket>) -> anyhow::Result<(Vec<Times>, u64)> {
    let (mut times, mut busy) = (Vec::with_capacity(queue.max_capacity()), 0);
    while let Some(Ticket { due, body }) = queue.recv().await {
        let left = Instant::now();
        if left.duration_since(due) > Duration::from_secs(30) {
            bail!("the server is 30 s behind the schedule");
        }
        if connection.send(body).await? != Outcome::Accepted {
            busy += 1;
        }
        times.push([due, left, Instant::now()]);
    }
    Ok((times, busy))
}
