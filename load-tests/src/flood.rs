//! Two tenants, each with a token: one pushes on a schedule all the time, the other floods the server with series that were never
//! seen, by turns. What the flood changes for the first one's answers is what the limits of the second let through.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use tidegate_testkit::{Series, binary, now_ms};
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::encode::Protocol;
use crate::latency::{self, Schedule};
use crate::quantile::Latencies;
use crate::{process, target};

#[derive(Args, Clone, Debug)]
pub struct Plan {
    #[command(flatten)]
    pub schedule: Schedule,
    /// Connections of the tenant with the schedule.
    #[arg(long, default_value_t = 16)]
    pub connections: usize,
    /// New series that the flood brings in all.
    #[arg(long, default_value_t = 10_000_000)]
    pub series: u64,
    /// Series in one of its requests.
    #[arg(long, default_value_t = 2_000)]
    pub batch: u64,
    /// Its connections; each sends its next request at its place in the schedule or, where that is past, at once.
    #[arg(long, default_value_t = 8)]
    pub flood_connections: usize,
    /// The schedule without the flood and with it, so many times.
    #[arg(long, default_value_t = 3)]
    pub pairs: u32,
    /// Pause after each time.
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub rest: Duration,
    /// The limits of the tenant that floods, as the file of tokens has them.
    #[arg(
        long,
        default_value = "requests_per_second: 20, samples_per_second: 50000, active_series: 100000, new_series_per_minute: 20000"
    )]
    pub limits: String,
}

/// What became of the flood's requests.
#[derive(Default)]
struct Drowned {
    statuses: BTreeMap<u16, u64>,
    series: u64,
}

const STEADY: &str = "steady";
const FLOOD: &str = "flood";

/// A token of a tenant that may push, and its entry for the file.
fn token(tenant: &str) -> anyhow::Result<(String, String)> {
    let output =
        Command::new(binary::tidegate()?).args(["token", "new", "--role", "push", "--tenant", tenant]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (token, entry) = text.split_once("\n\n").with_context(|| format!("no token: {text}"))?;
    Ok((token.to_owned(), entry.to_owned()))
}

/// The table of a run.
pub async fn run(plan: &Plan, settings: &[(String, String)]) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tokens.yaml");
    let ((steady, of_steady), (flood, of_flood)) = (token(STEADY)?, token(FLOOD)?);
    std::fs::write(&file, format!("tenants: {{{FLOOD}: {{{}}}}}\ntokens:\n{of_steady}{of_flood}", plan.limits))?;
    let mut all = vec![
        ("auth.tokens_file".to_owned(), file.display().to_string()),
        ("limits.new_series_grace_seconds".to_owned(), "0".to_owned()),
    ];
    all.extend_from_slice(settings);
    let mut target = target::tidegate(Protocol::RemoteWrite, &all).await?;
    target.token = Some(steady);
    let mut seed = 0;
    let mut schedule = async |duration: Duration| {
        seed += 1;
        latency::run(&target, &Schedule { duration, ..plan.schedule }, plan.connections, seed).await
    };
    // Its series are known and its connections warm.
    schedule(Duration::from_secs(5)).await?;
    let (mut without, mut with, mut text) = (Latencies::default(), Latencies::default(), String::new());
    let each = plan.series / u64::from(plan.pairs);
    writeln!(text, "{:<22} {:>9} {:>9} {:>9} {:>9}  resident, MiB", "", "p50, ms", "p90", "p99", "p99.9")?;
    for pair in 0..plan.pairs {
        let begun = u64::from(pair) * each;
        let bodies = encode(plan, begun..begun + each)?;
        let mut drowned = Drowned::default();
        // Which comes first changes, so that what one leaves behind is in both.
        for floods in [pair % 2 == 1, pair % 2 == 0] {
            process::forget_peak(target.pid)?;
            let answered = if floods {
                let flooding = drown(plan, target.port, &flood, bodies.clone());
                let (answered, outcome) = tokio::join!(schedule(plan.schedule.duration), flooding);
                drowned = outcome?;
                answered?
            } else {
                schedule(plan.schedule.duration).await?
            };
            anyhow::ensure!(answered.busy_answers == 0, "{} pushes of the other were refused", answered.busy_answers);
            let name = format!("{} {}", if floods { "flood" } else { "no flood" }, pair + 1);
            let resident = process::peak_resident_bytes(target.pid)?;
            line(&mut text, &name, &answered.latencies, Some(resident))?;
            if floods {
                with.merge(answered.latencies)
            } else {
                without.merge(answered.latencies)
            }
            tokio::time::sleep(plan.rest).await;
        }
        writeln!(
            text,
            "  the flood: {} new series offered, requests by status {:?}",
            drowned.series, drowned.statuses
        )?;
    }
    line(&mut text, "all without", &without, None)?;
    line(&mut text, "all with", &with, None)?;
    let ratio = |share: f64| with.quantiles([share])[0].as_secs_f64() / without.quantiles([share])[0].as_secs_f64();
    writeln!(text, "with / without: p50 {:.2}, p90 {:.2}, p99 {:.2}", ratio(0.5), ratio(0.9), ratio(0.99))?;
    Ok(text)
}

fn line(text: &mut String, name: &str, latencies: &Latencies, resident: Option<u64>) -> anyhow::Result<()> {
    let [p50, p90, p99, p999] = latencies.quantiles([0.5, 0.9, 0.99, 0.999]).map(|time| time.as_secs_f64() * 1_000.0);
    let resident = resident.map_or(String::new(), |bytes| (bytes >> 20).to_string());
    Ok(writeln!(text, "{name:<22} {p50:>9.2} {p90:>9.2} {p99:>9.2} {p999:>9.2}  {resident}")?)
}

/// Requests of series with these numbers.
fn encode(plan: &Plan, numbers: std::ops::Range<u64>) -> anyhow::Result<Vec<Bytes>> {
    let begins = numbers.clone().step_by(usize::try_from(plan.batch)?);
    let body = |begin: u64| {
        let series: Vec<Series> = (begin..numbers.end.min(begin + plan.batch))
            .map(|number| {
                let id = number.to_string();
                Series::new("flood_requests_total", &[("path", &id), ("pod", &format!("pod-{}", number % 997))])
                    .at(now_ms(), 1.0)
            })
            .collect();
        Protocol::RemoteWrite.body(&series, 0, 0)
    };
    begins.map(body).collect()
}

/// Sends them evenly over the schedule's time; what comes back changes nothing.
async fn drown(plan: &Plan, port: u16, token: &str, bodies: Vec<Bytes>) -> anyhow::Result<Drowned> {
    let begin = Instant::now() + plan.schedule.lead();
    let period = plan.schedule.duration.div_f64(bodies.len() as f64);
    let until = begin + plan.schedule.duration;
    let mut senders = JoinSet::new();
    let mut queues = vec![Vec::new(); plan.flood_connections];
    for (index, body) in bodies.into_iter().enumerate() {
        queues[index % plan.flood_connections].push((begin + period.mul_f64(index as f64), body));
    }
    for (index, queue) in queues.into_iter().enumerate() {
        let mut connection = Connection::open(Protocol::RemoteWrite, port, &format!("flood-{index}")).await?;
        connection.authorize(token)?;
        let batch = plan.batch;
        senders.spawn(async move {
            let mut drowned = Drowned::default();
            for (due, body) in queue {
                tokio::time::sleep_until(due.into()).await;
                if Instant::now() > until {
                    break;
                }
                *drowned.statuses.entry(connection.status(body).await?.as_u16()).or_default() += 1;
                drowned.series += batch;
            }
            anyhow::Ok(drowned)
        });
    }
    let mut all = Drowned::default();
    while let Some(done) = senders.join_next().await {
        let one = done??;
        all.series += one.series;
        one.statuses.into_iter().for_each(|(status, count)| *all.statuses.entry(status).or_default() += count);
    }
    Ok(all)
}
