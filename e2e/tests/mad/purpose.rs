//! Where the agent differs from the Java daemon on purpose: what Java loses.

use anyhow::{Context, ensure};
use tidegate_testkit::aggregation_server::{Received, decode};
use tidegate_testkit::{Random, now_ms, wire};

use crate::CLOSED;
use crate::cases::{Cases, Message, Phase};
use crate::client::{quantity_v2, record_v12};
use crate::daemon::Daemon;

const SECOND: Option<(u64, u64)> = Some((1, 1));

/// A request of records with one gauge of one value each.
fn request(case: &str, end_ms: i64, values: &[(f64, Option<(u64, u64)>)]) -> Message {
    let mut body = Vec::new();
    for (value, unit) in values {
        let metric = (3, "all/purpose".into(), vec![quantity_v2(*value, *unit)]);
        wire::bytes(&mut body, 1, &record_v12(&mut Random::new(0), case, end_ms, &[metric]));
    }
    let mut cases = Cases::default();
    cases.http(case.into(), Phase::First, "/metrics/v2/application", body);
    cases.messages.remove(0)
}

/// A gauge and a counter of one name.
fn two_kinds(case: &str, end_ms: i64) -> Message {
    let mut body = Vec::new();
    for kind in [3, 4] {
        let metric = (kind, "def/purpose".into(), vec![quantity_v2(1.0, None)]);
        wire::bytes(&mut body, 1, &record_v12(&mut Random::new(0), case, end_ms, &[metric]));
    }
    Message { body, ..request(case, end_ms, &[]) }
}

fn count(all: &[Received], case: &str) -> usize {
    all.iter().filter(|one| one.dimensions["case"] == case && one.period == "PT1S").count()
}

async fn received(daemon: &Daemon) -> anyhow::Result<Vec<Received>> {
    daemon.settled().await?.iter().map(|frame| decode(frame)).collect()
}

/// The value of a statistic of a case's only bucket of that period.
fn value(all: &[Received], case: &str, period: &str, statistic: &str) -> anyhow::Result<Option<f64>> {
    let mut of_case = all.iter().filter(|one| one.dimensions["case"] == case && one.period == period);
    let Some(one) = of_case.next() else { return Ok(None) };
    ensure!(of_case.next().is_none(), "{case} has several buckets of {period}");
    let found = one.statistics.iter().find(|(name, _)| name == statistic).context("the statistic is missing")?;
    Ok(Some(f64::from_bits(found.1.value.unwrap_or(0))))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute and a JVM: make test-mad"]
async fn what_the_java_daemon_loses_is_kept() -> anyhow::Result<()> {
    let Some(mut java) = Daemon::java("what_the_java_daemon_loses_is_kept").await? else { return Ok(()) };
    let mut ours = Daemon::ours().await?;

    // A sample of another unit: Java's worker falls over and starts anew with what comes after it.
    let mixed = request("mixed", now_ms() - 3_600_000, &[(1.0, SECOND), (5.0, None), (2.0, SECOND)]);
    let kinds = two_kinds("kinds", now_ms() - 3_600_000);
    let mixed = [&mixed, &kinds];
    tokio::try_join!(java.send(&mixed), ours.send(&mixed))?;
    tokio::time::sleep(CLOSED).await;
    let (theirs, own) = tokio::try_join!(received(&java), received(&ours))?;
    ensure!(value(&own, "mixed", "PT1S", "sum")? == Some(3.0), "ours: {own:?}");
    ensure!(value(&own, "mixed", "PT1S", "count")? == Some(2.0), "ours: {own:?}");
    ensure!(value(&theirs, "mixed", "PT1S", "sum")? != Some(3.0), "Java: {theirs:?}");

    // One name as two kinds: Java's sink falls over the second count.
    ensure!(count(&own, "kinds") == 2, "ours: {own:?}");
    ensure!(count(&theirs, "kinds") == 0, "Java: {theirs:?}");

    // Open buckets at a stop.
    let stopped = request("stopped", now_ms(), &[(1.0, None), (2.0, None)]);
    let stopped = [&stopped];
    tokio::try_join!(java.send(&stopped), ours.send(&stopped))?;
    tokio::try_join!(java.terminate(), ours.terminate())?;
    let (theirs, own) = tokio::try_join!(received(&java), received(&ours))?;
    for period in ["PT1S", "PT1M"] {
        ensure!(value(&own, "stopped", period, "sum")? == Some(3.0), "ours, {period}: {own:?}");
    }
    ensure!(value(&theirs, "stopped", "PT1M", "sum")?.is_none(), "Java: {theirs:?}");
    Ok(())
}
