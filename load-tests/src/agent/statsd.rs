//! Lines over UDP at a rate, from one socket, against what the daemon counted of them.

use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::daemon::Daemon;
use crate::process;

/// Series of the lines.
const SERIES: usize = 100;
/// What fits one packet of an Ethernet.
const DATAGRAM_BYTES: usize = 1_432;
/// Between two bursts.
const PAUSE: Duration = Duration::from_micros(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagrams {
    /// As many lines as fit.
    Full,
    /// One line each.
    Single,
}

#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Lines a second that were asked for, and that the sender reached.
    pub rate: u32,
    pub reached: f64,
    pub sent: u64,
    pub counted: u64,
    /// Of the daemon, until everything was posted.
    pub cpu_seconds: f64,
}

impl Step {
    pub fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.counted)
    }

    /// Whether the sender sent what it was asked for.
    pub fn is_whole(&self) -> bool {
        self.reached >= f64::from(self.rate) * 0.98
    }
}

/// Steps until two in a row lose lines, or the sender cannot do more.
pub async fn run(
    daemon: &Daemon,
    datagrams: Datagrams,
    rates: &[NonZeroU32],
    length: Duration,
) -> anyhow::Result<Vec<Step>> {
    let packets = match datagrams {
        Datagrams::Full => packed(&lines(SERIES), DATAGRAM_BYTES),
        Datagrams::Single => lines(SERIES).into_iter().map(|line| (line, 1)).collect(),
    };
    let mut steps: Vec<Step> = Vec::new();
    daemon.until_idle().await;
    // Java compiles while it runs.
    send(daemon.statsd, packets.clone(), 5_000, length).await?;
    daemon.counted().await?;
    for rate in rates {
        let before = process::cpu_seconds(daemon.pid())?;
        let (sent, wall) = send(daemon.statsd, packets.clone(), rate.get(), length).await?;
        let counted = daemon.counted().await?;
        let cpu_seconds = process::cpu_seconds(daemon.pid())? - before;
        let reached = sent as f64 / wall.as_secs_f64();
        let step = Step { rate: rate.get(), reached, sent, counted, cpu_seconds };
        println!(
            "{}: {datagrams:?}, {rate} lines/s: {reached:.0} sent, {} of {sent} lost, {cpu_seconds:.2} CPU s",
            daemon.kind.name(),
            step.lost()
        );
        steps.push(step);
        let loses = |step: &Step| step.lost() > 0;
        if !step.is_whole() || (steps.len() >= 2 && steps[steps.len() - 2..].iter().all(loses)) {
            break;
        }
    }
    Ok(steps)
}

/// Counters, gauges and timers in turn.
pub fn lines(series: usize) -> Vec<Vec<u8>> {
    let line = |number: usize| {
        let kind = ["c", "g", "ms"][number % 3];
        let tags = format!("service:shop,cluster:prod,host:web-{:03}", number % 50);
        format!("checkout.requests.{number}:{}|{kind}|#{tags}", 1 + number * 7 % 997).into_bytes()
    };
    (0..series).map(line).collect()
}

/// Datagrams of whole lines, each with how many it has.
pub fn packed(lines: &[Vec<u8>], most_bytes: usize) -> Vec<(Vec<u8>, u64)> {
    let mut packets: Vec<(Vec<u8>, u64)> = Vec::new();
    for line in lines {
        match packets.last_mut() {
            Some((packet, count)) if packet.len() + 1 + line.len() <= most_bytes => {
                packet.push(b'\n');
                packet.extend_from_slice(line);
                *count += 1;
            }
            _ => packets.push((line.clone(), 1)),
        }
    }
    packets
}

/// Lines sent, and how long that took. In small bursts; where the sender falls behind it catches up.
pub async fn send(
    port: u16,
    packets: Vec<(Vec<u8>, u64)>,
    rate: u32,
    length: Duration,
) -> anyhow::Result<(u64, Duration)> {
    let sending = move || -> anyhow::Result<(u64, Duration)> {
        super::pin(super::client_core())?;
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.connect(("127.0.0.1", port))?;
        let (begin, mut sent) = (Instant::now(), 0);
        let mut next = packets.iter().cycle();
        while begin.elapsed() < length {
            let due = (begin.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            while sent < due && begin.elapsed() < length {
                let Some((packet, count)) = next.next() else { break };
                socket.send(packet)?;
                sent += count;
            }
            #[allow(clippy::disallowed_methods, reason = "on a blocking thread")]
            std::thread::sleep(PAUSE);
        }
        Ok((sent, begin.elapsed()))
    };
    // Not a thread of the runtime, which would stay on that core.
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("statsd".to_owned()).spawn(move || done.send(sending()).ok())?;
    let sent = result.await?;
    thread.join().map_err(|_| anyhow::anyhow!("the sender failed"))?;
    sent
}
