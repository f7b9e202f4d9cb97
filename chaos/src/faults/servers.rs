//! Faults of the servers under a fleet: brokers, Cassandra's nodes, S3.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tidegate_testkit::fault_proxy::{Fault as Trouble, Faults};
use tidegate_testkit::now_ms;

use crate::session::Session;
use crate::tally::MINUTE_MS;
use crate::watch::Fault;

const DOWN: Duration = Duration::from_secs(20);

/// Another broker each time.
pub async fn broker(session: &mut Session, run: u32) -> anyhow::Result<()> {
    session.pause(0..5_000).await;
    let stack = &session.cluster.servers()?.stack;
    let server = format!("kafka-{}", 1 + run % u32::from(stack.size.brokers));
    let fault = Fault::now();
    stack.kill(&server).await?;
    session.recovered(fault).await?;
    tokio::time::sleep(DOWN).await;
    session.cluster.servers()?.stack.start(&server).await
}

/// The broker goes on with another clock for a while. Records are stamped by it, so time steps twice.
pub async fn broker_clock(session: &mut Session, run: u32) -> anyhow::Result<()> {
    const OFFSETS: [&str; 3] = ["+1h", "-1h", "-30m"];
    const SERVER: &str = "kafka-1";
    let offset = OFFSETS[run as usize % OFFSETS.len()];
    let stack = &session.cluster.servers()?.stack;
    stack.kill(SERVER).await?;
    // Not through the program `faketime`, which stays between and would be killed in the broker's place.
    let library = faketime()?;
    stack.start_through(SERVER, &format!("env LD_PRELOAD={} FAKETIME={offset}", library.display())).await?;
    // Nothing is held open until that clock says what the former one said.
    let stored = minute_stored(session, now_ms()).await.with_context(|| format!("by a clock {offset}"))?;
    session.notes.push(format!("{offset}: a minute was in the store {} s after its end", stored.as_secs()));
    let stack = &session.cluster.servers()?.stack;
    let fault = Fault::now();
    stack.kill(SERVER).await?;
    stack.start(SERVER).await?;
    session.recovered(fault).await
}

/// Waits until the first whole minute after `since_ms` is in the store; how long after its end that was.
async fn minute_stored(session: &Session, since_ms: i64) -> anyhow::Result<Duration> {
    const LIMIT: Duration = Duration::from_secs(150);
    let minute_ms = (since_ms.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
    let ends_ms = minute_ms + MINUTE_MS;
    let keyspace = session.cluster.servers()?.keyspace().await?;
    loop {
        let age = Duration::from_millis(u64::try_from(now_ms() - ends_ms).unwrap_or(0));
        let minutes = keyspace.minutes().await?;
        let of_it = minutes.filtered(|id, start_ms| start_ms == minute_ms && id.starts_with("live-"));
        if of_it.windows() as u64 >= session.whole() && now_ms() > ends_ms {
            return Ok(age);
        }
        ensure!(
            age < LIMIT,
            "of {} series of a minute {} were in the store {LIMIT:?} after its end",
            session.whole(),
            of_it.windows()
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Where Debian's package `faketime` has its library.
fn faketime() -> anyhow::Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").context("/usr/lib")?;
    let mut libraries = folders.flatten().map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    libraries.find(|library| library.exists()).context("sudo apt-get install -y faketime")
}

/// So many nodes at once, others each time. Without two of three nothing can be stored: rows wait, and no push is
/// refused. Live windows do not need the store.
pub async fn nodes(session: &mut Session, run: u32, count: u16) -> anyhow::Result<()> {
    session.pause(0..5_000).await;
    let stack = &session.cluster.servers()?.stack;
    let size = u32::from(stack.size.nodes);
    let servers: Vec<String> =
        (0..u32::from(count)).map(|next| format!("cassandra-{}", 1 + (run + next) % size)).collect();
    let fault = Fault::now();
    for server in &servers {
        stack.kill(server).await?;
    }
    // Over the close of a minute.
    tokio::time::sleep(Duration::from_secs(75)).await;
    let stack = &session.cluster.servers()?.stack;
    for server in &servers {
        stack.start(server).await?;
    }
    session.recovered(fault).await
}

/// Every kind of trouble, while hours are shipped and shipped again.
pub async fn s3(session: &mut Session) -> anyhow::Result<()> {
    let slow = Duration::from_millis(500);
    let trouble = Faults::none()
        .of_all(Trouble::Status(503), 60)
        .of_all(Trouble::Status(500), 40)
        .of_all(Trouble::Cut, 60)
        .of_all(Trouble::Slow(slow), 60)
        .of_all(Trouble::Hang(Duration::from_secs(5)), 20)
        .of_puts(Trouble::LostAnswer, 150)
        .of_puts(Trouble::WrongAnswer(503), 50)
        .of_puts(Trouble::Status(412), 30)
        .of_puts(Trouble::Status(409), 30);
    let proxy = &session.cluster.servers()?.s3;
    proxy.set(trouble);
    let begun = Instant::now();
    // An hour that was shipped is shipped again when it has settled, so requests are few.
    while begun.elapsed() < Duration::from_secs(150) && proxy.happened().values().sum::<u64>() < 25 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let happened = proxy.happened();
    proxy.set(Faults::none());
    ensure!(happened.values().sum::<u64>() >= 5, "hardly anything was asked of S3: {happened:?}");
    session.notes.push(format!("{happened:?}"));
    session.recovered(Fault::now()).await
}
