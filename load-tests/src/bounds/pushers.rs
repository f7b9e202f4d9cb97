//! Clients that push all the time, and how they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidegate_testkit::{Series, now_ms};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::{Connection, Outcome};
use crate::encode::Protocol;

const CONNECTIONS: usize = 4;
/// Time between two samples of a series.
const ROUNDS: usize = 5;
/// As an agent waits before it sends a batch again.
const AGAIN: Duration = Duration::from_millis(500);
/// Samples in a batch of the flood.
const FLOOD_SAMPLES: usize = 10_000;

/// Counted by all clients together.
#[derive(Default)]
pub struct Answers {
    accepted: AtomicU64,
    too_many: AtomicU64,
    unavailable: AtomicU64,
    failed: AtomicU64,
}

/// Requests by their answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub accepted: u64,
    /// 429 or RESOURCE_EXHAUSTED
    pub too_many: u64,
    /// 503 or UNAVAILABLE
    pub unavailable: u64,
    /// Anything else, and none at all within 30 s.
    pub failed: u64,
}

impl Answers {
    fn count(&self, outcome: &anyhow::Result<Outcome>) {
        let counter = match outcome {
            Ok(Outcome::Accepted) => &self.accepted,
            Ok(Outcome::Busy(why)) if why.starts_with("429") || why.starts_with("grpc-status 8") => &self.too_many,
            Ok(Outcome::Busy(_)) => &self.unavailable,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Those since the last call.
    pub fn take(&self) -> Counts {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Counts {
            accepted: take(&self.accepted),
            too_many: take(&self.too_many),
            unavailable: take(&self.unavailable),
            failed: take(&self.failed),
        }
    }
}

/// A few agents that push `series` series, a batch a second each, and send a batch again until it is taken.
pub async fn steady(port: u16, series: usize, answers: &Arc<Answers>) -> anyhow::Result<JoinSet<()>> {
    let mut agents = JoinSet::new();
    for agent in 0..CONNECTIONS {
        let mut connection = Connection::open(Protocol::Grpc, port, &format!("steady-{agent}")).await?;
        let answers = Arc::clone(answers);
        let own = series / CONNECTIONS;
        agents.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for sequence in 1u64.. {
                ticks.tick().await;
                let round = sequence as usize % ROUNDS;
                let batch: Vec<Series> = (round..own).step_by(ROUNDS).map(|n| sample(agent, n, sequence)).collect();
                let Ok(body) = Protocol::Grpc.body(&batch, agent as u64 + 1, sequence) else { return };
                push_until_taken(&mut connection, &body, port, &answers).await;
            }
        });
    }
    Ok(agents)
}

async fn push_until_taken(connection: &mut Connection, body: &Bytes, port: u16, answers: &Answers) {
    loop {
        let outcome = connection.send(body.clone()).await;
        answers.count(&outcome);
        match outcome {
            Ok(Outcome::Accepted) => return,
            Ok(Outcome::Busy(_)) => {}
            Err(_) => {
                if let Ok(fresh) = Connection::open(Protocol::Grpc, port, "steady").await {
                    *connection = fresh;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn sample(agent: usize, n: usize, value: u64) -> Series {
    let (name, host) = (format!("load_bounds_{:02}", n % 50), format!("host-{:05}.example.net", n / 50));
    let series = Series::new(&name, &[("agent", &agent.to_string()), ("instance", &host), ("job", "load")]);
    series.at(now_ms(), value as f64)
}

/// Clients that each send the same large batch, again and again, as soon as they are answered.
pub async fn flood(port: u16, connections: usize, answers: &Arc<Answers>) -> anyhow::Result<JoinSet<()>> {
    let batch: Vec<Series> = (0..FLOOD_SAMPLES).map(|n| sample(usize::MAX, n, n as u64)).collect();
    let body = Protocol::RemoteWrite.body(&batch, 0, 0)?;
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let mut connection = Connection::open(Protocol::RemoteWrite, port, &format!("flood-{client}")).await?;
        let (answers, body) = (Arc::clone(answers), body.clone());
        clients.spawn(async move {
            loop {
                let outcome = connection.send(body.clone()).await;
                answers.count(&outcome);
                if outcome.is_err() {
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
    Ok(clients)
}
