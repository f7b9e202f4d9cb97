//! Many clients that follow live streams: how long after the end of a window its event is with the client, and what that
//! costs the server.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidegate_testkit::{Api, Series, now_ms, push};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::encode::Protocol;
use crate::process;
use crate::quantile::Latencies;
use crate::target;

const STEP_MS: i64 = 5_000;
/// From the last connection to the first step that counts.
const WARM_UP: Duration = Duration::from_secs(7);
/// Connections that are opened at once.
const OPENING: usize = 50;

#[derive(Args, Clone, Copy, Debug)]
pub struct Audience {
    #[arg(long, default_value_t = 1_000)]
    pub streams: usize,
    /// Different expressions among them.
    #[arg(long, default_value_t = 20)]
    pub expressions: usize,
    /// Series in each expression's result.
    #[arg(long, default_value_t = 20)]
    pub series: usize,
    /// How long events are counted.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
}

/// What a run gave.
#[derive(Default)]
pub struct Followed {
    pub latencies: Latencies,
    pub corrections: u64,
    /// Steps that a client should have had and had not.
    pub missed: u64,
    /// Steps with other than the expected number of points.
    pub thin: u64,
    /// Steps without some partition.
    pub incomplete: u64,
    pub evaluations: f64,
    pub cpu_seconds: f64,
    pub peak_resident_bytes: u64,
    pub wall: Duration,
}

/// The steps whose events count: `(first, last]`.
#[derive(Clone, Copy)]
struct Span {
    first_ms: i64,
    last_ms: i64,
}

/// In a fleet it is the query's CPU and memory that count.
pub async fn run(audience: &Audience, fleet: bool, settings: &[(String, String)]) -> anyhow::Result<Followed> {
    let mut settings = settings.to_vec();
    for key in ["query.max_streams", "query.max_streams_per_tenant"] {
        settings.insert(0, (key.to_owned(), audience.streams.to_string()));
    }
    let target = match fleet {
        true => target::fleet(Protocol::Grpc, &settings, target::WHOLE).await?,
        false => target::tidegate(Protocol::Grpc, &settings).await?,
    };
    let query = target.others.iter().find(|(name, _)| name == "query");
    let pid = query.map_or(target.pid, |(_, pid)| *pid);
    let api = &target.api;
    println!("{} streams of {} expressions to process {pid}", audience.streams, audience.expressions);
    let pushing = tokio::spawn(push_each_second(format!("http://127.0.0.1:{}", target.port), *audience));

    // Connected long before the span begins, but told of it only then.
    let (tell, span) = tokio::sync::watch::channel(None);
    let mut clients = JoinSet::new();
    for number in 0..audience.streams {
        let response = open(target.query_port, number % audience.expressions);
        clients.spawn(follow(response.await?, audience.series, span.clone()));
        if number % OPENING == OPENING - 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let first_ms = (now_ms() + i64::try_from(WARM_UP.as_millis())?).div_euclid(STEP_MS) * STEP_MS;
    let last_ms = first_ms + i64::try_from(audience.duration.as_millis())?.div_euclid(STEP_MS) * STEP_MS;
    tell.send_replace(Some(Span { first_ms, last_ms }));
    tokio::time::sleep(WARM_UP).await;
    let (begin, cpu, evaluations) = (Instant::now(), process::cpu_seconds(pid)?, evaluations(api).await?);
    tokio::time::sleep(audience.duration).await;
    let mut followed = Followed {
        wall: begin.elapsed(),
        cpu_seconds: process::cpu_seconds(pid)? - cpu,
        evaluations: self::evaluations(api).await? - evaluations,
        peak_resident_bytes: process::peak_resident_bytes(pid)?,
        ..Followed::default()
    };
    while let Some(one) = clients.join_next().await {
        followed.add(one??);
    }
    ensure!(!pushing.is_finished(), "pushing has ended: {:?}", pushing.await?);
    pushing.abort();
    Ok(followed)
}

impl Followed {
    fn add(&mut self, one: Self) {
        self.latencies.merge(one.latencies);
        self.corrections += one.corrections;
        self.missed += one.missed;
        self.thin += one.thin;
        self.incomplete += one.incomplete;
    }
}

/// Pushes a sample of each series each second, as a host's agent does.
async fn push_each_second(url: String, audience: Audience) -> anyhow::Result<()> {
    let mut agent = push::Agent::new(&url, [9; 16], "load-streams")?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for round in 0u32.. {
        ticks.tick().await;
        let time_ms = now_ms();
        let series: Vec<Series> = (0..audience.expressions * audience.series)
            .map(|n| {
                let (name, host) =
                    (metric(n / audience.series), format!("host-{:03}.example.org", n % audience.series));
                Series::new(&name, &[("host", &host), ("job", "load")]).at(time_ms, f64::from(round) * (n + 1) as f64)
            })
            .collect();
        agent.push(&series).await?;
    }
    Ok(())
}

fn metric(expression: usize) -> String {
    format!("load_{expression:03}_total")
}

async fn evaluations(api: &Api) -> anyhow::Result<f64> {
    let (_, text) = api.get("/metrics").await?;
    let line = text.lines().find_map(|line| line.strip_prefix("tidegate_query_stream_evaluations_total "));
    Ok(line.context("the server does not count its evaluations")?.parse()?)
}

async fn open(port: u16, expression: usize) -> anyhow::Result<hyper::body::Incoming> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = format!("/api/v1/stream?query=rate({}[30s])", metric(expression));
    let request = Request::get(path).header("host", format!("127.0.0.1:{port}")).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if !response.status().is_success() {
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    // The connection lives as long as its answer is read.
    tokio::spawn(async move {
        let _sender = sender;
        std::future::pending::<()>().await;
    });
    Ok(response.into_body())
}

/// Reads until the last step of the span, or for a while after it.
async fn follow(
    mut body: hyper::body::Incoming,
    series: usize,
    span: tokio::sync::watch::Receiver<Option<Span>>,
) -> anyhow::Result<Followed> {
    let mut followed = Followed::default();
    let (mut pending, mut latest) = (Vec::new(), 0);
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(60), body.frame()).await.context("nothing for 60 s")?;
        let data = frame.context("the server ended a stream")??.into_data();
        let received_ms = now_ms();
        pending.extend_from_slice(&data.unwrap_or_default());
        while let Some(end) = pending.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = pending.drain(..end + 2).collect();
            let block = std::str::from_utf8(&block)?;
            let Some(Span { first_ms, last_ms }) = *span.borrow() else { continue };
            if block.contains("event: ") {
                ensure!(block.contains("event: correction"), "{block}");
                followed.corrections += 1;
                continue;
            }
            let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) else { continue };
            let (step_ms, incomplete) = match id.split_once('-') {
                Some((step, _)) => (step.parse::<i64>()?, true),
                None => (id.parse::<i64>()?, false),
            };
            if step_ms <= first_ms {
                continue;
            }
            let before = if latest == 0 { first_ms } else { latest };
            followed.missed += u64::try_from((step_ms - before) / STEP_MS - 1)?;
            latest = step_ms;
            followed.incomplete += u64::from(incomplete);
            followed.thin += u64::from(block.matches("\",\"").count() != series);
            followed.latencies.add(Duration::from_millis(u64::try_from(received_ms - step_ms)?));
            if step_ms >= last_ms {
                return Ok(followed);
            }
        }
    }
}
