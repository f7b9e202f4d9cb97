//! Closed loop: every connection sends its next request as soon as the last is answered.

use std::time::{Duration, Instant};

use anyhow::bail;
use bytes::Bytes;
use tidegate_testkit::now_ms;

use crate::client::{Connection, Outcome};
use crate::process;
use crate::quantile::Latencies;
use crate::target::Target;
use crate::workload::{Shape, Workload, names};

/// Everything has to be answered within this.
const PUSH_LIMIT: Duration = Duration::from_secs(900);
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// After this long past a whole minute, all that had arrived before it is folded and written: a fragment closes
/// 10 s after its minute at the latest and is flushed within 20 s.
const SETTLE_SECONDS: u64 = 35;

/// What a run gave.
pub struct Measured {
    pub name: String,
    pub samples: u64,
    pub wall: Duration,
    /// CPU of the server while it was pushed to.
    pub push_cpu_seconds: f64,
    /// That, and until it had settled.
    pub cpu_seconds: f64,
    pub latencies: Latencies,
    pub busy_answers: u64,
    pub peak_resident_bytes: u64,
    /// CPU seconds of the system's other processes, until they had settled.
    pub others_cpu_seconds: Vec<(String, f64)>,
    /// Each folder below the data folder, with the disk space it takes.
    pub disk: Vec<(String, u64)>,
    /// What the server itself counts when asked by PromQL, or why it did not.
    pub counted: Result<u64, String>,
}

impl Measured {
    pub fn per_cpu_second(&self) -> f64 {
        self.samples as f64 / self.cpu_seconds
    }
}

/// Encodes all requests, pushes them, waits until the server has settled.
pub async fn run(target: &Target, shape: &Shape, connections: usize, seed: u64) -> anyhow::Result<Measured> {
    let (last_ms, queues) = encode(target, shape, connections, seed)?;
    let idle_cpu = process::cpu_seconds(target.pid)?;
    let idle_others = others_cpu_seconds(target)?;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (index, queue) in queues.into_iter().enumerate() {
        let connection = Connection::open(target.protocol, target.port, &format!("load-{index}")).await?;
        tasks.spawn(drain(connection, queue, begin));
    }
    let (mut latencies, mut busy_answers) = (Latencies::default(), 0);
    while let Some(done) = tasks.join_next().await {
        let (of_one, busy) = done??;
        latencies.merge(of_one);
        busy_answers += busy;
    }
    let wall = begin.elapsed();
    let push_cpu_seconds = process::cpu_seconds(target.pid)? - idle_cpu;
    settle().await;
    let cpu_seconds = process::cpu_seconds(target.pid)? - idle_cpu;
    let mut others_cpu_seconds = others_cpu_seconds(target)?;
    for ((_, used), (_, idle)) in others_cpu_seconds.iter_mut().zip(idle_others) {
        *used -= idle;
    }
    let peak_resident_bytes = process::peak_resident_bytes(target.pid)?;
    let disk = disk(target);
    let counted = count(target, shape, last_ms).await.map_err(|error| format!("{error:#}"));
    Ok(Measured {
        name: target.name.clone(),
        samples: shape.samples(),
        wall,
        push_cpu_seconds,
        cpu_seconds,
        latencies,
        busy_answers,
        peak_resident_bytes,
        others_cpu_seconds,
        disk,
        counted,
    })
}

fn others_cpu_seconds(target: &Target) -> anyhow::Result<Vec<(String, f64)>> {
    target.others.iter().map(|(name, pid)| Ok((name.clone(), process::cpu_seconds(*pid)?))).collect()
}

/// The time of the last round, and the bodies of each connection in the order of sending. A series stays on one
/// connection, so its samples arrive in order.
fn encode(target: &Target, shape: &Shape, connections: usize, seed: u64) -> anyhow::Result<(i64, Vec<Vec<Bytes>>)> {
    let last_ms = now_ms() - i64::try_from(shape.ago.as_millis())?;
    let interval_ms = i64::try_from(shape.interval.as_millis())?;
    let mut workload = Workload::new(shape, seed);
    let mut queues = vec![Vec::new(); connections];
    for round in 0..shape.rounds {
        let series = workload.round(last_ms - i64::from(shape.rounds - 1 - round) * interval_ms);
        for (index, batch) in series.chunks(shape.batch).enumerate() {
            let connection = index % connections;
            let queue: &mut Vec<Bytes> = &mut queues[connection];
            let body = target.protocol.body(batch, seed << 16 | connection as u64, queue.len() as u64 + 1)?;
            queue.push(body);
        }
    }
    Ok((last_ms, queues))
}

async fn drain(mut connection: Connection, queue: Vec<Bytes>, begin: Instant) -> anyhow::Result<(Latencies, u64)> {
    let (mut latencies, mut busy) = (Latencies::default(), 0);
    for body in queue {
        loop {
            let sent = Instant::now();
            let outcome = connection.send(body.clone()).await?;
            latencies.add(sent.elapsed());
            match outcome {
                Outcome::Accepted => break,
                Outcome::Busy(why) if begin.elapsed() > PUSH_LIMIT => bail!("busy for too long: {why}"),
                Outcome::Busy(_) => {
                    busy += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
            }
        }
    }
    Ok((latencies, busy))
}

/// Waits for the next whole minute and then until all before it is surely stored.
pub async fn settle() {
    let into_minute = now_ms().rem_euclid(60_000).cast_unsigned();
    tokio::time::sleep(Duration::from_millis(60_000 - into_minute) + Duration::from_secs(SETTLE_SECONDS)).await;
}

fn disk(target: &Target) -> Vec<(String, u64)> {
    let Ok(entries) = std::fs::read_dir(&target.data_dir) else { return Vec::new() };
    let mut folders: Vec<(String, u64)> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), process::disk_bytes(&entry.path())))
        .collect();
    folders.sort();
    folders
}

/// Asks for the number of samples stored, one name at a time: without their names the series of different metrics are the
/// same. Not part of what is measured.
async fn count(target: &Target, shape: &Shape, last_ms: i64) -> anyhow::Result<u64> {
    let range_seconds = shape.span().as_secs() + 60;
    let mut counted = 0;
    for name in names(shape.series) {
        let query = format!("sum(count_over_time({name}[{range_seconds}s]))");
        let answer = target.api.query_at(&query, last_ms + 1_000).await?;
        counted += answer.first().and_then(|(_, points)| points.first()).map_or(0, |(_, value)| *value as u64);
    }
    Ok(counted)
}
