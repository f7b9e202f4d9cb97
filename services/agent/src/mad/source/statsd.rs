//! StatsD over UDP: several sockets on one port, many datagrams with each
//! system call, and what the kernel had to drop counted.

mod socket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tidegate_mad::Record;
use tidegate_mad::parse::statsd::{Outcome, Statsd};
use tidegate_runtime::Tasks;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::SourceMetrics;
use crate::clock::unix_ms;
use crate::mad::feed::Feed;

pub(super) use socket::bind;
use socket::{Datagrams, Drops};

/// Records that are handed on together, if there is more to read at once.
const BATCH_RECORDS: usize = 2_048;
const FAREWELL: Duration = Duration::from_secs(1);
/// Between two looks at what the kernel dropped.
const DROPS_EVERY: Duration = Duration::from_secs(5);

/// A task for each socket, and one that counts drops.
pub fn start(sockets: &Arc<Vec<UdpSocket>>, feed: &Feed, metrics: &SourceMetrics, tasks: &mut Tasks) {
    for index in 0..sockets.len() {
        let receiver = Receiver {
            sockets: Arc::clone(sockets),
            index,
            statsd: Statsd::default(),
            feed: feed.clone(),
            metrics: metrics.clone(),
        };
        tasks.spawn("agent-statsd", |cancel| receiver.run(cancel));
    }
    let (sockets, metrics) = (Arc::clone(sockets), metrics.clone());
    tasks.spawn("agent-statsd-drops", |cancel| count_drops(sockets, metrics, cancel));
}

struct Receiver {
    sockets: Arc<Vec<UdpSocket>>,
    index: usize,
    statsd: Statsd,
    feed: Feed,
    metrics: SourceMetrics,
}

impl Receiver {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut datagrams = Datagrams::new();
        let mut records = Vec::new();
        loop {
            let received = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                received = datagrams.receive(&self.sockets[self.index]) => received,
            };
            if let Err(error) = received {
                self.metrics.failures.inc();
                tracing::warn!(source = self.metrics.name(), %error, "a datagram could not be received");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            self.read(&datagrams, &mut records);
            // As long as there is more to read at once; a full pipeline is waited for, the kernel keeps
            // what comes meanwhile.
            while records.len() < BATCH_RECORDS && datagrams.try_receive(&self.sockets[self.index]) {
                self.read(&datagrams, &mut records);
            }
            if self.feed.send(std::mem::take(&mut records)).await.is_err() {
                break;
            }
        }
        // What the kernel has already is still ours; a flood has no end.
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end && datagrams.try_receive(&self.sockets[self.index]) {
            self.read(&datagrams, &mut records);
        }
        self.feed.send(records).await.ok();
        Ok(())
    }

    fn read(&mut self, datagrams: &Datagrams, records: &mut Vec<Record>) {
        let now_ms = unix_ms();
        for datagram in datagrams.iter() {
            self.metrics.received.inc();
            match self.statsd.parse(datagram, now_ms, &mut rand::random::<f64>, records) {
                Ok(Outcome::Taken) => {}
                Ok(Outcome::SampledOut) => {
                    self.metrics.sampled_out.inc();
                }
                Err(error) => self.metrics.refuse(&error),
            }
        }
    }
}

async fn count_drops(
    sockets: Arc<Vec<UdpSocket>>,
    metrics: SourceMetrics,
    cancel: CancellationToken,
) -> Result<(), Infallible> {
    let mut drops = Drops::new(&sockets);
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            () = tokio::time::sleep(DROPS_EVERY) => {}
        }
        let more = drops.since_last_time();
        if more > 0 {
            metrics.kernel_drops.inc_by(more);
            tracing::warn!(source = metrics.name(), datagrams = more, "the kernel dropped datagrams");
        }
    }
}

#[cfg(test)]
mod tests;
