//! Requests of version 3 of the client's protocol: as fast as they are answered, and on a schedule.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tidegate_testkit::mad::identifier;
use tidegate_testkit::wire::message;
use tidegate_testkit::{now_ms, wire};

use super::daemon::Daemon;
use crate::process;
use crate::quantile::Latencies;

const CONNECTIONS: usize = 8;
pub const RECORDS: usize = 10;
pub const METRICS: usize = 5;
pub const SAMPLES: usize = 2;
/// Each with [`METRICS`] names.
const HOSTS: usize = 20;
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub struct Measured {
    /// As fast as they are answered.
    pub requests: u64,
    pub wall: Duration,
    pub cpu_seconds: f64,
    /// Samples in all, and those counted.
    pub sent: u64,
    pub counted: u64,
    /// On the schedule.
    pub rate: u32,
    pub latencies: Latencies,
}

impl Measured {
    pub fn records_per_second(&self) -> f64 {
        (self.requests * RECORDS as u64) as f64 / self.wall.as_secs_f64()
    }

    pub fn records_per_cpu_second(&self) -> f64 {
        (self.requests * RECORDS as u64) as f64 / self.cpu_seconds
    }
}

/// When a connection sends its next request.
#[derive(Clone, Copy)]
enum Pace {
    /// When the last one is answered.
    Closed,
    /// At multiples of this from its first, which counts as the begin of its latency, whether the last is answered or not.
    Every(Duration),
}

pub async fn run(
    daemon: &Daemon,
    warm_up: Duration,
    length: Duration,
    requests: NonZeroU32,
) -> anyhow::Result<Measured> {
    daemon.until_idle().await;
    load(daemon.http, Pace::Closed, warm_up).await?;
    daemon.counted().await?;
    let (begin, before) = (Instant::now(), process::cpu_seconds(daemon.pid())?);
    let fast = load(daemon.http, Pace::Closed, length).await?;
    let wall = begin.elapsed();
    let counted = daemon.counted().await?;
    let cpu_seconds = process::cpu_seconds(daemon.pid())? - before;
    let every = Duration::from_secs(1) * CONNECTIONS as u32 / requests.get();
    let latencies = load(daemon.http, Pace::Every(every), length * 4).await?;
    daemon.counted().await?;
    let sent = (fast.len() * RECORDS * METRICS * SAMPLES) as u64;
    let requests = fast.len() as u64;
    Ok(Measured { requests, wall, cpu_seconds, sent, counted, rate: every_second(every), latencies })
}

fn every_second(every: Duration) -> u32 {
    (CONNECTIONS as f64 / every.as_secs_f64()).round() as u32
}

async fn load(port: u16, pace: Pace, length: Duration) -> anyhow::Result<Latencies> {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        done.send(connections(port, pace, length)).ok();
    })?;
    let latencies = result.await?;
    thread.join().map_err(|_| anyhow::anyhow!("the client failed"))?;
    latencies
}

fn connections(port: u16, pace: Pace, length: Duration) -> anyhow::Result<Latencies> {
    super::pin(super::client_core())?;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..CONNECTIONS).map(|index| scope.spawn(move || connection(port, index, pace, begin, length))).collect();
        let mut all = Latencies::default();
        for thread in threads {
            all.merge(thread.join().map_err(|_| anyhow::anyhow!("a connection failed"))??);
        }
        Ok(all)
    })
}

fn connection(port: u16, index: usize, pace: Pace, begin: Instant, length: Duration) -> anyhow::Result<Latencies> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let (mut latencies, mut answer) = (Latencies::default(), vec![0; 4_096]);
    let (mut requests, mut second) = (Vec::new(), i64::MIN);
    let mut due = match pace {
        Pace::Closed => begin,
        Pace::Every(every) => begin + every * index as u32 / CONNECTIONS as u32,
    };
    let mut number = index;
    while begin.elapsed() < length && due < begin + length {
        let now_ms = now_ms();
        if second != now_ms / 1_000 {
            second = now_ms / 1_000;
            requests = (0..HOSTS / RECORDS).map(|part| request(now_ms, part * RECORDS)).collect();
        }
        match pace {
            Pace::Closed => due = Instant::now(),
            #[allow(clippy::disallowed_methods, reason = "on a thread of its own")]
            Pace::Every(_) => std::thread::sleep(due.saturating_duration_since(Instant::now())),
        }
        stream.write_all(&requests[number % requests.len()])?;
        read_answer(&mut stream, &mut answer)?;
        latencies.add(due.elapsed());
        number += 1;
        if let Pace::Every(every) = pace {
            due += every;
        }
    }
    Ok(latencies)
}

/// The end of an answer without a body.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut length = 0;
    loop {
        let count = stream.read(buffer.get_mut(length..).unwrap_or_default())?;
        ensure!(count > 0, "the daemon closed a connection: {}", String::from_utf8_lossy(&buffer[..length]));
        length += count;
        if buffer[..length].ends_with(b"\r\n\r\n") {
            let answer = std::str::from_utf8(&buffer[..length]).context("no HTTP")?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            return Ok(());
        }
    }
}

fn request(now_ms: i64, first_host: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for host in first_host..first_host + RECORDS {
        wire::bytes(&mut body, 1, &record(now_ms, host));
    }
    let length = body.len();
    let mut request = format!(
        "POST /metrics/v3/application HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.append(&mut body);
    request
}

fn record(now_ms: i64, host: usize) -> Vec<u8> {
    message(|out| {
        wire::bytes(out, 1, &(host as u128 + 1).to_be_bytes());
        wire::uint(out, 2, now_ms.cast_unsigned());
        wire::uint(out, 3, (now_ms - 20).cast_unsigned());
        for (name, value) in [("service", "shop"), ("cluster", "prod"), ("host", &format!("web-{host:03}"))] {
            let entry = message(|out| {
                wire::bytes(out, 1, &identifier(name));
                wire::bytes(out, 2, &identifier(value));
            });
            wire::bytes(out, 4, &entry);
        }
        for metric in 0..METRICS {
            let samples: Vec<u8> =
                (0..SAMPLES).flat_map(|n| (0.25 + (n * 37 + metric * 101) as f64).to_le_bytes()).collect();
            let data = message(|out| wire::bytes(out, 1, &samples));
            let entry = message(|out| {
                wire::bytes(out, 1, &identifier(&format!("checkout/step_{metric}/latency")));
                wire::bytes(out, 2, &data);
            });
            wire::bytes(out, 5, &entry);
        }
    })
}
